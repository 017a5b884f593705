//! Memories that go along with a prompt.

use crate::world::{KEY, World, prompt, soon};
use palavra_application::ProfileChange;
use palavra_domain::{Claims, EmbedAs, ModelError, Role, SessionId, UserId};
use palavra_inmem::fakes::Mood;
use std::time::{Duration, Instant};

fn system(world: &World) -> String {
    let messages = world.last_messages();
    assert!(messages.iter().filter(|(role, _)| *role == Role::System).count() == 1);
    messages[0].1.clone()
}

async fn enable_memory(world: &World, user: UserId, enabled: bool) {
    let claims = Claims { user, session: SessionId::new(uuid::Uuid::nil()) };
    let change = ProfileChange { memory_enabled: Some(enabled), ..ProfileChange::default() };
    world.app.accounts.change(claims, change).await.unwrap();
}

#[tokio::test]
async fn what_bears_on_the_prompt_is_given_as_data() {
    let world = World::new();
    let (ana, bia) = (world.user("ana").await, world.user("bia").await);
    world.remember(ana, "moro em Recife").await;
    world.remember(ana, "gosto de açaí").await;
    world.remember(bia, "moro em Olinda").await;
    let accepted = world.send(ana, prompt(None, "onde eu moro em geral?")).await.unwrap();
    let ended = soon(accepted.ended).await.unwrap();

    let text = system(&world);
    let (rules, data) = text.split_once("<user_memories>\n").unwrap();
    assert!(rules.starts_with("Be kind."));
    assert_eq!(data, "- moro em Recife\n</user_memories>");
    // The prompt itself goes and stays as it was typed.
    assert_eq!(world.last_messages().last().unwrap().1, "onde eu moro em geral?");
    assert_eq!(ended.turn.prompt.as_str(), "onde eu moro em geral?");
    assert_eq!(ended.turn.recalled, accepted.started.recalled);
    let [recalled] = &ended.turn.recalled[..] else { panic!("{:?}", ended.turn.recalled) };
    assert_eq!(recalled.text.as_str(), "moro em Recife");
    assert!(recalled.score > 0.3 && recalled.score <= 1.0);

    let calls = world.embedder.calls();
    let call = calls.last().unwrap();
    assert_eq!((call.side, call.texts.as_slice()), (EmbedAs::Query, &["onde eu moro em geral?".to_owned()][..]));
    assert_eq!(call.key.as_ref().unwrap().expose(), KEY);
}

#[tokio::test]
async fn no_more_than_the_limit_are_recalled() {
    let world = World::with(|_, policy| policy.memory.recall.limit = 3);
    let user = world.user("ana").await;
    for number in 0..6 {
        world.remember(user, &format!("gosto de peixe {number}")).await;
    }
    assert_eq!(world.ask(user, None, "gosto de peixe").await.turn.recalled.len(), 3);
}

#[tokio::test]
async fn nothing_is_embedded_for_who_has_no_memories_or_wants_none() {
    let world = World::new();
    let user = world.user("ana").await;
    world.ask(user, None, "onde eu moro?").await;
    assert!(world.embedder.calls().is_empty());

    world.remember(user, "moro em Recife").await;
    enable_memory(&world, user, false).await;
    let before = world.embedder.calls().len();
    let ended = world.ask(user, None, "onde eu moro?").await;
    assert_eq!(world.embedder.calls().len(), before);
    assert!(ended.turn.recalled.is_empty() && !ended.turn.memory_allowed);
    assert_eq!(system(&world), "Be kind.");
    // What was saved is not lost.
    assert_eq!(world.memories(user).await, ["moro em Recife"]);
    enable_memory(&world, user, true).await;
    assert_eq!(world.ask(user, None, "onde eu moro?").await.turn.recalled.len(), 1);
}

#[tokio::test]
async fn recall_that_fails_or_hangs_does_not_keep_an_answer_back() {
    let world = World::new();
    let user = world.user("ana").await;
    world.remember(user, "moro em Recife").await;
    for mood in [Mood::Fails(|| ModelError::OutOfCredits), Mood::Fails(|| ModelError::Timeout), Mood::Hangs] {
        world.embedder.set_mood(mood);
        let begun = Instant::now();
        let ended = world.ask(user, None, "onde eu moro?").await;
        assert_eq!(ended.turn.reply.as_deref(), Some("echo: onde eu moro?"), "{mood:?}");
        assert!(ended.failure.is_none());
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        // What the prompt shares no word with is not recalled without an embedding.
        assert!(ended.turn.recalled.iter().all(|memory| memory.text.as_str() == "moro em Recife"), "{mood:?}");
    }
    world.embedder.set_mood(Mood::Works);
    assert_eq!(world.ask(user, None, "onde eu moro?").await.turn.recalled.len(), 1);
}
