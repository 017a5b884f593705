//! Users who send prompts one after the other.

use crate::report::millis;
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use hdrhistogram::Histogram;
use palavra_e2e::{Client, Palavra};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

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
pub(crate) fn prompt(n: usize) -> String {
    let (texts, word) = if n % 10 == 9 { (FACTS, "desde") } else { (QUESTIONS, "número") };
    format!("{} ({word} {n})", texts[n / 10 % texts.len()])
}

/// Latencies, and how many calls failed.
pub(crate) struct Figures {
    latencies: Histogram<u64>,
    errors: usize,
    took: Duration,
}

impl Figures {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { latencies: Histogram::new(3)?, errors: 0, took: Duration::ZERO })
    }

    pub(crate) fn record(&mut self, latency: Duration, succeeded: bool) -> Result<()> {
        self.latencies.record(u64::try_from(latency.as_micros())?)?;
        self.errors += usize::from(!succeeded);
        Ok(())
    }

    pub(crate) fn took(&mut self, span: Duration) {
        self.took = span;
    }

    fn add(&mut self, other: &Self) -> Result<()> {
        self.latencies.add(&other.latencies)?;
        self.errors += other.errors;
        Ok(())
    }

    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate to be shown")]
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn percentile(&self, quantile: f64) -> String {
        millis(Duration::from_micros(self.latencies.value_at_quantile(quantile)))
    }

    #[allow(clippy::cast_precision_loss, reason = "a ratio to be shown")]
    pub(crate) fn ratio(&self, other: &Self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / other.latencies.value_at_quantile(quantile) as f64
    }
}

/// How prompts are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompter {
    /// Waits for the whole answer; everything is on.
    Whole,
    /// Streamed; the latency is that of the first part of the answer. Everything is on.
    Streamed,
    /// Waits for the whole answer, memory switched off: nothing is recalled or remembered.
    WithoutMemory,
}

pub(crate) const PROMPTERS: [Prompter; 3] = [Prompter::Whole, Prompter::Streamed, Prompter::WithoutMemory];

impl Prompter {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Whole => "POST /chat",
            Self::Streamed => "POST /chat, streamed, to the first delta",
            Self::WithoutMemory => "POST /chat, memory off",
        }
    }

    /// Switches the user's memory on or off.
    pub(crate) async fn prepare(self, user: &Client) -> Result<()> {
        let (status, _) = user.put("/user/profile", json!({"memory_enabled": self != Self::WithoutMemory})).await?;
        ensure!(status == 200, "the profile was not changed");
        Ok(())
    }

    /// Sends a prompt: the chat it went to, if it was answered, and the latency.
    async fn send(self, user: &Client, body: Value) -> Result<(Option<String>, Duration)> {
        let sent = Instant::now();
        if self != Self::Streamed {
            let (status, answer) = user.post("/chat", body).await?;
            let chat = (status == 200).then(|| answer["chat_id"].as_str().map(str::to_owned)).flatten();
            return Ok((chat, sent.elapsed()));
        }
        let Ok(mut stream) = user.stream(body).await else { return Ok((None, sent.elapsed())) };
        let (mut chat, mut first) = (None, None);
        while let Some(event) = stream.next().await {
            let event = event?;
            match event.name.as_str() {
                "turn" => chat = event.data["chat_id"].as_str().map(str::to_owned),
                "delta" => first = first.or_else(|| Some(sent.elapsed())),
                "error" => return Ok((None, sent.elapsed())),
                _ => {}
            }
        }
        Ok((chat, first.context("a stream without a delta")?))
    }
}

/// Users with some memories each.
pub(crate) async fn users(server: &Palavra, count: usize) -> Result<Vec<Arc<Client>>> {
    let mut users = Vec::new();
    for n in 0..count {
        let client = server.user(&format!("bench{n}")).await?;
        for memory in 0..MEMORIES_A_USER {
            let text = format!("{} ({memory})", FACTS[memory % FACTS.len()]);
            ensure!(client.post("/memories", json!({"text": text})).await?.0 == 201, "a memory was not saved");
        }
        users.push(Arc::new(client));
    }
    Ok(users)
}

/// Each user sends prompts one after the other for `span`.
pub(crate) async fn converse(users: &[Arc<Client>], prompter: Prompter, span: Duration) -> Result<Figures> {
    let begun = Instant::now();
    let load = users.iter().map(|user| tokio::spawn(one(Arc::clone(user), prompter, span)));
    let mut all = Figures::new()?;
    for figures in futures::future::join_all(load).await {
        all.add(&figures??)?;
    }
    all.took(begun.elapsed());
    Ok(all)
}

async fn one(user: Arc<Client>, prompter: Prompter, span: Duration) -> Result<Figures> {
    let mut figures = Figures::new()?;
    let mut chat = String::new();
    let begun = Instant::now();
    for n in 0.. {
        if begun.elapsed() >= span {
            break;
        }
        if n % TURNS_A_CHAT == 0 {
            chat.clear();
        }
        let (answered, latency) = prompter.send(&user, json!({"chat_id": chat, "prompt": prompt(n)})).await?;
        figures.record(latency, answered.is_some())?;
        chat = answered.unwrap_or_default();
    }
    Ok(figures)
}
