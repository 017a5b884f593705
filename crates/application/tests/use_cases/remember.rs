//! Memories from prompts.

use crate::{
    flaky::FlakyChats,
    world::{KEY, World, chats, operations, prompt, soon, until},
};
use palavra_application::ProfileChange;
use palavra_domain::{
    Claims, FailureCode, JobState, MemoryId, MemoryJob, MemoryKind, MemoryOrigin, ModelError, ResponseFormat, Role,
    SessionId, Turn, UserId,
};
use palavra_inmem::fakes::{Mood, Script, model_info};
use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

/// What an extractor finds in "moro em Recife".
const FOUND: &str =
    r#"{"operations":[{"op":"add","id":"","quote":"moro em Recife","kind":"profile","text":"Mora em Recife"}]}"#;

async fn job(world: &World, turn: &Turn) -> MemoryJob {
    let (_, turns) = world.stored(turn.user_id, turn.chat_id).await;
    turns.iter().find(|stored| stored.id == turn.id).unwrap().memory_job.unwrap()
}

async fn change(world: &World, user: UserId, change: ProfileChange) {
    let claims = Claims { user, session: SessionId::new(uuid::Uuid::nil()) };
    world.app.accounts.change(claims, change).await.unwrap();
}

#[tokio::test]
async fn memories_come_from_the_prompt_as_it_was_typed() {
    let world = World::new();
    let user = world.user("ana").await;
    world.remember(user, "gosto de açaí").await;
    world.ask(user, None, "gosto de açaí, e moro em Recife").await;
    assert!(system_text(&world).contains("<user_memories>"));
    let turn = world.ask(user, None, "gosto de açaí, e moro em Recife").await.turn;

    world.model.script_json(Script::new().say(FOUND));
    assert_eq!(world.app.remember.run_due().await.unwrap(), 2);
    let calls = world.model.json_calls();
    let request = &calls.last().unwrap().request;
    let question = &request.messages.last().unwrap().content;
    assert_eq!(question, "Known:\nm1: Mora em Recife\nm2: gosto de açaí\nMessage:\ngosto de açaí, e moro em Recife");
    assert!(!request.messages.iter().any(|message| message.content.contains("<user_memories>")));
    assert_eq!((request.model.as_str(), calls[0].key.expose()), ("vendor/default", KEY));
    assert!(!calls[0].streamed && request.max_tokens.is_some());
    assert_eq!(job(&world, &turn).await.state, JobState::Done);

    let page = world.store().list(user, None, 10).await.unwrap();
    let memory = page.items.iter().find(|memory| memory.origin == MemoryOrigin::Extracted).unwrap();
    assert_eq!((memory.text.as_str(), memory.kind), ("Mora em Recife", MemoryKind::Profile));
    let source = memory.source.clone().unwrap();
    assert_eq!(source.chat, first_chat(&world, user).await);
    let span = source.span.unwrap();
    assert_eq!((span.start, span.text.as_str()), (19, "moro em Recife"));
    assert_eq!(page.items.len(), 2);
    // And it is recalled from now on.
    let recalled = world.ask(user, None, "quem mora em Recife?").await.turn.recalled;
    assert!(recalled.iter().any(|memory| memory.text.as_str() == "Mora em Recife"));
}

fn system_text(world: &World) -> String {
    let messages = world.last_messages();
    messages.into_iter().find(|(role, _)| *role == Role::System).unwrap().1
}

/// The oldest chat: jobs are done in the order of their turns.
async fn first_chat(world: &World, user: UserId) -> palavra_domain::ChatId {
    world.ports.chats.list_chats(user, None, 100).await.unwrap().items.pop().unwrap().id
}

#[tokio::test]
async fn others_keep_their_own() {
    let world = World::new();
    let (ana, bia) = (world.user("ana").await, world.user("bia").await);
    for user in [ana, bia] {
        world.model.script_json(Script::new().say(FOUND));
        world.ask(user, None, "moro em Recife").await;
        world.app.remember.run_due().await.unwrap();
    }
    assert_eq!(world.memories(ana).await, ["Mora em Recife"]);
    assert_eq!(world.memories(bia).await, ["Mora em Recife"]);
}

#[tokio::test]
async fn a_job_done_twice_saves_once() {
    // A worker that saves, and dies before it says so.
    let flaky = FlakyChats { finish_failures: AtomicUsize::new(1), ..FlakyChats::new(chats()) };
    let world = World::with(|ports, _| ports.chats = Arc::new(flaky));
    let user = world.user("ana").await;
    // The same in other words: only the ids tell that it is the same job.
    for text in ["Mora em Recife", "Vive na capital de Pernambuco"] {
        let list = operations(&[["add", "", "moro em Recife", "profile", text]]);
        world.model.script_json(Script::new().say(&list));
    }
    let turn = world.ask(user, None, "moro em Recife").await.turn;
    assert_eq!(world.app.remember.run_due().await.unwrap(), 1);
    assert_eq!(job(&world, &turn).await.state, JobState::Claimed);
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(world.app.remember.run_due().await.unwrap(), 1);
    assert_eq!((job(&world, &turn).await.state, job(&world, &turn).await.tries), (JobState::Done, 2));
    assert_eq!(world.memories(user).await, ["Mora em Recife"]);
    let id = world.store().list(user, None, 1).await.unwrap().items[0].id;
    assert_eq!(id, MemoryId::extracted(turn.id, 0));
}

#[tokio::test]
async fn a_model_without_schemas_is_asked_for_text() {
    let world = World::new();
    let user = world.user("ana").await;
    let mut info = model_info(crate::world::model("vendor/default"), Some(8_000));
    info.structured_outputs = false;
    world.catalog.set(vec![info]);
    world.ask(user, None, "moro em Recife").await;
    world.model.script(Script::new().say(&format!("Sure!\n```json\n{FOUND}\n```")));
    world.app.remember.run_due().await.unwrap();
    assert!(world.model.json_calls().is_empty());
    assert_eq!(world.model.text_calls().last().unwrap().request.format, ResponseFormat::Text);
    assert_eq!(world.memories(user).await, ["Mora em Recife"]);
}

#[tokio::test]
async fn a_provider_that_refuses_the_schema_is_asked_for_text() {
    let refusals: [fn() -> ModelError; 2] =
        [|| ModelError::ModelNotFound, || ModelError::Rejected { status: 400, reason: "response_format".into() }];
    for refusal in refusals {
        let world = World::new();
        let user = world.user("ana").await;
        world.ask(user, None, "moro em Recife").await;
        world.model.script_json(Script::refused(refusal()));
        world.model.script(Script::new().say(FOUND));
        world.app.remember.run_due().await.unwrap();
        assert_eq!(world.memories(user).await, ["Mora em Recife"]);
        assert_eq!(world.model.calls().len(), 3);
    }
}

#[tokio::test]
async fn another_model_may_extract() {
    let world = World::with(|_, policy| policy.memory.extraction_model = Some(crate::world::model("vendor/small")));
    let user = world.user("ana").await;
    world.ask(user, None, "moro em Recife").await;
    world.app.remember.run_due().await.unwrap();
    assert_eq!(world.model.json_calls()[0].request.model.as_str(), "vendor/small");
}

#[tokio::test]
async fn what_fails_waits_longer_each_time_and_is_given_up() {
    let world = World::new();
    let user = world.user("ana").await;
    let turn = world.ask(user, None, "moro em Recife").await.turn;
    world.model.set_mood(Mood::Fails(|| ModelError::Timeout));
    let mut now = world.ports.clock.now();
    for (tries, wait) in [(1, 10), (2, 20)] {
        assert_eq!(world.app.remember.run_due().await.unwrap(), 1);
        let waiting = job(&world, &turn).await;
        assert_eq!((waiting.state, waiting.tries), (JobState::Waiting, tries));
        assert_eq!(waiting.next_at, now.plus(Duration::from_secs(wait)));
        // Not a moment before.
        world.clock.set(waiting.next_at.minus(Duration::from_millis(1)));
        assert_eq!(world.app.remember.run_due().await.unwrap(), 0);
        world.clock.set(waiting.next_at);
        now = waiting.next_at;
    }
    assert_eq!(world.app.remember.backlog().await.unwrap(), 1);
    assert_eq!(world.app.remember.run_due().await.unwrap(), 1);
    assert_eq!(job(&world, &turn).await.state, JobState::Parked);
    world.clock.advance(Duration::from_secs(100_000));
    assert_eq!((world.app.remember.run_due().await.unwrap(), world.app.remember.backlog().await.unwrap()), (0, 0));
}

#[tokio::test]
async fn what_failed_may_succeed_later() {
    let world = World::new();
    let user = world.user("ana").await;
    let turn = world.ask(user, None, "moro em Recife").await.turn;
    // No list; a model that does not answer; an embedder that is down.
    world.model.script_json(Script::new().say("I cannot do that"));
    world.model.script_json(Script::new().hang());
    for _ in 0..2 {
        world.app.remember.run_due().await.unwrap();
        assert_eq!(job(&world, &turn).await.state, JobState::Waiting);
        world.clock.advance(Duration::from_secs(60));
    }
    assert!(world.memories(user).await.is_empty());
    world.model.script_json(Script::new().say(FOUND));
    world.app.remember.run_due().await.unwrap();
    assert_eq!((job(&world, &turn).await.state, world.memories(user).await.len()), (JobState::Done, 1));
}

#[tokio::test]
async fn an_embedder_that_is_down_delays_only() {
    let world = World::new();
    let user = world.user("ana").await;
    let turn = world.ask(user, None, "moro em Recife").await.turn;
    for mood in [Mood::Fails(|| ModelError::Timeout), Mood::Works] {
        world.embedder.set_mood(mood);
        world.model.script_json(Script::new().say(FOUND));
        world.app.remember.run_due().await.unwrap();
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!((job(&world, &turn).await.state, world.memories(user).await.len()), (JobState::Done, 1));
}

#[tokio::test]
async fn nothing_is_saved_of_who_wants_nothing_saved() {
    let world = World::new();
    let user = world.user("ana").await;
    // Turned off between the prompt and the work on it, and before the prompt.
    let turn = world.ask(user, None, "moro em Recife").await.turn;
    assert!(turn.memory_job.is_some());
    change(&world, user, ProfileChange { memory_enabled: Some(false), ..ProfileChange::default() }).await;
    let later = world.ask(user, None, "moro em Recife").await.turn;
    assert_eq!(later.memory_job, None);
    world.model.script_json(Script::new().say(FOUND));
    world.app.remember.run_due().await.unwrap();
    assert!(world.model.json_calls().is_empty() && world.memories(user).await.is_empty());
    assert_eq!(job(&world, &turn).await.state, JobState::Done);
}

#[tokio::test]
async fn without_a_key_a_job_is_given_up() {
    let world = World::new();
    let user = world.user("ana").await;
    let turn = world.ask(user, None, "moro em Recife").await.turn;
    change(&world, user, ProfileChange { api_key: Some(None), ..ProfileChange::default() }).await;
    world.app.remember.run_due().await.unwrap();
    assert_eq!(job(&world, &turn).await.state, JobState::Parked);
}

#[tokio::test]
async fn a_failed_turn_is_not_remembered_from() {
    let world = World::new();
    let user = world.user("ana").await;
    world.model.script(Script::new().say("x").fail(ModelError::Interrupted));
    let ended = world.ask(user, None, "moro em Recife").await;
    assert_eq!((ended.failure.unwrap().code, ended.turn.memory_job), (FailureCode::UpstreamInterrupted, None));
    assert_eq!(world.app.remember.run_due().await.unwrap(), 0);
}

#[tokio::test]
async fn workers_take_jobs_up_as_they_come() {
    let world = World::new();
    let user = world.user("ana").await;
    let worker = tokio::spawn({
        let remember = world.app.remember.clone();
        async move { remember.run().await }
    });
    for text in ["Moro em Recife", "Gosto de peixe", "Sou médica"] {
        let list = operations(&[["add", "", text, "fact", text]]);
        world.model.script_json(Script::new().say(&list));
        let accepted = world.send(user, prompt(None, text)).await.unwrap();
        soon(accepted.ended).await.unwrap();
    }
    until(|| async { world.app.remember.backlog().await.unwrap() == 0 }).await;
    let mut memories = world.memories(user).await;
    memories.sort();
    assert_eq!(memories, ["Gosto de peixe", "Moro em Recife", "Sou médica"]);
    worker.abort();
}
