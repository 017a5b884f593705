//! Prints the figures of memory: Markdown on standard output, progress on standard error.

mod setup;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use palavra_memory_eval::{
    extraction::{Outcome, details, learn, matching::Rule, sample, tables, world::World},
    gate,
    prompts::{self, Entry, Part},
    recall::{Floors, Searchable, by_floor, sames, tables as recall_tables},
    users,
};
use setup::{Models, header, say, tell};
use std::{path::PathBuf, time::Instant};

/// Measures memory on the corpora of tests/memory.
#[derive(Parser)]
struct Arguments {
    /// Only this part.
    #[arg(long, value_enum)]
    only: Option<Stage>,
    /// How many prompts of each part of the corpus are learnt from, in equal shares by language and by whether they hold
    /// something. All prompts that come after others are learnt from besides, unless this is 0.
    #[arg(long, default_value_t = 160)]
    sample: usize,
    /// Another seed takes other prompts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prompts of this part of the corpus alone are learnt from.
    #[arg(long, value_enum)]
    part: Option<PartName>,
    /// Stops after so many prompts of the sample, as Ctrl-C does.
    #[arg(long)]
    stop_after: Option<usize>,
    /// A file to write what was learnt from each prompt of the development part to, a line of JSON each.
    #[arg(long)]
    details: Option<PathBuf>,
    #[command(flatten)]
    models: Models,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    Gate,
    Extraction,
    Recall,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PartName {
    Dev,
    HeldOut,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let measured = measure(&arguments).await;
    // Also after an error: servers that were started here do not stay.
    let stopped = arguments.models.stop().await;
    measured.and(stopped)
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let folder = prompts::folder();
    let entries = prompts::load(&folder)?;
    let faults = prompts::faults(&entries);
    ensure!(faults.is_empty(), "the corpus has faults:\n{}", faults.join("\n"));
    say(&header());
    let wanted = |stage: Stage| arguments.only.is_none_or(|only| only == stage);
    if wanted(Stage::Gate) {
        say(&format!("## Gate\n\n{}", gate::report(&entries)));
    }
    if wanted(Stage::Recall) {
        recall(arguments, &entries).await.context("recall could not be measured")?;
    }
    if wanted(Stage::Extraction) {
        extraction(arguments, &entries).await.context("extraction could not be measured")?;
    }
    Ok(())
}

async fn recall(arguments: &Arguments, entries: &[Entry]) -> Result<()> {
    let users = users::load(&prompts::folder())?;
    let faults = users::faults(&users);
    ensure!(faults.is_empty(), "the recall set has faults:\n{}", faults.join("\n"));
    let embedder = arguments.models.embedder()?;
    let mut searchable = Vec::new();
    for user in &users {
        tell(&format!("recall: {} of {} users", searchable.len() + 1, users.len()));
        searchable.push(Searchable::embedded(user, embedder.as_ref()).await?);
    }
    let floors = Floors::swept(&searchable);
    let marks = arguments.models.marks();
    say(&format!("## Recall\n\n{}\n\n{}", arguments.models.embeddings_name(), recall_tables(&searchable, marks.floor)));
    say(&format!("Hybrid, by floor, on every second user:\n\n{}", by_floor(&floors)));
    say(&format!("Cosines:\n\n{}", sames(entries, &searchable, embedder.as_ref()).await?));
    Ok(())
}

async fn extraction(arguments: &Arguments, entries: &[Entry]) -> Result<()> {
    let parts: &[Part] = match arguments.part {
        None => &Part::ALL,
        Some(PartName::Dev) => &[Part::Dev],
        Some(PartName::HeldOut) => &[Part::HeldOut],
    };
    let mut sampled = sample(entries, parts, arguments.sample, arguments.seed);
    if arguments.sample == 0 {
        bail!("a sample of none has no figures");
    }
    let whole = sampled.len();
    sampled.truncate(arguments.stop_after.unwrap_or(whole));
    let (chat, embedder) = (arguments.models.chat()?, arguments.models.embedder()?);
    let marks = arguments.models.marks();
    let rule = Rule { same: arguments.models.match_same, about: arguments.models.match_about };
    let model = arguments.models.model()?;
    let world = World::new(chat.clone(), embedder.clone(), model, arguments.models.key()?, marks);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let begun = Instant::now();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (entry, is_sampled) in &sampled {
        let outcome = tokio::select! {
            outcome = learn(&world, entry, *is_sampled, rule) => outcome?,
            _ = &mut interrupted => {
                tell("stopped; what was answered so far is kept, and the next run goes on from there");
                break;
            }
        };
        if let Some(failure) = chat.calls().failure.or(embedder.failure()) {
            bail!("a model failed at {}: {failure}; what was answered so far is kept", outcome.id);
        }
        outcomes.push(outcome);
        let (done, made) = (outcomes.len(), chat.calls().made);
        let left = begun.elapsed().as_secs_f64() / done as f64 * (sampled.len() - done) as f64 / 60.0;
        tell(&format!(
            "extraction: {done} of {} prompts, {made} calls made, about {left:.0} minutes left",
            sampled.len()
        ));
    }
    ensure!(!outcomes.is_empty(), "nothing was learnt from yet");
    say(&format!(
        "## Extraction\n\nSeed {}, {} of {whole} prompts; {}.\n\n{}",
        arguments.seed,
        outcomes.len(),
        arguments.models.embeddings_name(),
        tables(&outcomes, &chat.calls())
    ));
    if let Some(path) = &arguments.details {
        std::fs::write(path, details(&outcomes)).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
