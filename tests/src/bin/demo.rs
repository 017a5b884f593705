//! A scripted conversation over real HTTP with the real binary and a simulated OpenRouter: no key, no network. Each step is
//! checked; the demo fails when one does not do what it shows.

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use palavra_e2e::{Client, Options, Palavra, SimProcess};
use serde_json::{Value, json};
use std::{
    io::Write,
    time::{Duration, Instant},
};

#[allow(clippy::print_stdout, reason = "a demo prints")]
fn say(text: &str) {
    println!("{text}");
}

fn step(text: &str) {
    say(&format!("\n\x1b[1m▸ {text}\x1b[0m"));
}

fn ok((status, body): (u16, Value), wanted: u16) -> Result<Value> {
    ensure!(status == wanted, "expected {wanted}, got {status}: {body}");
    Ok(body)
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("a text is missing in an answer")
}

#[tokio::main]
async fn main() -> Result<()> {
    let sim = SimProcess::start_with(&["--chunk-delay-ms", "40"]).await?;
    let server = Palavra::start_with(&sim.base_url(), Options::default()).await?;
    say(&format!("Palavra runs at {}, over SQLite and LanceDB in a temporary folder.", server.url()));
    say("OpenRouter is played by a simulator that speaks its wire protocol.");

    step("Ana registers and logs in");
    let mut ana = Client::new(server.url());
    let profile =
        ok(ana.post("/register", json!({"username": "ana", "password": "correct horse battery"})).await?, 201)?;
    say(&format!("  201 id {} has_api_key {}", text(&profile["id"])?, profile["has_api_key"]));
    let tokens = ok(ana.post("/login", json!({"username": "ana", "password": "correct horse battery"})).await?, 200)?;
    ana.authorize(text(&tokens["access_token"])?);
    say(&format!("  200 token_type {} expires_in {} s", text(&tokens["token_type"])?, tokens["expires_in"]));

    step("She hands over her OpenRouter key: it is sealed, and only its end is ever shown");
    let profile = ok(ana.put("/user/profile", json!({"openrouter_api_key": "sk-or-v1-demo-key-7f3a"})).await?, 200)?;
    say(&format!("  200 has_api_key {} api_key_hint {}", profile["has_api_key"], text(&profile["api_key_hint"])?));

    step("She chats with one model …");
    let first = ask(&ana, json!({"chat_id": "", "prompt": "What is a pointer in C?", "model": "sim/fast"})).await?;
    step("… and with another one in the same conversation, which sees the history");
    let chat = text(&first["chat_id"])?.to_owned();
    let second =
        ask(&ana, json!({"chat_id": chat, "prompt": "And how does it differ from a reference?", "model": "sim/large"}))
            .await?;
    ensure!(first["model"] != second["model"], "both answers came from one model");
    ensure!(text(&second["reply"])?.contains("What is a pointer in C?"), "the second model did not see the history");

    step("She says something about herself, and watches the answer stream");
    stream(&ana, json!({"chat_id": chat, "prompt": "Sou desenvolvedora de software em Recife e prefiro respostas formais", "model": "sim/fast"})).await?;

    step("The conversation's tokens and cost, each answer counted once");
    let history = ok(ana.get(&format!("/chat?chat_id={chat}")).await?, 200)?;
    say(&format!(
        "  {} messages, tokens_used {}",
        history["messages"].as_array().map_or(0, Vec::len),
        history["tokens_used"]
    ));
    ensure!(history["tokens_used"]["total_tokens"].as_u64() > Some(0), "no tokens were counted");

    step("Off the reply path, what she said was remembered");
    let begun = Instant::now();
    let memories = loop {
        let memories = ok(ana.get("/memories").await?, 200)?["memories"].clone();
        if memories.as_array().is_some_and(|memories| memories.len() >= 2) {
            break memories;
        }
        ensure!(begun.elapsed() < Duration::from_secs(20), "nothing was remembered");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for memory in memories.as_array().into_iter().flatten() {
        say(&format!("  {:<11} {}", text(&memory["kind"])?, text(&memory["text"])?));
    }

    step("In a new chat, with another model, she is remembered");
    let asked =
        json!({"chat_id": "", "prompt": "O que você sabe sobre mim, desenvolvedora em Recife?", "model": "sim/large"});
    let answer = ask(&ana, asked).await?;
    ensure!(answer["chat_id"] != first["chat_id"], "it is not a new chat");
    ensure!(answer["memories"].as_array().is_some_and(|used| !used.is_empty()), "no memory was recalled");
    for memory in answer["memories"].as_array().into_iter().flatten() {
        say(&format!("  recalled ({:.2}): {}", memory["score"].as_f64().unwrap_or_default(), text(&memory["text"])?));
    }

    say(
        "\n\x1b[1mThe demo has succeeded.\x1b[0m `make run` starts the server for real use; its /docs page tries every call.",
    );
    Ok(())
}

/// Sends a prompt and shows the answer.
async fn ask(ana: &Client, body: Value) -> Result<Value> {
    say(&format!("  → {}", text(&body["prompt"])?));
    let answer = ok(ana.post("/chat", body).await?, 200)?;
    say(&format!("  ← [{}] {}", text(&answer["model"])?, text(&answer["reply"])?.replace('\n', "\n    ")));
    say(&format!("    usage {}", answer["usage"]));
    Ok(answer)
}

/// Sends a prompt and shows the answer as it comes.
async fn stream(ana: &Client, body: Value) -> Result<()> {
    say(&format!("  → {}", text(&body["prompt"])?));
    let mut events = ana.stream(body).await?;
    let (mut deltas, mut done) = (0, false);
    let mut out = std::io::stdout();
    write!(out, "  ← ")?;
    while let Some(event) = events.next().await {
        let event = event?;
        match event.name.as_str() {
            "delta" => {
                deltas += 1;
                write!(out, "{}", text(&event.data["text"])?)?;
                out.flush()?;
            }
            "done" => done = true,
            _ => {}
        }
    }
    writeln!(out, "\n    ({deltas} deltas)")?;
    ensure!(done && deltas > 2, "the answer did not stream");
    Ok(())
}
