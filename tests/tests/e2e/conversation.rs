//! What a user does in a session.

use crate::common::{assert_totals, message, simulator};
use anyhow::Result;
use palavra_e2e::{Palavra, Session, key_of};
use reqwest::Method;
use serde_json::{Value, json};

const ABOUT: &str = "O que você sabe sobre mim, desenvolvedora em Recife?";

#[tokio::test]
async fn two_models_share_a_conversation_and_its_totals() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let first = ana.ask("", "What is a pointer in C?", "sim/fast").await?;
    assert_eq!((first.turn, &first.body["model"], &first.body["status"]), (1, &json!("sim/fast"), &json!("complete")));
    let second = ana.ask(&first.chat, "And a reference?", "sim/large").await?;
    assert_eq!((second.turn, &second.body["model"]), (2, &json!("sim/large")));
    assert_eq!(second.chat, first.chat);
    assert!(second.text.contains("1 message of yours: “What is a pointer in C?”"), "{}", second.text);

    let history = ana.history(&first.chat).await?;
    assert_eq!(message(&history, 1, "user")?["content"], "What is a pointer in C?");
    assert_eq!(message(&history, 1, "assistant")?["content"], first.text.as_str());
    assert_eq!(message(&history, 2, "assistant")?["model"], "sim/large");
    assert_eq!(message(&history, 2, "assistant")?["usage"], second.body["usage"]);
    assert_totals(&history, &[&first.body, &second.body])
}

#[tokio::test]
async fn a_streamed_answer_is_the_stored_one() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let prompt = "Qual é a pronúncia de “ação” – 日本語 🙂?";
    let events = ana.stream_to_end("", prompt, "sim/fast").await?;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    let deltas = names.len() - 2;
    assert!(deltas > 2, "{names:?}");
    assert_eq!((names[0], events[0].id), ("turn", Some(0)));
    assert!(names[1..=deltas].iter().all(|name| *name == "delta"), "{names:?}");
    let mut reply = String::new();
    for delta in &events[1..=deltas] {
        reply.push_str(delta.data["text"].as_str().unwrap());
        assert_eq!(delta.id, Some(reply.len() as u64), "an id is the bytes of the reply so far");
    }
    let done = &events[deltas + 1];
    assert_eq!((done.name.as_str(), done.id), ("done", Some(reply.len() as u64 + 1)));
    assert_eq!(done.data["reply"], reply.as_str());
    assert!(reply.contains(prompt), "{reply}");

    let chat = events[0].data["chat_id"].as_str().unwrap();
    let history = ana.history(chat).await?;
    assert_eq!(message(&history, 1, "assistant")?["content"], reply.as_str());
    assert_eq!(message(&history, 1, "user")?["content"], prompt);
    assert_totals(&history, &[&done.data])
}

#[tokio::test]
async fn a_stated_fact_is_known_in_a_new_chat_and_to_its_user_only() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let (ana, bia) = (server.session("ana").await?, server.session("bia").await?);
    let first = ana.ask("", "Sou desenvolvedora de software em Recife", "sim/fast").await?;
    assert!(first.memories.is_empty());
    let memory = ana.wait_for_memory("desenvolvedora").await?;
    let told = memory["text"].as_str().unwrap().to_owned();
    assert_eq!(memory["kind"], "profile");

    let asked = ana.ask("", ABOUT, "sim/large").await?;
    assert_ne!(asked.chat, first.chat);
    assert_eq!(asked.memories, std::slice::from_ref(&told));
    assert!(asked.text.contains(&told), "{}", asked.text);

    let other = bia.ask("", ABOUT, "sim/large").await?;
    assert!(other.memories.is_empty() && !other.text.contains(&told), "{}", other.text);
    assert!(bia.memories().await?.is_empty());
    let id = memory["id"].as_str().unwrap().to_owned();
    for (method, path, body) in [
        (Method::GET, format!("/chat?chat_id={}", first.chat), None),
        (Method::DELETE, format!("/chat?chat_id={}", first.chat), None),
        (Method::DELETE, format!("/memories/{id}"), None),
        (Method::PATCH, format!("/memories/{id}"), Some(json!({"text": "stolen"}))),
    ] {
        let answer = bia.call(method, &path, body.as_ref()).await?;
        assert_eq!(answer.status, 404, "{}: {}", answer.call, answer.text());
    }
    assert_eq!(bia.chat(&first.chat, "mine?", "").await?.code(), "chat_not_found");
    assert_eq!(ana.memories().await?, [memory]);

    // What is forgotten is not recalled.
    ana.call(Method::DELETE, &format!("/memories/{id}"), None).await?.expect(204)?;
    assert!(ana.ask("", ABOUT, "sim/large").await?.memories.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_key_can_come_later_and_is_looked_at() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let client = server.client();
    let profile = client.register("Ana", "correct horse", None).await?.expect(201)?;
    assert_eq!(profile["has_api_key"], false);
    assert_eq!(client.register("ANA", "correct horse", None).await?.code(), "username_taken");
    let ana = client.sign_in("ana", "correct horse").await?;
    let refused = ana.chat("", "Hi", "").await?;
    assert_eq!((refused.status, refused.code()), (409, "api_key_missing".to_owned()));
    let bad = ana.call(Method::PUT, "/user/profile", Some(&json!({"openrouter_api_key": "sk-or-bad-1"}))).await?;
    assert_eq!((bad.status, bad.code()), (424, "api_key_rejected".to_owned()));
    let key = key_of("ana");
    let profile =
        ana.call(Method::PUT, "/user/profile", Some(&json!({"openrouter_api_key": key}))).await?.expect(200)?;
    assert_eq!((&profile["has_api_key"], &profile["api_key_hint"]), (&json!(true), &json!(key[key.len() - 4..])));
    ana.ask("", "Hi", "").await?;
    Ok(())
}

#[tokio::test]
async fn tokens_are_renewed_once_and_end_with_the_session() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let first = server.session("ana").await?;
    let second = first.renew().await?;
    second.get("/user/profile").await?.expect(200)?;
    // A spent refresh token that comes back ends the session it was of.
    assert!(first.renew().await.is_err());
    assert_eq!(second.get("/user/profile").await?.status, 401);
    assert!(second.renew().await.is_err());

    let client = server.client();
    let form = [("grant_type", "password"), ("username", "ana"), ("password", "password of ana")];
    let tokens = client.send(client.request(Method::POST, "/login").form(&form)).await?.expect(200)?;
    let (third, fourth) = (Session::new(client.clone(), &tokens)?, client.sign_in("ana", "password of ana").await?);
    third.call(Method::POST, "/logout", None).await?.expect(204)?;
    let after = third.get("/user/profile").await?;
    assert_eq!((after.status, after.code()), (401, "unauthenticated".to_owned()));
    assert!(third.renew().await.is_err());
    fourth.get("/user/profile").await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn chats_are_listed_renamed_and_deleted() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let mut chats = Vec::new();
    for prompt in ["one", "two", "three"] {
        chats.insert(0, ana.ask("", prompt, "").await?.chat);
    }
    assert_eq!(listed(&ana, "/chats").await?.0, chats);
    let (page, next) = listed(&ana, "/chats?limit=2").await?;
    assert_eq!(page, chats[..2]);
    let (rest, end) = listed(&ana, &format!("/chats?limit=2&cursor={}", next.as_str().unwrap())).await?;
    assert_eq!((rest.as_slice(), end), (&chats[2..], Value::Null));

    let path = format!("/chat?chat_id={}", chats[1]);
    let renamed = ana.call(Method::PATCH, &path, Some(&json!({"title": "Ações & 日本"}))).await?.expect(200)?;
    assert_eq!(renamed["title"], "Ações & 日本");
    assert_eq!(ana.history(&chats[1]).await?["title"], "Ações & 日本");
    ana.call(Method::DELETE, &path, None).await?.expect(204)?;
    assert_eq!(ana.get(&path).await?.code(), "chat_not_found");
    assert_eq!(ana.chat(&chats[1], "again", "").await?.code(), "chat_not_found");
    assert_eq!(listed(&ana, "/chats").await?.0, [chats[0].clone(), chats[2].clone()]);
    Ok(())
}

async fn listed(user: &Session, path: &str) -> Result<(Vec<String>, Value)> {
    let list = user.get(path).await?.expect(200)?;
    let ids = list["chats"].as_array().into_iter().flatten().filter_map(|chat| chat["chat_id"].as_str());
    Ok((ids.map(str::to_owned).collect(), list["next_cursor"].clone()))
}
