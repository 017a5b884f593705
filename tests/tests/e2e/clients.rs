//! Clients that go away, that hurry, and a server that is told to stop.

use crate::common::{assert_totals, chat_calls, message, slow_simulator, wait_for_request};
use anyhow::{Context, Result};
use futures::StreamExt;
use palavra_e2e::{Palavra, Session, key_of, wait_until};
use std::time::Duration;

async fn assert_whole(user: &Session, chat: &str, turn: u64, prompt: &str) -> Result<()> {
    let answer = user.wait_for_turn(chat, turn).await?;
    assert_eq!(answer["status"], "complete", "{answer}");
    let text = answer["content"].as_str().context("no content")?;
    assert!(text.contains(prompt) && text.ends_with("in this chat."), "the reply is cut: {text}");
    assert_totals(&user.history(chat).await?, &[&answer])
}

#[tokio::test]
async fn a_reader_who_leaves_does_not_lose_the_turn() -> Result<()> {
    let sim = slow_simulator()?;
    let server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let mut stream = ana.stream("", "What is the capital of Japan?", "").await?;
    let chat = stream.next().await.unwrap()?.data["chat_id"].as_str().context("no chat")?.to_owned();
    assert_eq!(stream.next().await.unwrap()?.name, "delta");
    drop(stream);
    assert_whole(&ana, &chat, 1, "What is the capital of Japan?").await
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_lose_the_turn() -> Result<()> {
    let sim = slow_simulator()?;
    let server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let asking = ana.chat("", "What is the capital of Peru?", "");
    assert!(tokio::time::timeout(Duration::from_millis(400), asking).await.is_err(), "it was to be slow");
    let chat = wait_until("the chat", || async {
        let chats = ana.get("/chats").await?.expect(200)?;
        Ok(chats["chats"][0]["chat_id"].as_str().map(str::to_owned))
    })
    .await?;
    assert_whole(&ana, &chat, 1, "What is the capital of Peru?").await
}

#[tokio::test]
async fn of_two_prompts_at_once_one_is_taken() -> Result<()> {
    let sim = slow_simulator()?;
    let server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let first = ana.ask("", "First", "").await?;
    let (left, right) = tokio::join!(ana.chat(&first.chat, "Second", ""), ana.chat(&first.chat, "Second too", ""));
    let (left, right) = (left?, right?);
    let (taken, refused) = if left.status == 200 { (left, right) } else { (right, left) };
    let taken = taken.expect(200)?;
    assert_eq!((refused.status, refused.code()), (409, "chat_busy".to_owned()), "{}", refused.text());
    let history = ana.history(&first.chat).await?;
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(4), "{history}");
    assert_totals(&history, &[&first.body, &taken])?;
    assert_eq!(ana.ask(&first.chat, "Third", "").await?.turn, 3);
    Ok(())
}

#[tokio::test]
async fn a_stop_lets_answers_finish() -> Result<()> {
    let sim = slow_simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let (ana, bia) = (server.session("ana").await?, server.session("bia").await?);
    let mut stream = bia.stream("", "What is streamed?", "").await?;
    let chat = stream.next().await.unwrap()?.data["chat_id"].as_str().context("no chat")?.to_owned();
    let asking = tokio::spawn({
        let ana = ana.clone();
        async move { ana.ask("", "What is asked?", "").await }
    });
    let key = key_of("ana");
    wait_for_request(&sim, "the prompt", |request| request.key.as_ref() == Some(&key) && request.method == "POST")
        .await?;
    server.terminate()?;
    let reply = asking.await??;
    let events = stream.rest().await?;
    assert_eq!(events.last().map(|event| event.name.as_str()), Some("done"), "{events:?}");
    assert!(server.wait().await?.success());

    server.resume().await?;
    let history = ana.history(&reply.chat).await?;
    assert_eq!(message(&history, 1, "assistant")?["content"], reply.text.as_str());
    assert_whole(&bia, &chat, 1, "What is streamed?").await?;
    assert!(chat_calls(&sim, &key) >= 1);
    Ok(())
}
