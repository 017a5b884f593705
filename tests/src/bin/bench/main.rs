//! Measures the server over HTTP against a simulated provider without delay, in both profiles. Server, stores, provider and
//! load share this machine.

mod load;
mod report;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use load::{Figures, PROMPTERS, Prompter};
use palavra_e2e::{Client, Options, Palavra, Polyglot, SimProcess};
use report::{millis, row, say};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Benchmarks the server.
#[derive(Parser)]
struct Arguments {
    /// Seconds for each row.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Turns of the long chat.
    #[arg(long, default_value_t = 10_000)]
    turns: usize,
    /// Which stores. Polyglot needs servers: `tests/with-servers` starts them.
    #[arg(long, value_enum, default_value_t = Profiles::Both)]
    profile: Profiles,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profiles {
    Embedded,
    Polyglot,
    Both,
}

const CONNECTIONS: [usize; 3] = [1, 16, 64];
const LOGINS: usize = 20;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let sim = SimProcess::start().await?;
    if arguments.profile != Profiles::Polyglot {
        measure("embedded", &sim, quiet(Options::default()), &arguments).await?;
    }
    if arguments.profile != Profiles::Embedded {
        let stores = Polyglot::fresh().await?;
        measure("polyglot", &sim, quiet(stores.options()), &arguments).await?;
    }
    Ok(())
}

/// No log line a request, and no limit on the logins that are measured.
fn quiet(options: Options) -> Options {
    options.env("PALAVRA__LOG__LEVEL", "warn").env("PALAVRA__SECURITY__LOGIN_ATTEMPTS", "1000000")
}

async fn measure(profile: &str, sim: &SimProcess, options: Options, arguments: &Arguments) -> Result<()> {
    let begun = Instant::now();
    let server = Palavra::start_with(&sim.base_url(), options).await?;
    say(&format!("## {profile}\n"));
    let started = millis(begun.elapsed());
    let span = Duration::from_secs(arguments.seconds);
    let users = load::users(&server, CONNECTIONS.into_iter().max().unwrap_or(1)).await?;
    say(&format!("Start-up {started}; resident at rest {} MiB.\n", server.resident_mib()?));

    say(
        "| | connections | a second | p50 | p99 | errors | backlog, drained in | resident |\n|---|---|---|---|---|---|---|---|",
    );
    for prompter in PROMPTERS {
        for user in &users {
            prompter.prepare(user).await?;
        }
        for connections in CONNECTIONS {
            let figures = load::converse(&users[..connections], prompter, span).await?;
            let resident = server.resident_mib()?;
            let (backlog, drained) = drain(&server).await?;
            let backlog = format!("{backlog}, {:.1} s", drained.as_secs_f64());
            say(&row(prompter.name(), connections, &figures, &backlog, resident));
        }
    }
    let logins = login(&server, span).await?;
    say(&row("POST /login", 1, &logins, "", server.resident_mib()?));
    long_chat(&server, arguments.turns).await
}

/// Waits until no prompt is left to be remembered from: how many there were, and how long it took.
async fn drain(server: &Palavra) -> Result<(u64, Duration)> {
    let backlog = server.backlog().await?;
    let draining = Instant::now();
    while server.backlog().await? > 0 {
        ensure!(draining.elapsed() < Duration::from_secs(300), "the backlog does not drain");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok((backlog, draining.elapsed()))
}

/// Logs in one time after the other.
async fn login(server: &Palavra, span: Duration) -> Result<Figures> {
    let mut figures = Figures::new()?;
    let begun = Instant::now();
    for n in 0.. {
        if begun.elapsed() >= span && n >= LOGINS {
            break;
        }
        let sent = Instant::now();
        let answer = server.client().login("bench0", "password of bench0").await?;
        figures.record(sent.elapsed(), answer.status == 200)?;
    }
    figures.took(begun.elapsed());
    Ok(figures)
}

/// Compares the first page of a long chat with that of a chat of ten turns.
async fn long_chat(server: &Palavra, turns: usize) -> Result<()> {
    let user = server.user("historian").await?;
    Prompter::WithoutMemory.prepare(&Arc::new(user.clone())).await?;
    let mut chats = Vec::new();
    for wanted in [10, turns] {
        chats.push(written(&user, wanted).await?);
    }
    let mut figures = [Figures::new()?, Figures::new()?];
    for _ in 0..1000 {
        for (chat, figures) in chats.iter().zip(&mut figures) {
            let sent = Instant::now();
            let (status, _) = user.get(&format!("/chat?chat_id={chat}&limit=10")).await?;
            figures.record(sent.elapsed(), status == 200)?;
        }
    }
    let [short, long] = &figures;
    say(&format!(
        "\nGET /chat (limit 10), in turn: 10 turns p50 {} p99 {}; {turns} turns p50 {} p99 {}; ratio of p50 {:.2}.\n",
        short.percentile(0.5),
        short.percentile(0.99),
        long.percentile(0.5),
        long.percentile(0.99),
        long.ratio(short, 0.5)
    ));
    Ok(())
}

/// A chat of so many turns.
async fn written(user: &Client, turns: usize) -> Result<String> {
    let mut chat = String::new();
    for n in 0..turns {
        let (status, answer) = user.post("/chat", json!({"chat_id": chat, "prompt": load::prompt(n)})).await?;
        ensure!(status == 200, "a turn of the long chat failed: {answer}");
        chat = answer["chat_id"].as_str().context("an answer without chat_id")?.to_owned();
    }
    Ok(chat)
}
