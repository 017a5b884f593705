//! The spans of a prompt in the log.

use crate::common::simulator;
use anyhow::{Context, Result};
use palavra_e2e::{Options, Palavra, key_of, wait_until};
use palavra_openrouter_sim::Simulator;
use serde_json::{Value, json};

const PROMPT: &str = "canary-of-a-prompt about coffee";
const MEMORY: &str = "canary-of-a-memory about coffee";

/// The log after something was learnt of a user who has a memory, and then two prompts in one chat.
async fn log(sim: &Simulator, options: Options) -> Result<String> {
    let options = options.env("PALAVRA__LOG__LEVEL", "info,palavra=debug").env("PALAVRA__LOG__FORMAT", "json");
    let mut server = Palavra::start_with(&sim.base_url(), options).await?;
    let ana = server.session("ana").await?;
    ana.post("/memories", &json!({"text": MEMORY})).await?.expect(201)?;
    // Learning says so at debug: the log is never without a word at that level.
    ana.ask("", "Moro em Recife.", "").await?;
    ana.wait_for_memory("Recife").await?;
    wait_until("an empty backlog", || async { Ok((server.backlog().await? == 0).then_some(())) }).await?;
    let first = ana.ask("", PROMPT, "").await?;
    ana.ask(&first.chat, PROMPT, "").await?;
    server.stop().await?;
    let log = server.log()?;
    for secret in ["canary", &key_of("ana"), &ana.access, &ana.refresh] {
        assert!(!log.contains(secret), "{secret:?} is in the log");
    }
    Ok(log)
}

/// The spans that begin (`new`) and end (`close`) within prompts, in the order of the log.
fn spans(log: &str) -> Vec<(String, String)> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = lines.map(|line| {
        let root =
            if line["spans"][0].is_null() { text(&line["span"]["name"]) } else { text(&line["spans"][0]["name"]) };
        (root, text(&line["fields"]["message"]), text(&line["span"]["name"]))
    });
    let told = told.filter(|(root, said, _)| root == "prompt" && (said == "new" || said == "close"));
    told.map(|(_, said, name)| (said, name)).collect()
}

#[tokio::test]
async fn a_prompt_shows_its_steps_and_reads_at_once() -> Result<()> {
    let sim = simulator()?;
    let log = log(&sim, Options::default().env("PALAVRA__LOG__SPANS", "true")).await?;
    let spans = spans(&log);
    // The second prompt: the first has no history to read.
    let second =
        spans.iter().rposition(|(said, name)| said == "new" && name == "prompt").context("no second prompt")?;
    let spans = &spans[second..];
    let at = |said: &str, name: &str| spans.iter().position(|span| span.0 == said && span.1 == name);
    for name in [
        "prompt",
        "prompt.check",
        "prompt.begin",
        "prompt.catalogue",
        "prompt.history",
        "prompt.recall",
        "prompt.embed",
        "prompt.model",
        "prompt.settle",
        "db.chat.begin_turn",
        "db.chat.recent_exchanges",
        "db.chat.settle_turn",
    ] {
        assert!(at("new", name).is_some(), "no {name} begins: {spans:?}");
        assert!(at("close", name) > at("new", name), "{name} does not end after it began: {spans:?}");
    }
    let reads = ["prompt.history", "prompt.recall"];
    for (one, other) in [(reads[0], reads[1]), (reads[1], reads[0])] {
        assert!(at("new", one) < at("close", other), "{one} waits for {other}: {spans:?}");
    }
    assert!(at("close", "prompt.begin") < at("new", "prompt.recall"), "{spans:?}");
    assert!(at("close", "prompt.recall") < at("new", "prompt.model"), "{spans:?}");
    assert!(at("close", "prompt.model") < at("new", "prompt.settle"), "{spans:?}");
    Ok(())
}

#[tokio::test]
async fn nothing_of_it_is_logged_when_nobody_asks_for_it() -> Result<()> {
    let sim = simulator()?;
    let log = log(&sim, Options::default()).await?;
    assert!(log.contains("\"DEBUG\""), "the log is not as talkative as it should be");
    assert_eq!(spans(&log), []);
    Ok(())
}
