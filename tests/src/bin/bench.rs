//! Measures `POST /chat` with everything on, the backlog of extraction, resident memory, and `GET /chat` on a long chat,
//! against a simulated provider without delay. Server, provider and load share this machine.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use hdrhistogram::Histogram;
use palavra_e2e::{Client, Options, Palavra, SimProcess};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Benchmarks the server.
#[derive(Parser)]
struct Arguments {
    /// Seconds a number of connections.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Turns of the long chat.
    #[arg(long, default_value_t = 10_000)]
    turns: usize,
}

const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// A new chat begins after so many prompts.
const TURNS_A_CHAT: usize = 20;
const MEMORIES_A_USER: usize = 5;
const FACTS: [&str; 4] = [
    "Moro em Recife e gosto de café forte",
    "I work as a nurse and I like short answers",
    "Prefiro respostas formais e gosto de exemplos",
    "I live in Lisbon and I play the guitar",
];
const QUESTIONS: [&str; 4] = [
    "Qual é a capital do Japão?",
    "How do I sort a list in Python?",
    "O que é um ponteiro em C?",
    "Which coffee should I order today?",
];

/// The `n`-th prompt of a connection: one in ten states a fact.
fn prompt(n: usize) -> String {
    let (texts, word) = if n % 10 == 9 { (FACTS, "desde") } else { (QUESTIONS, "número") };
    format!("{} ({word} {n})", texts[n / 10 % texts.len()])
}

fn percentile(histogram: &Histogram<u64>, q: f64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "microseconds, shown as milliseconds")]
    let millis = histogram.value_at_quantile(q) as f64 / 1000.0;
    format!("{millis:.2} ms")
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let sim = SimProcess::start().await?;
    let options = Options::default().env("PALAVRA__LOG__LEVEL", "warn");
    let server = Palavra::start_with(&sim.base_url(), options).await?;
    say(&format!("resident at rest: {} MiB", server.resident_mib()?));

    let most = CONNECTIONS.into_iter().max().unwrap_or(1);
    let mut users = Vec::new();
    for n in 0..most {
        let client = server.user(&format!("bench{n}")).await?;
        for memory in 0..MEMORIES_A_USER {
            let text = format!("{} ({memory})", FACTS[memory % FACTS.len()]);
            ensure!(client.post("/memories", json!({"text": text})).await?.0 == 201, "a memory was not saved");
        }
        users.push(Arc::new(client));
    }

    say(
        "\nPOST /chat, everything on:\n| connections | requests/s | p50 | p99 | errors | extraction backlog | drained in | resident |\n|---|---|---|---|---|---|---|---|",
    );
    for connections in CONNECTIONS {
        let load = users
            .iter()
            .take(connections)
            .map(|user| tokio::spawn(converse(Arc::clone(user), Duration::from_secs(arguments.seconds))));
        let begun = Instant::now();
        let mut all = Histogram::<u64>::new(3)?;
        let mut errors = 0;
        for done in futures::future::join_all(load).await {
            let (histogram, failed) = done??;
            all.add(histogram)?;
            errors += failed;
        }
        let elapsed = begun.elapsed();
        let resident = server.resident_mib()?;
        let backlog = server.backlog().await?;
        let draining = Instant::now();
        while server.backlog().await? > 0 {
            ensure!(draining.elapsed() < Duration::from_secs(300), "the backlog does not drain");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        #[allow(clippy::cast_precision_loss, reason = "a rate to be shown")]
        let rate = all.len() as f64 / elapsed.as_secs_f64();
        say(&format!(
            "| {connections} | {rate:.0} | {} | {} | {errors} | {backlog} | {:.1} s | {resident} MiB |",
            percentile(&all, 0.5),
            percentile(&all, 0.99),
            draining.elapsed().as_secs_f64()
        ));
    }
    long_chat(&server, arguments.turns).await
}

/// Sends prompts one after the other for `span`: latencies in microseconds, and how many failed.
async fn converse(user: Arc<Client>, span: Duration) -> Result<(Histogram<u64>, usize)> {
    let mut latencies = Histogram::new(3)?;
    let (mut chat, mut errors) = (String::new(), 0);
    let begun = Instant::now();
    for n in 0.. {
        if begun.elapsed() >= span {
            break;
        }
        if n % TURNS_A_CHAT == 0 {
            chat.clear();
        }
        let sent = Instant::now();
        let (status, answer) = user.post("/chat", json!({"chat_id": chat, "prompt": prompt(n)})).await?;
        latencies.record(u64::try_from(sent.elapsed().as_micros())?)?;
        if status == 200 {
            chat = answer["chat_id"].as_str().context("an answer without chat_id")?.to_owned();
        } else {
            errors += 1;
        }
    }
    Ok((latencies, errors))
}

/// Compares the first page of a long chat with that of a chat of ten turns.
async fn long_chat(server: &Palavra, turns: usize) -> Result<()> {
    let user = server.user("historian").await?;
    let (status, _) = user.put("/user/profile", json!({"memory_enabled": false})).await?;
    ensure!(status == 200, "memory was not switched off");
    let mut chats = Vec::new();
    for wanted in [10, turns] {
        let mut chat = String::new();
        for n in 0..wanted {
            let (status, answer) = user.post("/chat", json!({"chat_id": chat, "prompt": prompt(n)})).await?;
            ensure!(status == 200, "a turn of the long chat failed: {answer}");
            chat = answer["chat_id"].as_str().context("an answer without chat_id")?.to_owned();
        }
        chats.push(chat);
    }
    let mut latencies = [Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?];
    for _ in 0..1000 {
        for (chat, latencies) in chats.iter().zip(&mut latencies) {
            let sent = Instant::now();
            let (status, _) = user.get(&format!("/chat?chat_id={chat}&limit=10")).await?;
            latencies.record(u64::try_from(sent.elapsed().as_micros())?)?;
            ensure!(status == 200, "a history was not given");
        }
    }
    let [short, long] = &latencies;
    #[allow(clippy::cast_precision_loss, reason = "a ratio to be shown")]
    let ratio = long.value_at_quantile(0.5) as f64 / short.value_at_quantile(0.5) as f64;
    say(&format!(
        "\nGET /chat (limit 10), in turn: 10 turns p50 {} p99 {}; {turns} turns p50 {} p99 {}; ratio of p50 {ratio:.2}",
        percentile(short, 0.5),
        percentile(short, 0.99),
        percentile(long, 0.5),
        percentile(long, 0.99),
    ));
    Ok(())
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its table")]
fn say(text: &str) {
    println!("{text}");
}
