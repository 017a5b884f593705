//! Measures recall, embedding apart, on a table of a million memories: from memory, from LanceDB, and what a write costs.
//! `make bench-memory` prints it beside `ChromaDB` and FAISS on the same vectors.

mod corpus;
mod load;
mod table;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use corpus::{Corpus, MEASURED_MEMORIES, query};
use load::{Times, offered, repeated};
use palavra_application::decorators::HotMemoryRepository;
use palavra_contracts::samples;
use palavra_domain::{
    EmbeddedMemory, Timestamp, UserId,
    ports::{MemoryRepository, UserRepository},
    recall::{Rules, Sought},
};
use palavra_inmem::InMemoryUserRepository;
use palavra_lancedb::LanceDbMemoryRepository;
use std::{
    collections::HashSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// What is asked for with each query.
const TEXT: &str = "Que presente eu dou para a Beatriz no aniversário de sete anos?";
/// Memories that come back, and of the ranking by vectors that is compared.
const LIMIT: usize = 8;
const NEAREST: usize = 10;
/// As the server's settings have it.
const HOT_BYTES: usize = 64 << 20;
const WRITES: usize = 50;

/// Benchmarks recall on a large table.
#[derive(Parser)]
struct Arguments {
    /// Where the table is, or is made: about 4 GB at a million rows.
    #[arg(long)]
    folder: PathBuf,
    /// Memories in the table.
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// Users who have them.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// The users who prompt, with 200 memories each.
    #[arg(long, default_value_t = 2_000)]
    measured: usize,
    /// Prompts a second.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Seconds of each row, where it is not once a user.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Makes the table, and measures nothing.
    #[arg(long)]
    make: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Recall of one process.
#[derive(Clone)]
struct Instance {
    users: Arc<dyn UserRepository>,
    hot: Arc<HotMemoryRepository>,
    lancedb: Arc<LanceDbMemoryRepository>,
}

impl Instance {
    async fn open(arguments: &Arguments, users: &Arc<dyn UserRepository>) -> Result<Self> {
        let lancedb = Arc::new(LanceDbMemoryRepository::open(table::options(&arguments.folder)).await?);
        let memories: Arc<dyn MemoryRepository> = Arc::<LanceDbMemoryRepository>::clone(&lancedb);
        let hot = Arc::new(HotMemoryRepository::new(memories, Arc::clone(users), HOT_BYTES));
        Ok(Self { users: Arc::clone(users), hot, lancedb })
    }

    /// As a prompt recalls, once its user is read and it is embedded: what comes back.
    async fn recall(&self, user: UserId, version: u64, vector: &[f32]) -> Result<usize> {
        let index = self.hot.index(user, version).await?;
        let sought = Sought { text: TEXT, vector: Some(vector), now: Timestamp::MAX };
        Ok(index.search(&sought, &Rules::new(0.3, LIMIT, 1_000)).len())
    }

    /// Whether a prompt that begins now would find it.
    async fn sees(&self, written: &EmbeddedMemory) -> Result<bool> {
        let user = written.memory.user_id;
        let version = self.users.find(user).await?.context("the user is gone")?.memory_version;
        let index = self.hot.index(user, version).await?;
        Ok(index.memories().iter().any(|memory| memory.id == written.memory.id))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let corpus = Corpus { rows: arguments.rows, users: arguments.users, measured: arguments.measured };
    ensure!(
        corpus.measured < corpus.users && corpus.measured * MEASURED_MEMORIES < corpus.rows,
        "--rows and --users must leave something for those who are not measured"
    );
    table::make(&arguments.folder, &corpus).await?;
    if arguments.make {
        return Ok(());
    }
    let users: Arc<dyn UserRepository> = Arc::new(InMemoryUserRepository::new());
    for number in 0..corpus.measured {
        let user = samples::user(&format!("user{number}"));
        users.insert(&palavra_domain::User { id: Corpus::user(number), ..user }).await?;
    }
    let instance = Instance::open(&arguments, &users).await?;
    let queries: Arc<Vec<Vec<f32>>> =
        Arc::new((0..corpus.measured).map(|user| query(table::sought(&corpus, user) as u64)).collect());
    say("| | offered or at once | done | p50 | p99 | recall@10 |\n|---|---|---|---|---|---|");
    let offers = format!("{} a second", arguments.rate);
    let once = recalls(&instance, &queries, corpus.measured, arguments.rate).await?;
    row("Palavra, a user not seen before", &offers, &once, None);
    // Another process, in which nobody is known: a full cache does not take in everybody.
    let instance = Instance::open(&arguments, &users).await?;
    let warm = warm_users(&instance, corpus.measured).await?;
    let count = usize::try_from(arguments.seconds)? * 100;
    let same = exactness(&instance, &warm, &queries).await?;
    let again = {
        let (instance, queries, warm) = (instance.clone(), Arc::clone(&queries), warm.clone());
        offered(count, arguments.rate, move |number| {
            let user = warm[number % warm.len()];
            let (instance, queries) = (instance.clone(), Arc::clone(&queries));
            async move { instance.recall(Corpus::user(user), 0, &queries[user]).await.map(drop) }
        })
        .await?
    };
    row("Palavra, warm", &offers, &again, Some(same));
    for at_once in [1, 16] {
        let (instance, queries, measured) = (instance.clone(), Arc::clone(&queries), corpus.measured);
        let search = move |number: usize| {
            let (lancedb, queries) = (Arc::clone(&instance.lancedb), Arc::clone(&queries));
            let user = number * 7 % measured;
            async move {
                lancedb.search(Corpus::user(user), &queries[user], NEAREST, -1.0).await?;
                Ok(())
            }
        };
        let (times, rate) = repeated(at_once, Duration::from_secs(arguments.seconds), search).await?;
        row("LanceDB's own search", &format!("{at_once} at once, {rate:.0} a second"), &times, Some(1.0));
    }
    say("");
    writes(&arguments, &instance, &corpus).await
}

/// Every measured user prompts once.
async fn recalls(instance: &Instance, queries: &Arc<Vec<Vec<f32>>>, users: usize, rate: f64) -> Result<Times> {
    let (instance, queries) = (instance.clone(), Arc::clone(queries));
    offered(users, rate, move |user| {
        let (instance, queries) = (instance.clone(), Arc::clone(&queries));
        async move { instance.recall(Corpus::user(user), 0, &queries[user]).await.map(drop) }
    })
    .await
}

/// As many users as stay in memory, all of them loaded; says what they take.
async fn warm_users(instance: &Instance, measured: usize) -> Result<Vec<usize>> {
    let bytes = instance.hot.index(Corpus::user(0), 0).await?.bytes();
    let fit = (HOT_BYTES / bytes * 9 / 10).min(measured);
    for user in 0..fit {
        instance.hot.index(Corpus::user(user), 0).await?;
    }
    tell(&format!("{fit} users of {} KiB are kept in {} MiB", bytes / 1024, HOT_BYTES >> 20));
    Ok((0..fit).collect())
}

/// The share of the exact ten nearest that recall by vectors finds.
async fn exactness(instance: &Instance, users: &[usize], queries: &[Vec<f32>]) -> Result<f64> {
    let (mut found, mut sought) = (0_usize, 0_usize);
    for &user in users.iter().take(200) {
        let index = instance.hot.index(Corpus::user(user), 0).await?;
        let ours: HashSet<_> =
            index.nearest(&queries[user], NEAREST, -1.0).into_iter().map(|scored| scored.memory.id).collect();
        let mut exact: Vec<(f64, _)> = instance
            .lancedb
            .embedded(Corpus::user(user), usize::MAX)
            .await?
            .into_iter()
            .map(|row| (dot(&row.vector, &queries[user]), row.memory.id))
            .collect();
        exact.sort_by(|one, other| other.0.total_cmp(&one.0));
        found += exact.iter().take(NEAREST).filter(|(_, id)| ours.contains(id)).count();
        sought += NEAREST.min(exact.len());
    }
    #[allow(clippy::cast_precision_loss, reason = "some thousands")]
    Ok(found as f64 / sought.max(1) as f64)
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

/// How long until a new memory is recalled, here and on another instance over the same stores. The rows go again.
async fn writes(arguments: &Arguments, here: &Instance, corpus: &Corpus) -> Result<()> {
    let elsewhere = Instance::open(arguments, &here.users).await?;
    let (mut writing, mut seen_here, mut seen_there) = (Times::new()?, Times::new()?, Times::new()?);
    for number in 0..WRITES {
        let user = number % corpus.measured;
        let written = EmbeddedMemory {
            memory: samples::memory(Corpus::user(user), &format!("Written while it is measured, {number}")),
            vector: query(number as u64),
        };
        elsewhere.sees(&written).await?;
        let began = Instant::now();
        here.hot.insert(vec![written.clone()]).await?;
        writing.add(began.elapsed());
        let began = Instant::now();
        ensure!(here.sees(&written).await?, "the next prompt does not see a write of its own instance");
        seen_here.add(began.elapsed());
        let began = Instant::now();
        while !elsewhere.sees(&written).await? {
            ensure!(began.elapsed() < Duration::from_secs(10), "another instance does not see a write");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        seen_there.add(began.elapsed());
        let gone = here.hot.delete(written.memory.user_id, written.memory.id, samples::at(0)).await?;
        ensure!(gone, "what was written is not there");
    }
    say("| a new memory of a user of 200 | times | p50 | p99 |\n|---|---|---|---|");
    for (what, times) in [
        ("written, durably", writing),
        ("the next prompt's index here", seen_here),
        ("and on another instance", seen_there),
    ] {
        say(&format!("| {what} | {} | {:.3} ms | {:.3} ms |", times.count(), times.at(0.5), times.at(0.99)));
    }
    elsewhere.lancedb.close().await;
    here.lancedb.close().await;
    Ok(())
}

fn row(what: &str, offered: &str, times: &Times, recall: Option<f64>) {
    let recall = recall.map_or_else(String::new, |recall| format!("{recall:.3}"));
    say(&format!(
        "| {what} | {offered} | {} | {:.3} ms | {:.3} ms | {recall} |",
        times.count(),
        times.at(0.5),
        times.at(0.99)
    ));
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its table")]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "a benchmark says how far it is")]
fn tell(text: &str) {
    eprintln!("{text}");
}
