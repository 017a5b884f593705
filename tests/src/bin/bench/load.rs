//! Connections that call the server, each one call after the other.

use crate::report::millis;
use anyhow::{Context, Result, ensure};
use futures::{StreamExt, future::join_all};
use hdrhistogram::Histogram;
use palavra_e2e::{Client, Palavra};
use serde_json::{Value, json};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// A new chat begins after so many prompts.
const TURNS_A_CHAT: usize = 20;
const MEMORIES_A_USER: usize = 5;
/// How long a connection waits after a call that failed, so that a server that refuses everything is not stormed.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
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

/// Latencies of the calls that succeeded, and how many failed.
pub(crate) struct Figures {
    latencies: Histogram<u64>,
    errors: usize,
    first_error: Option<String>,
    took: Duration,
}

impl Figures {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { latencies: Histogram::new(3)?, errors: 0, first_error: None, took: Duration::ZERO })
    }

    pub(crate) fn record(&mut self, outcome: Result<Duration>) -> Result<()> {
        match outcome {
            Ok(latency) => self.latencies.record(u64::try_from(latency.as_micros())?)?,
            Err(error) => {
                self.errors += 1;
                self.first_error.get_or_insert_with(|| format!("{error:#}"));
            }
        }
        Ok(())
    }

    fn add(&mut self, other: Self) -> Result<()> {
        self.latencies.add(&other.latencies)?;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        Ok(())
    }

    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Why the first call failed that did.
    pub(crate) fn first_error(&self) -> Option<&str> {
        self.first_error.as_deref()
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate to be shown")]
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// `–` when no call succeeded.
    pub(crate) fn percentile(&self, quantile: f64) -> String {
        if self.latencies.is_empty() {
            return "–".to_owned();
        }
        millis(Duration::from_micros(self.latencies.value_at_quantile(quantile)))
    }

    #[allow(clippy::cast_precision_loss, reason = "a ratio to be shown")]
    pub(crate) fn ratio(&self, other: &Self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / other.latencies.value_at_quantile(quantile) as f64
    }
}

/// One connection's work.
pub(crate) trait Caller: Send + 'static {
    /// Its `n`-th call: what counts as its latency.
    fn call(&mut self, n: usize) -> impl Future<Output = Result<Duration>> + Send;
}

/// Has each connection call, one call after the other, for `span`. Calls that fail are counted and do not end it.
pub(crate) async fn drive<C: Caller>(callers: Vec<C>, span: Duration) -> Result<Figures> {
    let begun = Instant::now();
    let calling = callers.into_iter().map(|mut caller| {
        tokio::spawn(async move {
            let mut figures = Figures::new()?;
            for n in 0.. {
                if begun.elapsed() >= span {
                    break;
                }
                let outcome = caller.call(n).await;
                let failed = outcome.is_err();
                figures.record(outcome)?;
                if failed {
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
            Ok::<_, anyhow::Error>(figures)
        })
    });
    let mut all = Figures::new()?;
    for figures in join_all(calling).await {
        all.add(figures??)?;
    }
    all.took = begun.elapsed();
    Ok(all)
}

/// How prompts are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The latency is that of the whole answer.
    Whole,
    /// The latency is that of the first part of the answer.
    Streamed,
}

/// A user who sends prompts.
pub(crate) struct Prompter {
    user: Client,
    way: Way,
    chat: String,
}

impl Prompter {
    pub(crate) fn new(user: &Client, way: Way) -> Self {
        Self { user: user.clone(), way, chat: String::new() }
    }

    async fn send(&mut self, body: Value) -> Result<Duration> {
        let sent = Instant::now();
        if self.way == Way::Whole {
            let (status, answer) = self.user.post("/chat", body).await?;
            ensure!(status == 200, "POST /chat: {status} {answer}");
            self.chat = answer["chat_id"].as_str().context("an answer without chat_id")?.to_owned();
            return Ok(sent.elapsed());
        }
        let mut stream = self.user.stream(body).await?;
        let (mut chat, mut first) = (None, None);
        while let Some(event) = stream.next().await {
            let event = event?;
            match event.name.as_str() {
                "turn" => chat = event.data["chat_id"].as_str().map(str::to_owned),
                "delta" => first = first.or_else(|| Some(sent.elapsed())),
                "error" => anyhow::bail!("POST /chat, streamed: {}", event.data),
                _ => {}
            }
        }
        self.chat = chat.context("a stream without its chat")?;
        first.context("a stream without a delta")
    }
}

impl Caller for Prompter {
    async fn call(&mut self, n: usize) -> Result<Duration> {
        let chat = std::mem::take(&mut self.chat);
        let chat = if n.is_multiple_of(TURNS_A_CHAT) { String::new() } else { chat };
        self.send(json!({"chat_id": chat, "prompt": prompt(n)})).await
    }
}

/// A user who logs in again and again.
pub(crate) struct Login {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Caller for Login {
    async fn call(&mut self, _n: usize) -> Result<Duration> {
        let sent = Instant::now();
        self.client.login(&self.name, &format!("password of {}", self.name)).await?.expect(200)?;
        Ok(sent.elapsed())
    }
}

/// A user who reads one page.
pub(crate) struct Reader {
    pub(crate) user: Client,
    pub(crate) path: String,
}

impl Caller for Reader {
    async fn call(&mut self, _n: usize) -> Result<Duration> {
        let sent = Instant::now();
        let (status, answer) = self.user.get(&self.path).await?;
        ensure!(status == 200, "GET {}: {status} {answer}", self.path);
        Ok(sent.elapsed())
    }
}

/// The name of the `n`-th user.
pub(crate) fn name(n: usize) -> String {
    format!("bench{n}")
}

/// Users with some memories each.
pub(crate) async fn users(server: &Palavra, count: usize) -> Result<Vec<Client>> {
    let mut users = Vec::new();
    for n in 0..count {
        let client = server.user(&name(n)).await?;
        for memory in 0..MEMORIES_A_USER {
            let text = format!("{} ({memory})", FACTS[memory % FACTS.len()]);
            let (status, answer) = client.post("/memories", json!({"text": text})).await?;
            ensure!(status == 201, "a memory was not saved: {status} {answer}");
        }
        users.push(client);
    }
    Ok(users)
}

/// Switches the users' memory on or off.
pub(crate) async fn remember(users: &[Client], on: bool) -> Result<()> {
    for user in users {
        let (status, answer) = user.put("/user/profile", json!({"memory_enabled": on})).await?;
        ensure!(status == 200, "the profile was not changed: {status} {answer}");
    }
    Ok(())
}
