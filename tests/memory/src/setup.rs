//! The models that are measured, and where their answers are kept.

use anyhow::{Context as _, Result};
use clap::Args;
use palavra_application::Calibration;
use palavra_domain::{ApiKey, EmbeddingSpace, ModelId, Timestamp, ports::Embedder};
use palavra_memory_eval::{
    answers::{AnswerFile, KeptChatModel, KeptEmbedder, Ready},
    upstream::{Elsewhere, Upstream},
};
use palavra_openrouter::{
    EmbeddingServerConfig, OpenRouterChatModel, OpenRouterClient, OpenRouterConfig, OpenRouterEmbedder,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Which models, and where.
#[derive(Args)]
pub(crate) struct Models {
    /// The folder with start.sh and stop.sh of the local servers.
    #[arg(long, default_value = "../shared/upstream")]
    upstream: PathBuf,
    /// The address of another server for chat, up to and without /chat/completions.
    #[arg(long)]
    chat_url: Option<String>,
    /// The address of another server for embeddings, up to and without /embeddings.
    #[arg(long)]
    embeddings_url: Option<String>,
    /// The extracting model.
    #[arg(long, default_value = "qwen2.5-coder-1.5b-instruct")]
    model: String,
    /// The embedding model.
    #[arg(long, default_value = "multilingual-e5-small")]
    embedding_model: String,
    /// The length of its vectors.
    #[arg(long, default_value_t = 384)]
    dimensions: usize,
    /// The key for servers that want one.
    #[arg(long, env = "EVAL_API_KEY", hide_env_values = true, default_value = "none", hide_default_value = true)]
    key: String,
    /// The folder that answers are kept in.
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Another floor for recall than the server has for the embedding model.
    #[arg(long)]
    floor: Option<f32>,
    /// The cosine from which on a saved memory and a label say the same.
    #[arg(long, default_value_t = 0.93)]
    pub(crate) match_same: f32,
    /// The cosine from which on they do if they rest on the same words.
    #[arg(long, default_value_t = 0.85)]
    pub(crate) match_about: f32,
    #[arg(skip)]
    local: OnceLock<Arc<Upstream>>,
}

impl Models {
    /// The extracting model.
    pub(crate) fn model(&self) -> Result<ModelId> {
        ModelId::parse(self.model.clone()).context("--model")
    }

    /// The key.
    pub(crate) fn key(&self) -> Result<ApiKey> {
        ApiKey::parse(self.key.clone()).context("--key")
    }

    /// The marks of the embedding model's scale, as the server has them, but for a floor that was given.
    pub(crate) fn marks(&self) -> Calibration {
        let known = Calibration::of(&self.embedding_model);
        Calibration { floor: self.floor.unwrap_or(known.floor), ..known }
    }

    /// The embedding model, with its marks.
    pub(crate) fn embeddings_name(&self) -> String {
        let Calibration { floor, same } = self.marks();
        format!("Embeddings: {}, {} dimensions; floor {floor}, same {same}", self.embedding_model, self.dimensions)
    }

    /// The extracting model, its answers kept.
    pub(crate) fn chat(&self) -> Result<Arc<KeptChatModel>> {
        let (base_url, server) = self.server(self.chat_url.as_ref(), Upstream::chat_url)?;
        let config = OpenRouterConfig { base_url, total_timeout: PATIENCE, ..OpenRouterConfig::default() };
        let model = OpenRouterChatModel::new(OpenRouterClient::new(config)?);
        let file = Arc::new(AnswerFile::open(&self.folder()?.join("answers.jsonl"))?);
        Ok(Arc::new(KeptChatModel::new(Arc::new(model), file, server)))
    }

    /// The embedding model, its vectors kept.
    pub(crate) fn embedder(&self) -> Result<Arc<KeptEmbedder>> {
        let (base_url, server) = self.server(self.embeddings_url.as_ref(), Upstream::embeddings_url)?;
        let space = EmbeddingSpace { model: self.embedding_model.clone(), dimensions: self.dimensions };
        let config =
            EmbeddingServerConfig { base_url, key: Some(self.key()?), connect_timeout: Duration::from_secs(5) };
        let embedder: Arc<dyn Embedder> = Arc::new(OpenRouterEmbedder::elsewhere(config, space, PATIENCE)?);
        let file = Arc::new(AnswerFile::open(&self.folder()?.join("embeddings.jsonl"))?);
        Ok(Arc::new(KeptEmbedder::new(embedder, file, server)))
    }

    /// Stops the local servers if they were started for this.
    pub(crate) async fn stop(&self) -> Result<()> {
        match self.local.get() {
            Some(local) => local.stop().await,
            None => Ok(()),
        }
    }

    fn server(&self, named: Option<&String>, of: fn(&Upstream) -> String) -> Result<(String, Arc<dyn Ready>)> {
        if let Some(url) = named {
            return Ok((url.clone(), Arc::new(Elsewhere)));
        }
        if self.local.get().is_none() {
            // Nobody else sets it: the models are made one after the other.
            let _ = self.local.set(Arc::new(Upstream::new(&self.upstream)?));
        }
        let local = self.local.get().context("the local servers are not known")?;
        Ok((of(local), Arc::clone(local) as Arc<dyn Ready>))
    }

    fn folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.cache {
            return Ok(folder.clone());
        }
        let home = std::env::var_os("HOME").context("HOME is not set: name a folder with --cache")?;
        Ok(Path::new(&home).join(".cache/palavra/eval"))
    }
}

/// When, on what and of what this was taken.
#[allow(clippy::disallowed_methods, reason = "figures are dated")]
pub(crate) fn header() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(0)).to_string();
    let date = now.split('T').next().unwrap_or_default();
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let commit = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok();
    let commit = commit.filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    let build = if cfg!(debug_assertions) { "debug build" } else { "release build" };
    format!(
        "Taken on {date}, commit {}, {build}, {cores} cores of {}.\n",
        String::from_utf8_lossy(&commit).trim(),
        model.unwrap_or("an unknown processor").trim()
    )
}

/// Prints a part of the tables.
#[allow(clippy::print_stdout, reason = "a command prints its tables")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Says how far it is.
#[allow(clippy::print_stderr, reason = "a command tells how far it is")]
pub(crate) fn tell(text: &str) {
    eprintln!("{text}");
}
