//! The way of one prompt.

use crate::{
    flaky::{FlakyChats, down},
    world::{KEY, World, chats, prompt, registration, soon, until, watched},
};
use futures::StreamExt;
use palavra_application::{Learnt, PromptRequest, SendPromptError};
use palavra_domain::{ChatId, FailureCode, JobState, StoreError, TurnStatus, Usage, ports::TurnEvent};
use palavra_inmem::fakes::{Gate, Script, default_usage};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

#[tokio::test]
async fn a_prompt_is_written_down_before_the_model_is_asked() {
    let world = World::new();
    let user = world.user("ana").await;
    let gate = Gate::new();
    world.model.script(Script::reply("Oi!").opened_by(&gate));
    let accepted = world.send(user, prompt(None, "Olá")).await.unwrap();
    soon(gate.reached()).await;

    let chat = accepted.started.turn.chat;
    let (stored, turns) = world.stored(user, chat).await;
    assert_eq!(stored.active.unwrap().turn, accepted.started.turn.turn);
    assert_eq!((turns[0].status, turns[0].prompt.as_str(), turns[0].seq), (TurnStatus::Pending, "Olá", 1));
    assert_eq!(turns[0].attempts[0].model_asked.as_str(), "vendor/default");
    assert_eq!(stored.title.as_str(), "Olá");

    gate.open();
    let ended = soon(accepted.ended).await.unwrap();
    assert_eq!(
        (ended.turn.status, ended.turn.reply.as_deref(), ended.failure),
        (TurnStatus::Complete, Some("Oi!"), None)
    );
    let (stored, turns) = world.stored(user, chat).await;
    assert_eq!((stored.active, stored.totals), (None, default_usage()));
    assert_eq!(turns[0], ended.turn);
    let attempt = &turns[0].attempts[0];
    assert_eq!(attempt.model_answered.as_deref(), Some("vendor/default"));
    assert_eq!((attempt.generation_id.as_deref(), attempt.finish_reason.as_deref()), (Some("gen-1"), Some("stop")));
    assert_eq!(world.model.calls()[0].key.expose(), KEY);
    assert_ne!(world.model.calls()[0].request.end_user, "ana");
}

#[tokio::test]
async fn the_model_is_the_asked_one_then_the_users_then_the_deployments() {
    let world = World::new();
    let user = world.user("ana").await;
    world.ask(user, None, "one").await;
    let mut stored = world.app.accounts.profile(user).await.unwrap();
    stored.default_model = Some(crate::world::model("vendor/mine"));
    world.ports.users.update(&stored).await.unwrap();
    world.ask(user, None, "two").await;
    let request = PromptRequest { model: Some(crate::world::model("vendor/this")), ..prompt(None, "three") };
    soon(world.send(user, request).await.unwrap().ended).await.unwrap();
    let asked: Vec<String> =
        world.model.text_calls().into_iter().map(|call| call.request.model.into_string()).collect();
    assert_eq!(asked, ["vendor/default", "vendor/mine", "vendor/this"]);
}

#[tokio::test]
async fn the_model_that_answered_is_kept() {
    let world = World::new();
    let user = world.user("ana").await;
    world.model.script(Script::reply("x").answered_by("vendor/other").ended_by("length"));
    let ended = world.ask(user, None, "Olá").await;
    assert_eq!(ended.turn.model(), Some("vendor/other"));
    assert_eq!(ended.turn.attempts[0].finish_reason.as_deref(), Some("length"));
}

#[tokio::test]
async fn a_chat_answers_one_prompt_at_a_time() {
    let world = World::new();
    let user = world.user("ana").await;
    let chat = world.ask(user, None, "one").await.turn.chat_id;
    let gate = Gate::new();
    world.model.script(Script::reply("late").opened_by(&gate));
    let accepted = world.send(user, prompt(Some(chat), "two")).await.unwrap();
    let busy = world.send(user, prompt(Some(chat), "three")).await;
    assert!(matches!(busy, Err(SendPromptError::ChatBusy)));
    // Another chat is free.
    world.ask(user, None, "elsewhere").await;
    gate.open();
    soon(accepted.ended).await.unwrap();
    assert_eq!(world.ask(user, Some(chat), "three").await.turn.seq, 3);
}

#[tokio::test]
async fn somebody_elses_chat_is_not_found() {
    let world = World::new();
    let (ana, bia) = (world.user("ana").await, world.user("bia").await);
    let chat = world.ask(ana, None, "secret").await.turn.chat_id;
    let calls = world.model.calls().len();
    for chat in [chat, ChatId::new(uuid::Uuid::from_u128(9))] {
        let refused = world.send(bia, prompt(Some(chat), "and?")).await;
        assert!(matches!(refused, Err(SendPromptError::ChatNotFound)));
        assert!(world.app.chats.history(bia, chat, None, 10).await.is_err());
    }
    assert_eq!(world.model.calls().len(), calls);
    assert_eq!(world.stored(ana, chat).await.1.len(), 1);
}

#[tokio::test]
async fn without_a_key_nothing_is_stored() {
    let world = World::new();
    let user = world.app.accounts.register(registration("ana", None)).await.unwrap().id;
    let refused = world.send(user, prompt(None, "Olá")).await;
    assert!(matches!(refused, Err(SendPromptError::KeyMissing)));
    assert!(world.ports.chats.list_chats(user, None, 10).await.unwrap().items.is_empty());
    assert!(world.model.calls().is_empty() && world.embedder.calls().is_empty());
}

#[tokio::test]
async fn a_prompt_that_cannot_be_taken_is_not_stored() {
    let world = World::with(|_, policy| policy.prompt_max_chars = 10);
    let user = world.user("ana").await;
    for text in ["", " \n", "a\0b", "12345678901"] {
        let refused = world.send(user, prompt(None, text)).await;
        assert!(matches!(refused, Err(SendPromptError::Invalid(_))), "{text:?}");
    }
    assert!(world.ports.chats.list_chats(user, None, 10).await.unwrap().items.is_empty());
    assert_eq!(world.ask(user, None, "éééééééééé").await.turn.status, TurnStatus::Complete);
}

#[tokio::test]
async fn totals_count_each_turn_once() {
    let world = World::new();
    let user = world.user("ana").await;
    let chat = world.ask(user, None, "one").await.turn.chat_id;
    let usage = Usage { cost: "0.1".parse().ok(), total_tokens: Some(7), ..Usage::default() };
    world.model.script(Script::reply("two").using(usage));
    world.ask(user, Some(chat), "two").await;
    world.model.script(Script::reply("three").using(Usage::default()));
    let unreported = world.ask(user, Some(chat), "three").await;
    assert_eq!(unreported.turn.usage(), Usage::default());
    let totals = world.stored(user, chat).await.0.totals;
    assert_eq!(totals, default_usage().plus(usage));
    assert_eq!(totals.cost.unwrap().to_string(), "0.100015");
}

#[tokio::test]
async fn a_sender_who_goes_away_loses_nothing() {
    let world = World::new();
    let user = world.user("ana").await;
    // While the turn is being prepared, and while it is being answered.
    for early in [true, false] {
        let gate = Gate::new();
        world.model.script(Script::new().gate(&gate).say("all of it"));
        let sending = {
            let (app, request) = (world.app.clone(), watched(None, "Olá"));
            tokio::spawn(async move {
                let accepted = app.prompts.send(user, request).await;
                if early { accepted } else { std::future::pending().await }
            })
        };
        soon(gate.reached()).await;
        sending.abort();
        drop(sending.await);
        gate.open();
        let newest = || async { world.ports.chats.list_chats(user, None, 1).await.unwrap().items.remove(0) };
        until(|| async { newest().await.active.is_none() }).await;
        let (stored, turns) = world.stored(user, newest().await.id).await;
        assert_eq!((turns[0].status, turns[0].reply.as_deref()), (TurnStatus::Complete, Some("all of it")));
        assert_eq!(stored.totals, default_usage());
    }
    assert_eq!(world.model.cut_off(), 0);
}

#[tokio::test]
async fn a_stream_says_what_the_reply_is() {
    let world = World::new();
    let user = world.user("ana").await;
    let parts = ["Olá ", "👩‍👩‍👧", "‍👦 ", "日本", "\u{202e}x", " e\u{301}"];
    let script =
        parts.iter().fold(Script::new(), |script, part| script.say(part).wait(std::time::Duration::from_millis(2)));
    world.model.script(script);
    let accepted = world.send(user, watched(None, "Olá")).await.unwrap();
    let events: Vec<TurnEvent> = soon(accepted.events.unwrap().collect()).await;
    let ended = soon(accepted.ended).await.unwrap();

    assert_eq!(events.first(), Some(&TurnEvent::Started(accepted.started)));
    let mut reply = String::new();
    for event in &events[1..events.len() - 1] {
        let TurnEvent::Delta { text, end } = event else { panic!("{event:?}") };
        reply.push_str(text);
        assert_eq!(*end, reply.len());
    }
    assert_eq!(reply, parts.concat());
    assert_eq!(ended.turn.reply.as_deref(), Some(reply.as_str()));
    let last = TurnEvent::Ended { turn: Box::new(ended.turn), failure: None };
    assert_eq!(events.last(), Some(&last));
}

#[tokio::test]
async fn nothing_is_kept_of_a_nul_in_a_reply() {
    let world = World::new();
    let user = world.user("ana").await;
    world.model.script(Script::new().say("a\0b"));
    assert_eq!(world.ask(user, None, "Olá").await.turn.reply.as_deref(), Some("a\u{fffd}b"));
}

#[tokio::test]
async fn settling_is_tried_again_while_the_store_is_down() {
    for answer_lost in [false, true] {
        let flaky =
            Arc::new(FlakyChats { settle_failures: AtomicUsize::new(3), answer_lost, ..FlakyChats::new(chats()) });
        let world = World::with(|ports, _| ports.chats = flaky.clone());
        let user = world.user("ana").await;
        let ended = world.ask(user, None, "sou enfermeira").await;
        assert_eq!((ended.turn.status, ended.failure), (TurnStatus::Complete, None));
        assert_eq!(flaky.failed.load(Ordering::SeqCst), 3);
        let (chat, turns) = world.stored(user, ended.turn.chat_id).await;
        assert_eq!((chat.totals, chat.active), (default_usage(), None), "lost answer: {answer_lost}");
        assert_eq!(turns[0].memory_job.unwrap().state, JobState::Waiting);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_settled_is_a_failure_and_the_chat_comes_free() {
    let unexpected: fn() -> StoreError = || StoreError::Unexpected { source: "odd".into() };
    for (error, code) in
        [(down as fn() -> StoreError, FailureCode::StoreUnavailable), (unexpected, FailureCode::Internal)]
    {
        let flaky =
            Arc::new(FlakyChats { settle_failures: AtomicUsize::new(usize::MAX), error, ..FlakyChats::new(chats()) });
        let world = World::with(|ports, _| ports.chats = flaky.clone());
        let user = world.user("ana").await;
        let ended = world.ask(user, None, "Olá").await;
        assert_eq!((ended.turn.status, ended.failure.unwrap().code), (TurnStatus::Failed, code));
        let tries = flaky.failed.load(Ordering::SeqCst);
        assert!(if code == FailureCode::Internal { tries == 1 } else { tries > 3 }, "{tries}");
        flaky.settle_failures.store(0, Ordering::SeqCst);
        world.restarted().housekeeping.take_over().await.unwrap();
        assert_eq!(world.ask(user, Some(ended.turn.chat_id), "Ainda?").await.turn.seq, 2);
    }
}

#[tokio::test]
async fn a_store_that_is_down_takes_no_prompt() {
    let flaky = FlakyChats { begin_fails: true, ..FlakyChats::new(chats()) };
    let world = World::with(|ports, _| ports.chats = Arc::new(flaky));
    let user = world.user("ana").await;
    let refused = world.send(user, prompt(None, "Olá")).await;
    assert!(matches!(refused, Err(SendPromptError::Store(StoreError::Unavailable { .. }))));
    assert!(world.model.calls().is_empty());
}

#[tokio::test]
async fn a_chat_that_is_deleted_meanwhile_stays_deleted() {
    let world = World::new();
    let user = world.user("ana").await;
    let gate = Gate::new();
    world.model.script(Script::new().gate(&gate).say("late"));
    let accepted = world.send(user, prompt(None, "Olá")).await.unwrap();
    soon(gate.reached()).await;
    world.app.chats.delete(user, accepted.started.turn.chat, Learnt::Stays).await.unwrap();
    gate.open();
    let ended = soon(accepted.ended).await.unwrap();
    assert_eq!((ended.turn.reply.as_deref(), ended.turn.memory_job), (Some("late"), None));
    assert!(world.ports.chats.list_chats(user, None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn finishing_waits_for_answers_and_takes_no_more() {
    let world = World::new();
    let user = world.user("ana").await;
    let gate = Gate::new();
    world.model.script(Script::new().gate(&gate).say("done"));
    let accepted = world.send(user, prompt(None, "Olá")).await.unwrap();
    let finishing = tokio::spawn({
        let tasks = world.tasks.clone();
        async move { tasks.finish().await }
    });
    until(|| async { matches!(world.send(user, prompt(None, "more")).await, Err(SendPromptError::ShuttingDown)) })
        .await;
    assert!(!finishing.is_finished());
    gate.open();
    soon(finishing).await.unwrap();
    let (_, turns) = world.stored(user, accepted.started.turn.chat).await;
    assert_eq!(turns[0].status, TurnStatus::Complete);
}
