//! Two instances over the same stores.

use crate::common::{assert_totals, message, simulator, slow_simulator};
use anyhow::{Context, Result};
use futures::StreamExt;
use palavra_e2e::{Options, Palavra, Polyglot, Session, wait_until};
use palavra_openrouter_sim::{Fault, FaultRule, SimPath, Simulator};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

/// How soon what one instance did is known to the other.
const SOON: Duration = Duration::from_secs(1);

async fn two(sim: &Simulator, options: &Options) -> Result<(Palavra, Palavra)> {
    let url = sim.base_url();
    tokio::try_join!(Palavra::start_with(&url, options.clone()), Palavra::start_with(&url, options.clone()))
}

/// The same user, through the other instance.
fn through(server: &Palavra, user: &Session) -> Result<Session> {
    Session::new(server.client(), &json!({"access_token": user.access, "refresh_token": user.refresh}))
}

/// Waits until something is so, and checks that it took no longer than [`SOON`].
async fn soon<F: Future<Output = Result<Option<()>>>>(what: &str, look: impl FnMut() -> F) -> Result<()> {
    let begun = Instant::now();
    wait_until(what, look).await?;
    let took = begun.elapsed();
    assert!(took <= SOON, "{what} took {took:?}");
    Ok(())
}

#[tokio::test]
async fn a_user_of_one_chats_on_the_other() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let (one, other) = two(&sim, &stores.options()).await?;
    let here = one.session("ana").await?;
    let there = through(&other, &here)?;
    let first = there.ask("", "Primeira pergunta", "").await?;
    let second = here.ask(&first.chat, "Segunda pergunta", "sim/large").await?;
    assert!(second.text.contains("Primeira pergunta"), "{}", second.text);
    for user in [&here, &there] {
        assert_totals(&user.history(&first.chat).await?, &[&first.body, &second.body])?;
    }
    Ok(())
}

#[tokio::test]
async fn both_follow_to_another_embedding_model() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let (one, other) = two(&sim, &stores.options()).await?;
    let here = one.session("ana").await?;
    let there = through(&other, &here)?;
    here.post("/memories", &json!({"text": "Mora em Recife"})).await?.expect(201)?;
    let wanted = ["reembed", "--model", "sim/embedding-large", "--dimensions", "512"];
    let settings = stores.options().env("PALAVRA__OPENROUTER__BASE_URL", sim.base_url());
    let (code, told) = Palavra::command(&wanted, &settings).await?;
    assert_eq!(code, Some(0), "{told}");
    for user in [&here, &there] {
        wait_until("an instance serves from the new table", || async {
            let all = user.get("/memories/export").await?.expect(200)?;
            assert_eq!(all["memories"][0]["text"], "Mora em Recife", "{all}");
            Ok((all["embedding_model"] == "sim/embedding-large").then_some(()))
        })
        .await?;
    }
    let added = there.post("/memories", &json!({"text": "Gosta de açaí"})).await?.expect(201)?;
    assert_eq!(here.memories().await?[0], added);
    let found = here.get("/memories?q=a%C3%A7a%C3%AD").await?.expect(200)?;
    assert_eq!(found["memories"][0]["text"], "Gosta de açaí", "{found}");
    Ok(())
}

#[tokio::test]
async fn a_session_that_one_ends_is_refused_by_the_other() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let (one, other) = two(&sim, &stores.options()).await?;
    let here = one.session("ana").await?;
    let there = through(&other, &here)?;
    there.get("/user/profile").await?.expect(200)?;
    here.call(Method::POST, "/logout", None).await?.expect(204)?;
    let (there, here) = (&there, &here);
    soon("a session that ended is refused", || async {
        Ok((there.get("/user/profile").await?.status == 401).then_some(()))
    })
    .await?;
    // For good, not for a moment.
    for user in [here, there, here, there] {
        user.get("/user/profile").await?.expect(401)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_changed_profile_is_seen_by_the_other() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let (one, other) = two(&sim, &stores.options()).await?;
    let here = one.session("ana").await?;
    let there = through(&other, &here)?;
    there.ask("", "Olá", "").await?;
    let here = &here;
    let change =
        |body| async move { here.call(Method::PUT, "/user/profile", Some(&body)).await?.expect(200).map(|_| ()) };
    let there = &there;
    change(json!({"openrouter_api_key": null})).await?;
    soon("a key that is gone is not used", || async {
        Ok((there.chat("", "Olá", "").await?.code() == "api_key_missing").then_some(()))
    })
    .await?;
    change(json!({"openrouter_api_key": palavra_e2e::key_of("ana"), "memory_enabled": false})).await?;
    soon("a new key is used", || async { Ok((there.chat("", "Olá", "").await?.status == 200).then_some(())) }).await?;
    let profile = there.get("/user/profile").await?.expect(200)?;
    assert_eq!(profile["memory_enabled"], false);
    there.ask("", "Moro em Recife", "").await?;
    assert_eq!(other.backlog().await?, 0);
    assert!(here.memories().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn of_two_prompts_through_different_instances_one_is_taken() -> Result<()> {
    let (sim, stores) = (slow_simulator()?, Polyglot::fresh().await?);
    let (one, other) = two(&sim, &stores.options()).await?;
    let here = one.session("ana").await?;
    let there = through(&other, &here)?;
    let first = here.ask("", "First", "").await?;
    let (left, right) = tokio::join!(here.chat(&first.chat, "Second", ""), there.chat(&first.chat, "Second too", ""));
    let (left, right) = (left?, right?);
    let (taken, refused) = if left.status == 200 { (left, right) } else { (right, left) };
    let taken = taken.expect(200)?;
    assert_eq!((refused.status, refused.code()), (409, "chat_busy".to_owned()), "{}", refused.text());
    let history = there.history(&first.chat).await?;
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(4), "{history}");
    assert_totals(&history, &[&first.body, &taken])
}

#[tokio::test]
async fn a_memory_saved_on_one_is_recalled_on_the_other() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let (one, other) = two(&sim, &stores.options()).await?;
    let here = one.session("ana").await?;
    let there = through(&other, &here)?;
    // The other one has looked at the table before.
    assert!(there.ask("", "Em que cidade moro?", "").await?.memories.is_empty());
    here.post("/memories", &json!({"text": "Moro na cidade de Recife"})).await?.expect(201)?;
    let there = &there;
    soon("a memory of the other instance is recalled", || async {
        let reply = there.ask("", "Em que cidade moro?", "").await?;
        Ok(reply.memories.iter().any(|text| text.contains("Recife")).then_some(()))
    })
    .await?;
    // And one that was extracted here from a prompt there.
    there.ask("", "Gosto de café forte", "").await?;
    here.wait_for_memory("café").await?;
    there.wait_for_memory("café").await?;
    Ok(())
}

#[tokio::test]
async fn a_turn_of_a_dead_instance_is_interrupted_and_one_of_a_living_instance_is_not() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let lease = Duration::from_secs(3);
    let options = stores.options().env("PALAVRA__CHAT__LEASE", "3s");
    let (mut one, other) = two(&sim, &options).await?;
    let here = one.session("ana").await?;
    let there = through(&other, &here)?;
    sim.fault(FaultRule::new(Fault::HangMidStream { after_chunks: 3 }).path(SimPath::Chat).model("sim/large"));
    sim.fault(FaultRule::new(Fault::HangMidStream { after_chunks: 3 }).path(SimPath::Chat).model("sim/large"));
    // Two answers that do not end: one of the instance that dies, one of the other.
    let mut dying = here.stream("", "Cut off", "sim/large").await?;
    let mut living = there.stream("", "Still there", "sim/large").await?;
    let mut chats = Vec::new();
    for stream in [&mut dying, &mut living] {
        let started = stream.next().await.context("no event")??;
        chats.push(started.data["chat_id"].as_str().context("no chat")?.to_owned());
        assert_eq!(stream.next().await.context("no event")??.name, "delta");
    }
    one.kill()?;
    let died = Instant::now();
    assert!(dying.rest().await.is_err(), "the stream cannot have ended well");
    assert_eq!(there.chat(&chats[0], "Too early", "").await?.code(), "chat_busy");

    let answer = there.wait_for_turn(&chats[0], 1).await?;
    let took = died.elapsed();
    assert_eq!(answer["status"], "interrupted", "{answer}");
    assert!(took < lease * 2, "it took {took:?}");
    let next = there.ask(&chats[0], "Next", "").await?;
    assert_eq!(next.turn, 2);

    // The other answer has outlived several leases, because its instance lives.
    tokio::time::sleep(lease).await;
    let history = there.history(&chats[1]).await?;
    assert_eq!(message(&history, 1, "assistant")?["status"], "pending", "{history}");
    // The dead one comes back and takes nothing that is not over.
    one.resume().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let history = there.history(&chats[1]).await?;
    assert_eq!(message(&history, 1, "assistant")?["status"], "pending", "{history}");
    Ok(())
}
