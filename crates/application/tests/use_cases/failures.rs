//! Prompts that get no answer.

use crate::world::{World, prompt, soon};
use palavra_domain::{FailureCode, ModelError, TurnStatus};
use palavra_inmem::fakes::{Mood, Script};
use std::time::Duration;

const WAIT: Option<Duration> = Some(Duration::from_secs(7));

type Failure = (fn() -> ModelError, FailureCode, Option<Duration>);

const FAILURES: [Failure; 11] = [
    (|| ModelError::RateLimited { retry_after: WAIT }, FailureCode::RateLimited, WAIT),
    (|| ModelError::ContextTooLong, FailureCode::ContextTooLong, None),
    (|| ModelError::Refused, FailureCode::ContentRefused, None),
    (|| ModelError::Credentials, FailureCode::ApiKeyRejected, None),
    (|| ModelError::OutOfCredits, FailureCode::OutOfCredits, None),
    (|| ModelError::ModelNotFound, FailureCode::ModelNotFound, None),
    (|| ModelError::Rejected { status: 400, reason: "no".into() }, FailureCode::UpstreamInvalid, None),
    (|| ModelError::Timeout, FailureCode::UpstreamTimeout, None),
    (|| ModelError::Unavailable { retry_after: WAIT, source: "x".into() }, FailureCode::UpstreamUnavailable, WAIT),
    (|| ModelError::Malformed { source: "odd".into() }, FailureCode::UpstreamInvalid, None),
    (|| ModelError::Interrupted, FailureCode::UpstreamInterrupted, None),
];

#[tokio::test]
async fn each_error_has_its_code_and_the_prompt_is_kept() {
    let world = World::new();
    let user = world.user("ana").await;
    let mut chat = None;
    for (error, code, retry_after) in FAILURES {
        world.model.script(Script::refused(error()));
        let ended = world.ask(user, chat, "Olá").await;
        let failure = ended.failure.unwrap();
        assert_eq!((failure.code, failure.retry_after), (code, retry_after));
        assert_eq!((ended.turn.status, ended.turn.failure), (TurnStatus::Failed, Some(code)));
        chat = Some(ended.turn.chat_id);
    }
    let (stored, turns) = world.stored(user, chat.unwrap()).await;
    assert_eq!(stored.active, None);
    assert_eq!(turns.len(), FAILURES.len());
    for (turn, (_, code, _)) in turns.iter().zip(FAILURES) {
        assert_eq!((turn.prompt.as_str(), turn.reply.as_ref(), turn.failure), ("Olá", None, Some(code)));
        // There is nothing to remember from, and nothing was used.
        assert_eq!((turn.memory_job, turn.usage().total_tokens), (None, None));
    }
    assert_eq!(stored.totals.total_tokens, None);
}

#[tokio::test]
async fn what_came_of_an_answer_is_kept() {
    let world = World::new();
    let user = world.user("ana").await;
    for (error, code, _) in FAILURES {
        world.model.script(Script::new().say("Metade ").say("da").fail(error()));
        let ended = world.ask(user, None, "Olá").await;
        assert_eq!((ended.turn.reply.as_deref(), ended.turn.failure), (Some("Metade da"), Some(code)));
        assert_eq!(ended.turn.status, TurnStatus::Failed);
        assert!(ended.turn.attempts[0].generation_id.is_some());
        let (_, turns) = world.stored(user, ended.turn.chat_id).await;
        assert_eq!(turns[0], ended.turn);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_ended() {
    let world = World::with(|_, policy| policy.generation_timeout = Duration::from_millis(80));
    let user = world.user("ana").await;
    world.model.script(Script::new().say("Metade").hang());
    let ended = world.ask(user, None, "Olá").await;
    assert_eq!(ended.failure.unwrap().code, FailureCode::UpstreamTimeout);
    assert_eq!(ended.turn.reply.as_deref(), Some("Metade"));
    world.model.set_mood(Mood::Hangs);
    let ended = world.ask(user, None, "Olá").await;
    assert_eq!(ended.failure.unwrap().code, FailureCode::UpstreamTimeout);
    // The call is given up, not left running.
    assert_eq!(world.model.cut_off(), 1);
}

#[tokio::test]
async fn an_answer_without_a_word_is_an_answer() {
    let world = World::new();
    let user = world.user("ana").await;
    world.model.script(Script::new());
    let ended = world.ask(user, None, "Olá").await;
    assert_eq!((ended.turn.status, ended.turn.reply.as_deref()), (TurnStatus::Complete, Some("")));
}

#[tokio::test]
async fn what_has_come_is_saved_on_the_way() {
    let world = World::with(|_, policy| policy.checkpoint_every = Duration::from_millis(10));
    let user = world.user("ana").await;
    world.model.script(Script::new().say("Metade").hang());
    let accepted = world.send(user, prompt(None, "Olá")).await.unwrap();
    let reference = accepted.started.turn;
    let until = world.clock.advance(Duration::from_secs(20)).plus(world.policy.lease);
    crate::world::until(|| async {
        let (chat, turns) = world.stored(user, reference.chat).await;
        let lease = chat.active.unwrap().lease.until;
        turns[0].reply.as_deref() == Some("Metade") && lease == until
    })
    .await;
    let (_, turns) = world.stored(user, reference.chat).await;
    assert_eq!(turns[0].status, TurnStatus::Pending);
    assert_eq!(turns[0].attempts[0].generation_id.as_deref(), Some("gen-1"));
    drop(accepted);
    soon(world.ports.chats.interrupt_turn(reference, until)).await.unwrap();
    let (_, turns) = world.stored(user, reference.chat).await;
    assert_eq!((turns[0].status, turns[0].reply.as_deref()), (TurnStatus::Interrupted, Some("Metade")));
}
