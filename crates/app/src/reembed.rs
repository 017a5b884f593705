//! `palavra reembed`: another embedding model, without an outage.
//!
//! What is wanted is written into the ledger that every process reads. A server that runs takes it up; while none does, the
//! work is done here. Either way it is watched until the new table is served from.

use crate::{
    compose::{embedders, memory_tables, reembedding_alone},
    data_dir::DataDir,
    settings::{EmbeddingProvider, Settings},
    telemetry,
};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use palavra_application::{ReembedPace, Reembedding, ask_to_reembed, cancel_reembedding};
use palavra_domain::{
    Asked, BuildProgress, EmbedAs, EmbeddedBy, Embedding, EmbeddingSpace, SpaceLedger, SpaceTable, Target,
    ports::MemoryTables as _,
};
use palavra_lancedb::LanceDbMemoryTables;
use std::{fmt::Write as _, sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// How long a server may take to take it up; then it is done here.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is wanted.
#[derive(Args)]
pub(crate) struct Wanted {
    /// The embedding model.
    #[arg(long, required_unless_present = "cancel")]
    model: Option<String>,
    /// The length of its vectors.
    #[arg(long, required_unless_present = "cancel")]
    dimensions: Option<usize>,
    /// Who embeds: "openrouter", "server" or "local"; as the settings say when it is not given.
    #[arg(long, value_parser = provider)]
    provider: Option<EmbeddingProvider>,
    /// The address of an OpenAI-compatible server. `embeddings.api_key` is sent to it when it is the settings' server.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The folder of a model in process, on every instance.
    #[arg(long)]
    folder: Option<String>,
    /// The least cosine at which a memory is recalled; what is known of the model when it is not given.
    #[arg(long, value_name = "COSINE")]
    min_score: Option<f32>,
    /// The cosine from which on two memories may say the same in part; as above.
    #[arg(long, value_name = "COSINE")]
    same_score: Option<f32>,
    /// Give up what is being built.
    #[arg(long, conflicts_with_all = ["model", "dimensions"])]
    cancel: bool,
}

fn provider(text: &str) -> Result<EmbeddingProvider, String> {
    match text {
        "openrouter" => Ok(EmbeddingProvider::OpenRouter),
        "server" => Ok(EmbeddingProvider::Server),
        "local" => Ok(EmbeddingProvider::Local),
        other => Err(format!("{other:?} is none of openrouter, server, local")),
    }
}

/// Asks, watches, and works where nobody else does. `false` when it was given up meanwhile.
#[allow(clippy::print_stdout, reason = "the report is what whoever asks waits for")]
pub(crate) async fn reembed(settings: Settings, wanted: Wanted) -> Result<bool> {
    telemetry::log(&settings.log)?;
    let none = "there are no memories yet: set embeddings.* as you like, and start the server";
    ensure!(!settings.memories_are_in_the_data_folder() || settings.data_dir.join("lancedb").is_dir(), "{none}");
    let tables = Arc::new(memory_tables(&settings).await?);
    let place = Place { settings, tables };
    let outcome = if wanted.cancel { place.cancel().await } else { place.change(&wanted, none).await };
    place.tables.close_all().await;
    let (told, is_well) = outcome?;
    println!("{told}");
    Ok(is_well)
}

/// Where memories are, and what is needed to work on them.
struct Place {
    settings: Settings,
    tables: Arc<LanceDbMemoryTables>,
}

/// The work, done here.
struct Working {
    work: JoinHandle<()>,
    /// Held while it is done.
    _data: Option<DataDir>,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Place {
    async fn ledger(&self) -> Result<SpaceLedger> {
        let ledger = self.tables.ledger().await.context("the ledger of memories cannot be read")?;
        ledger.context("the memories are gone")
    }

    async fn cancel(&self) -> Result<(String, bool)> {
        if !cancel_reembedding(self.tables.as_ref()).await.context("the ledger of memories cannot be written")? {
            return Ok(("no memories are being embedded anew".to_owned(), false));
        }
        // What was built is removed by the server, or here when none runs.
        if let Some(working) = self.work().await? {
            while self.ledger().await?.has_work() && !working.work.is_finished() {
                sleep(LOOK).await;
            }
        }
        Ok(("given up: memories stay as they are, and what was built is removed".to_owned(), true))
    }

    async fn change(&self, wanted: &Wanted, none: &'static str) -> Result<(String, bool)> {
        let (space, embedding) = self.wanted(wanted)?;
        self.try_out(&space, &embedding).await?;
        let asked = ask_to_reembed(self.tables.as_ref(), &space, &embedding).await;
        match asked.context("the ledger of memories cannot be written")?.context(none)? {
            Asked::New | Asked::Already => {}
            Asked::Current => return Ok((format!("the memories are embedded by {space} already"), true)),
            Asked::Another(table) => bail!(
                "the memories are being embedded by {} now: wait for that (the same command watches it), or give it up \
                 with `palavra reembed --cancel`",
                words(&table)
            ),
        }
        let Some(target) = self.ledger().await?.target else {
            // It was quicker than we are.
            return Ok((report(&SpaceTable { name: String::new(), space, embedding: Some(embedding) }, None), true));
        };
        self.watch(&target.table).await
    }

    fn wanted(&self, wanted: &Wanted) -> Result<(EmbeddingSpace, Embedding)> {
        let (Some(model), Some(dimensions)) = (wanted.model.clone(), wanted.dimensions) else {
            bail!("name the model and its dimensions: --model NAME --dimensions N");
        };
        ensure!((1..=65_536).contains(&dimensions), "--dimensions is {dimensions}: it must be 1 to 65536");
        for mark in [wanted.min_score, wanted.same_score].into_iter().flatten() {
            ensure!((-1.0..=1.0).contains(&mark), "{mark} is no cosine: it must be between -1 and 1");
        }
        let mut embeddings = self.settings.embeddings.clone();
        if let Some(base_url) = &wanted.base_url {
            embeddings.base_url.clone_from(base_url);
        }
        if let Some(folder) = &wanted.folder {
            embeddings.folder.clone_from(folder);
        }
        embeddings.provider = match (wanted.provider, &wanted.base_url, &wanted.folder) {
            (Some(provider), ..) => provider,
            (None, Some(_), None) => EmbeddingProvider::Server,
            (None, None, Some(_)) => EmbeddingProvider::Local,
            (None, Some(_), Some(_)) => bail!("--base-url and --folder are of two providers: name one with --provider"),
            (None, None, None) => embeddings.provider,
        };
        let by = embeddings.by();
        match &by {
            EmbeddedBy::Server { base_url } => ensure!(!base_url.is_empty(), "name the server with --base-url"),
            EmbeddedBy::Local { folder } => ensure!(!folder.is_empty(), "name the model's folder with --folder"),
            EmbeddedBy::OpenRouter => {}
        }
        let embedding = Embedding { by, min_score: wanted.min_score, same_score: wanted.same_score };
        Ok((EmbeddingSpace { model, dimensions }, embedding))
    }

    /// Has a word embedded, where that needs no user's key, so that what is wrong is told here.
    async fn try_out(&self, space: &EmbeddingSpace, embedding: &Embedding) -> Result<()> {
        let (embedders, embedding) = (embedders(&self.settings)?, Some(embedding.clone()));
        let table = SpaceTable { name: String::new(), space: space.clone(), embedding };
        let what = format!("memories cannot be embedded by {}", words(&table));
        let opening = tokio::task::spawn_blocking(move || embedders.of_table(&table)).await;
        let embedder = opening.context("lost")?.with_context(|| what.clone())?;
        if !embedder.needs_user_key() {
            embedder.embed(None, &["palavra".to_owned()], EmbedAs::Passage).await.context(what)?;
        }
        Ok(())
    }

    /// Watches until the table is served from, and does the work if nobody else does.
    async fn watch(&self, table: &SpaceTable) -> Result<(String, bool)> {
        let bar = bar();
        let (mut working, mut alone_since) = (self.work_alone().await?, Instant::now());
        let mut problem = None;
        let built = loop {
            let ledger = self.ledger().await?;
            let is_taken = ledger.lease.is_some_and(|lease| lease.until > now());
            if is_taken {
                alone_since = Instant::now();
            } else if working.is_none() && alone_since.elapsed() > PATIENCE {
                working = self.work().await?;
                alone_since = Instant::now();
                if working.is_none() {
                    bar.println("nobody takes it up: start the server, or stop what else uses the data folder");
                }
            }
            match ledger.target.filter(|target| target.table.name == table.name) {
                Some(target) => show(&bar, &target, &mut problem),
                None if &ledger.current == table => break ledger.retired.map(|retired| retired.built),
                None => {
                    bar.finish_and_clear();
                    return Ok(("it was given up meanwhile: memories stay as they are".to_owned(), false));
                }
            }
            if working.as_ref().is_some_and(|working| working.work.is_finished()) {
                working = None;
            }
            sleep(LOOK).await;
        };
        if working.is_some() {
            bar.set_message("waiting for late writes");
            while self.ledger().await?.has_work() && working.as_ref().is_some_and(|working| !working.work.is_finished())
            {
                sleep(LOOK).await;
            }
        }
        bar.finish_and_clear();
        Ok((report(table, built.as_ref()), true))
    }

    /// Begins the work where it is certain that nobody serves.
    async fn work_alone(&self) -> Result<Option<Working>> {
        if self.settings.memories_are_in_the_data_folder() { self.work().await } else { Ok(None) }
    }

    /// Begins the work; `None` when the data folder is another process's, which does it.
    async fn work(&self) -> Result<Option<Working>> {
        let settings = &self.settings;
        let mut data = None;
        if settings.use_data_folder() {
            data = DataDir::lock_if_free(&settings.data_dir)?;
            if data.is_none() {
                return Ok(None);
            }
        }
        let is_alone = settings.memories_are_in_the_data_folder();
        let reembedding = reembedding_alone(settings, data.as_ref(), Arc::clone(&self.tables)).await?;
        let grace = if is_alone { Duration::ZERO } else { reembedding.pace.grace };
        let reembedding = Reembedding { pace: ReembedPace { grace, ..reembedding.pace }, ..reembedding };
        if is_alone {
            reembedding.take_over().await.context("the ledger of memories cannot be written")?;
        }
        let work = tokio::spawn(async move {
            if let Err(error) = reembedding.work().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "embedding memories anew was broken off");
            }
        });
        Ok(Some(Working { work, _data: data }))
    }
}

fn now() -> palavra_domain::Timestamp {
    use palavra_domain::ports::Clock as _;
    crate::environment::SystemClock.now()
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0).with_message("embedding memories");
    let style = ProgressStyle::with_template("{msg:20} {wide_bar} {pos}/{len} ({eta})");
    // A bar of another form would do as well.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn show(bar: &ProgressBar, target: &Target, told: &mut Option<String>) {
    bar.set_length(target.progress.total);
    bar.set_position(target.progress.done);
    if target.problem != *told {
        if let Some(problem) = &target.problem {
            bar.println(format!("{problem}; it is tried again"));
        }
        told.clone_from(&target.problem);
    }
}

fn words(table: &SpaceTable) -> String {
    let by = table.embedding.as_ref().map(|embedding| match &embedding.by {
        EmbeddedBy::OpenRouter => "OpenRouter".to_owned(),
        EmbeddedBy::Server { base_url } => base_url.clone(),
        EmbeddedBy::Local { folder } => format!("the model in {folder}"),
    });
    by.map_or_else(|| table.space.to_string(), |by| format!("{} ({by})", table.space))
}

/// What it came to, and which settings to change.
fn report(table: &SpaceTable, built: Option<&BuildProgress>) -> String {
    let mut told = format!("memories are embedded by {} now", words(table));
    if let Some(built) = built {
        let _ = write!(told, ": {} records", built.done);
        if built.memories_without > 0 {
            let _ = write!(
                told,
                "\n{} memories of {} users could not be embedded, because their keys are missing or cannot be used: they are \
                 there and found by their words, and are embedded when their users have a key and something is learnt from them",
                built.memories_without, built.users_without
            );
        }
    }
    told.push_str("\nset for every instance, for its next start (until then the old settings are understood):");
    let mut set = |name: &str, value: &dyn std::fmt::Display| {
        let _ = write!(told, "\n  PALAVRA__{name}={value}");
    };
    if let Some(embedding) = &table.embedding {
        match &embedding.by {
            EmbeddedBy::OpenRouter => set("EMBEDDINGS__PROVIDER", &"openrouter"),
            EmbeddedBy::Server { base_url } => {
                set("EMBEDDINGS__PROVIDER", &"server");
                set("EMBEDDINGS__BASE_URL", base_url);
            }
            EmbeddedBy::Local { folder } => {
                set("EMBEDDINGS__PROVIDER", &"local");
                set("EMBEDDINGS__FOLDER", folder);
            }
        }
        set("EMBEDDINGS__MODEL", &table.space.model);
        set("EMBEDDINGS__DIMENSIONS", &table.space.dimensions);
        for (name, mark) in [("MIN_SCORE", embedding.min_score), ("SAME_SCORE", embedding.same_score)] {
            let mark = mark.map_or_else(|| "auto".to_owned(), |mark| mark.to_string());
            set(&format!("MEMORY__{name}"), &mark);
        }
    }
    told
}
