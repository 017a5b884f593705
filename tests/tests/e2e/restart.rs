//! What is left after the process has ended.

use crate::common::{assert_totals, message, simulator};
use anyhow::Result;
use palavra_e2e::{Palavra, Session};
use serde_json::{Value, json};

/// All that a user can read.
async fn everything(user: &Session, chats: &[&str]) -> Result<Value> {
    let mut all = Vec::new();
    for path in ["/user/profile", "/chats", "/memories"] {
        all.push(user.get(path).await?.expect(200)?);
    }
    for chat in chats {
        all.push(user.history(chat).await?);
    }
    Ok(json!(all))
}

#[tokio::test]
async fn everything_is_there_after_a_stop_and_after_a_kill() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let (ana, bia) = (server.session("ana").await?, server.session("bia").await?);
    let one = ana.ask("", "Moro em Recife", "sim/fast").await?;
    let two = ana.ask(&one.chat, "Qual é a capital?", "sim/large").await?;
    let other = ana.ask("", "Hello", "sim/fast").await?;
    bia.ask("", "Hi", "").await?;
    ana.wait_for_memory("Recife").await?;
    let chats = [one.chat.as_str(), other.chat.as_str()];
    let before = everything(&ana, &chats).await?;

    server.restart().await?;
    assert_eq!(everything(&ana, &chats).await?, before, "after a stop");
    server.kill()?;
    server.resume().await?;
    assert_eq!(everything(&ana, &chats).await?, before, "after a kill");

    // Old tokens, the password, the sealed key and the memories are all still good.
    let ana = ana.renew().await?;
    let third = ana.ask(&one.chat, "O que você sabe sobre mim em Recife?", "").await?;
    assert_eq!((third.turn, third.memories.len()), (3, 1));
    assert!(third.text.contains("2 mensagens suas"), "{}", third.text);
    assert_totals(&ana.history(&one.chat).await?, &[&one.body, &two.body, &third.body])?;
    server.client().sign_in("bia", "password of bia").await?.get("/user/profile").await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_at_once() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let mut answers: Vec<palavra_e2e::Reply> = Vec::new();
    for round in 1..=4_u64 {
        let chat = answers.first().map(|reply| reply.chat.clone()).unwrap_or_default();
        let reply = ana.ask(&chat, &format!("Prompt {round}"), "").await?;
        let memory = ana.post("/memories", &json!({"text": format!("Memory {round}")})).await?.expect(201)?;
        server.kill()?;
        server.resume().await?;
        let history = ana.history(&reply.chat).await?;
        assert_eq!(message(&history, round, "assistant")?["content"], reply.text.as_str());
        assert_eq!(ana.memories().await?[0], memory);
        answers.push(reply);
        assert_totals(&history, &answers.iter().map(|reply| &reply.body).collect::<Vec<_>>())?;
    }
    Ok(())
}
