//! A memory that tells where it came from, changes its mind with its user, and forgets.

use crate::common::{simulator, wait_for_request};
use anyhow::{Context, Result};
use palavra_e2e::{Options, Palavra, Session, wait_until};
use palavra_openrouter_sim::{Fault, FaultRule, SimPath};
use reqwest::Method;
use serde_json::{Value, json};

/// Extraction asks a model of its own, so that faults can be for it alone.
fn options() -> Options {
    Options::default().env("PALAVRA__MEMORY__EXTRACTION_MODEL", "sim/large").env("PALAVRA__MEMORY__RETRY_BASE", "200ms")
}

async fn texts(user: &Session) -> Result<Vec<String>> {
    let memories = user.memories().await?;
    Ok(memories.iter().filter_map(|memory| memory["text"].as_str()).map(str::to_owned).collect())
}

async fn until_texts(user: &Session, wanted: &[&str]) -> Result<()> {
    let what = format!("the memories {wanted:?}");
    wait_until(&what, || async { Ok((texts(user).await? == wanted).then_some(())) }).await
}

async fn idle(server: &Palavra) -> Result<()> {
    wait_until("an empty backlog", || async { Ok((server.backlog().await? == 0).then_some(())) }).await
}

async fn history(user: &Session, id: &Value) -> Result<Vec<Value>> {
    let id = id.as_str().context("no id")?;
    let answer = user.get(&format!("/memories/{id}/history")).await?.expect(200)?;
    Ok(answer["history"].as_array().context("no history")?.clone())
}

#[tokio::test]
async fn a_memory_tells_where_it_came_from_and_what_it_replaced() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start_with(&sim.base_url(), options()).await?;
    let ana = server.session("ana").await?;
    let first = ana.ask("", "Olá! Moro em Recife.", "sim/fast").await?;
    until_texts(&ana, &["Mora em Recife"]).await?;
    let second = ana.ask("", "Agora moro em Olinda.", "sim/fast").await?;
    until_texts(&ana, &["Mora em Olinda"]).await?;

    let memory = ana.memories().await?.remove(0);
    let check = async |user: &Session| -> Result<()> {
        let [old, new] = &history(user, &memory["id"]).await?[..] else { anyhow::bail!("no history of two") };
        assert_eq!((&old["text"], &old["state"]), (&json!("Mora em Recife"), &json!("superseded")));
        assert_eq!((&old["superseded_by"], &old["valid_to"]), (&memory["id"], &new["valid_from"]));
        assert_eq!(
            (&old["source"]["chat_id"], &old["source"]["quote"]),
            (&json!(first.chat), &json!("Moro em Recife"))
        );
        assert_eq!(
            (&new["source"]["chat_id"], &new["source"]["quote"]),
            (&json!(second.chat), &json!("moro em Olinda"))
        );
        Ok(())
    };
    check(&ana).await?;
    server.restart().await?;
    check(&ana).await?;

    // A new chat knows the new place, and not the old one.
    let asked = ana.ask("", "Moro em Olinda?", "sim/large").await?;
    assert_eq!(asked.memories, ["Mora em Olinda"]);
    // Taken back, it is gone from both.
    ana.ask("", "Não moro mais em Olinda.", "sim/fast").await?;
    until_texts(&ana, &[]).await?;
    assert!(ana.ask("", "Moro em Olinda?", "sim/large").await?.memories.is_empty());
    let export = ana.get("/memories/export").await?.expect(200)?;
    let states: Vec<&str> = export["memories"].as_array().unwrap().iter().filter_map(|m| m["state"].as_str()).collect();
    assert_eq!(states, ["superseded", "retracted"]);
    Ok(())
}

#[tokio::test]
async fn nothing_is_learnt_that_its_user_did_not_say() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start_with(&sim.base_url(), options()).await?;
    let ana = server.session("ana").await?;
    let asked = |sim: &palavra_openrouter_sim::Simulator| {
        sim.requests().iter().filter(|request| request.body["model"] == "sim/large").count()
    };
    for prompt in [
        "Qual é a capital da França?",
        "How do I center a div?",
        "Traduza para o inglês: \"eu moro em Paris e sou cantor\"",
        "Resuma:\n\n> Sou diretora da empresa e prefiro reuniões curtas.\n",
    ] {
        ana.ask("", prompt, "sim/fast").await?;
    }
    idle(&server).await?;
    assert!(texts(&ana).await?.is_empty());
    // The first two did not even cost a call.
    assert!(asked(&sim) <= 2, "{}", asked(&sim));
    // Without memory, by the prompt's own word.
    let body = json!({"prompt": "Moro em Recife.", "model": "sim/fast", "memory": false});
    ana.post("/chat", &body).await?.expect(200)?;
    idle(&server).await?;
    assert!(texts(&ana).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_forgotten_with_its_chat_does_not_come_back() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start_with(&sim.base_url(), options()).await?;
    let ana = server.session("ana").await?;
    let first = ana.ask("", "Moro em Recife.", "sim/fast").await?;
    until_texts(&ana, &["Mora em Recife"]).await?;
    ana.ask("", "Sou médica.", "sim/fast").await?;
    until_texts(&ana, &["É médica", "Mora em Recife"]).await?;
    let path = format!("/chat?chat_id={}&memories=forget", first.chat);
    ana.call(Method::DELETE, &path, None).await?.expect(204)?;
    assert_eq!(texts(&ana).await?, ["É médica"]);
    server.restart().await?;
    idle(&server).await?;
    assert_eq!(texts(&ana).await?, ["É médica"]);
    // What is said anew is learnt anew.
    ana.ask("", "Moro em Recife.", "sim/fast").await?;
    until_texts(&ana, &["Mora em Recife", "É médica"]).await
}

#[tokio::test]
async fn two_prompts_at_once_say_one_thing_once() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start_with(&sim.base_url(), options()).await?;
    let ana = server.session("ana").await?;
    for round in 0..5 {
        let place = format!("Moro em Cidade{round}.");
        let (one, other, third) = tokio::join!(
            ana.ask("", &place, "sim/fast"),
            ana.ask("", &place, "sim/fast"),
            ana.ask("", &place, "sim/fast")
        );
        for answer in [one, other, third] {
            answer?;
        }
        idle(&server).await?;
        assert_eq!(texts(&ana).await?, [format!("Mora em Cidade{round}")]);
    }
    Ok(())
}

#[tokio::test]
async fn a_kill_while_learning_leaves_every_memory_once() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start_with(&sim.base_url(), options()).await?;
    let ana = server.session("ana").await?;
    for round in 0..2 {
        // While the model is asked; while what it found is embedded, after the prompt was, to recall what it bears on.
        let embedding = round == 1;
        sim.fault(if embedding {
            FaultRule::new(Fault::HangBeforeHeaders).path(SimPath::Embeddings).times(2)
        } else {
            FaultRule::new(Fault::HangBeforeHeaders).path(SimPath::Chat).model("sim/large")
        });
        let body = json!({"prompt": format!("Moro em Cidade{round}."), "model": "sim/fast"});
        let answered = ana.post("/chat", &body).await?.expect(200)?;
        assert_eq!(answered["status"], "complete");
        wait_for_request(&sim, "the call that hangs", |request| {
            if embedding {
                request.path.ends_with("/embeddings") && request.body.to_string().contains("Mora em Cidade1")
            } else {
                request.body["model"] == "sim/large"
            }
        })
        .await?;
        server.kill()?;
        server.resume().await?;
        until_texts(&ana, &[&format!("Mora em Cidade{round}")]).await?;
        idle(&server).await?;
    }
    let export = ana.get("/memories/export").await?.expect(200)?;
    assert_eq!(export["memories"].as_array().unwrap().len(), 2);
    Ok(())
}
