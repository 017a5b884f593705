//! What the model is given.

use crate::{
    flaky::FlakyChats,
    world::{World, chats, prompt, soon},
};
use palavra_application::PromptRequest;
use palavra_domain::{ModelError, Role};
use palavra_inmem::fakes::{Gate, Mood, Script, model_info};
use std::sync::Arc;

fn said(messages: &[(Role, String)]) -> Vec<&str> {
    messages.iter().filter(|(role, _)| *role != Role::System).map(|(_, text)| text.as_str()).collect()
}

#[tokio::test]
async fn complete_turns_go_along_and_others_do_not() {
    let world = World::new();
    let user = world.user("ana").await;
    world.model.script(Script::reply("uno"));
    let chat = world.ask(user, None, "one").await.turn.chat_id;
    world.model.script(Script::new().say("par").fail(ModelError::Interrupted));
    world.ask(user, Some(chat), "broken").await;
    world.model.script(Script::refused(ModelError::Refused));
    world.ask(user, Some(chat), "refused").await;

    // A process that dies in the middle.
    let gate = Gate::new();
    world.model.script(Script::new().gate(&gate).say("never"));
    let lost = world.send(user, prompt(Some(chat), "lost")).await.unwrap();
    soon(gate.reached()).await;
    world.ports.chats.interrupt_turn(lost.started.turn, world.ports.clock.now()).await.unwrap();

    world.model.script(Script::reply("dos"));
    world.ask(user, Some(chat), "two").await;
    world.ask(user, Some(chat), "three").await;
    let messages = world.last_messages();
    assert_eq!(messages[0], (Role::System, "Be kind.".into()));
    assert_eq!(said(&messages), ["one", "uno", "two", "dos", "three"]);
    let roles: Vec<Role> = messages[1..].iter().map(|(role, _)| *role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::Assistant, Role::User]);
}

#[tokio::test]
async fn chats_do_not_know_each_other() {
    let world = World::new();
    let user = world.user("ana").await;
    world.ask(user, None, "one").await;
    world.ask(user, None, "two").await;
    assert_eq!(said(&world.last_messages()), ["two"]);
}

#[tokio::test]
async fn long_chats_go_along_page_by_page_as_far_as_they_fit() {
    let world = World::new();
    let user = world.user("ana").await;
    let chat = world.ask(user, None, "p1").await.turn.chat_id;
    for number in 2..=120 {
        world.ask(user, Some(chat), &format!("p{number}")).await;
    }
    world.ask(user, Some(chat), "last").await;
    let messages = world.last_messages();
    let said = said(&messages);
    assert_eq!(said.len(), 241);
    assert_eq!((said[0], said[1], said[2], said[240]), ("p1", "echo: p1", "p2", "last"));

    // 1000 tokens, a quarter of which is kept for the answer: the newest go in, without a gap.
    world.catalog.set(vec![model_info(crate::world::model("vendor/default"), Some(1_000))]);
    world.ask(user, Some(chat), "short").await;
    let messages = world.last_messages();
    let said = self::said(&messages);
    assert!(said.len() > 20 && said.len() < 150 && said.len() % 2 == 1, "{}", said.len());
    assert_eq!(said[said.len() - 3..], ["last", "echo: last", "short"]);
    let bytes: usize = messages.iter().map(|(_, text)| text.len()).sum();
    assert!(bytes / 3 < 750, "{bytes} bytes");
}

#[tokio::test]
async fn a_model_that_is_not_known_gets_the_default_window() {
    let world = World::with(|_, policy| policy.default_context_tokens = 400);
    let user = world.user("ana").await;
    let chat = world.ask(user, None, &"a".repeat(2_000)).await.turn.chat_id;
    let ask = async |model: &str| {
        let request = PromptRequest { model: Some(crate::world::model(model)), ..prompt(Some(chat), "next") };
        soon(world.send(user, request).await.unwrap().ended).await.unwrap();
        said(&world.last_messages()).len()
    };
    assert_eq!(ask("vendor/unknown").await, 1);
    assert_eq!(ask("vendor/default").await, 5);
    // Likewise when there is no catalogue: the first, long turn does not fit, and the answer comes all the same.
    world.catalog.set_mood(Mood::Fails(|| ModelError::Timeout));
    assert_eq!(ask("vendor/default").await, 5);
    world.catalog.set_mood(Mood::Works);
    assert_eq!(ask("vendor/default").await, 9);
}

#[tokio::test]
async fn the_prompt_goes_whole_whatever_the_window() {
    let world = World::new();
    let user = world.user("ana").await;
    world.catalog.set(vec![model_info(crate::world::model("vendor/default"), Some(100))]);
    let long = "é".repeat(50_000);
    world.ask(user, None, &long).await;
    assert_eq!(said(&world.last_messages()), [long.as_str()]);
}

#[tokio::test]
async fn without_its_history_a_prompt_is_still_answered() {
    let flaky = FlakyChats { history_fails: true, ..FlakyChats::new(chats()) };
    let world = World::with(|ports, _| ports.chats = Arc::new(flaky));
    let user = world.user("ana").await;
    let chat = world.ask(user, None, "one").await.turn.chat_id;
    assert_eq!(world.ask(user, Some(chat), "two").await.failure, None);
    assert_eq!(said(&world.last_messages()), ["two"]);
}
