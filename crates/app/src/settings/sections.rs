//! The sections, as `config/default.toml` explains them.

use palavra_domain::{EmbeddedBy, EmbeddingSpace};
use serde::{Deserialize, Deserializer};
use std::{net::SocketAddr, time::Duration};

/// A preset of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    Embedded,
    Polyglot,
}

/// Which store keeps what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stores {
    pub(crate) users: Relational,
    pub(crate) sessions: Relational,
    pub(crate) chats: Documents,
    pub(crate) memories: Vectors,
    pub(crate) cache: Caching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Relational {
    Sqlite,
    Postgres,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Documents {
    Sqlite,
    MongoDb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Vectors {
    LanceDb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Caching {
    InMem,
    Redis,
}

impl Stores {
    /// Whether some of it lives in the data folder's database.
    pub(crate) fn use_sqlite(&self) -> bool {
        self.users == Relational::Sqlite || self.sessions == Relational::Sqlite || self.chats == Documents::Sqlite
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    pub(crate) workers: usize,
    #[serde(with = "humantime_serde")]
    pub(crate) heartbeat: Duration,
    #[serde(with = "humantime_serde")]
    pub(crate) header_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(crate) shutdown_timeout: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenRouter {
    pub(crate) base_url: String,
    pub(crate) app_url: String,
    #[serde(deserialize_with = "text")]
    pub(crate) app_title: String,
    #[serde(with = "humantime_serde")]
    pub(crate) connect_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(crate) read_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(crate) request_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(crate) catalog_ttl: Duration,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Embeddings {
    pub(crate) provider: EmbeddingProvider,
    pub(crate) base_url: String,
    #[serde(deserialize_with = "text")]
    pub(crate) api_key: String,
    #[serde(deserialize_with = "text")]
    pub(crate) model: String,
    pub(crate) dimensions: usize,
    #[serde(deserialize_with = "text")]
    pub(crate) folder: String,
}

impl Embeddings {
    /// The embedding model and the length of its vectors.
    pub(crate) fn space(&self) -> EmbeddingSpace {
        EmbeddingSpace { model: self.model.clone(), dimensions: self.dimensions }
    }

    /// Who embeds.
    pub(crate) fn by(&self) -> EmbeddedBy {
        match self.provider {
            EmbeddingProvider::Local => EmbeddedBy::Local { folder: self.folder.clone() },
            EmbeddingProvider::OpenRouter => EmbeddedBy::OpenRouter,
            EmbeddingProvider::Auto if self.base_url.is_empty() => EmbeddedBy::OpenRouter,
            EmbeddingProvider::Auto | EmbeddingProvider::Server => {
                EmbeddedBy::Server { base_url: self.base_url.clone() }
            }
        }
    }
}

/// Who embeds texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EmbeddingProvider {
    /// The server that is named, or OpenRouter where none is.
    Auto,
    OpenRouter,
    Server,
    Local,
}

/// A number, or what is known of the embedding model.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Mark {
    Number(f32),
    Auto(AutoMark),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AutoMark {
    Auto,
}

impl Mark {
    pub(crate) fn or(self, known: f32) -> f32 {
        match self {
            Self::Number(number) => number,
            Self::Auto(AutoMark::Auto) => known,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chat {
    #[serde(deserialize_with = "text")]
    pub(crate) default_model: String,
    pub(crate) default_context_tokens: u32,
    #[serde(deserialize_with = "text")]
    pub(crate) system_prompt: String,
    pub(crate) prompt_max_chars: usize,
    #[serde(with = "humantime_serde")]
    pub(crate) generation_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(crate) lease: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    #[serde(deserialize_with = "text")]
    pub(crate) extraction_model: String,
    pub(crate) min_score: Mark,
    pub(crate) same_score: Mark,
    pub(crate) recall_limit: usize,
    pub(crate) recall_tokens: usize,
    #[serde(with = "humantime_serde")]
    pub(crate) recall_timeout: Duration,
    pub(crate) hot_mib: usize,
    pub(crate) workers: usize,
    #[serde(with = "humantime_serde")]
    pub(crate) job_timeout: Duration,
    pub(crate) max_tries: u32,
    #[serde(with = "humantime_serde")]
    pub(crate) retry_base: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Security {
    #[serde(deserialize_with = "text")]
    pub(crate) jwt_keys: String,
    #[serde(deserialize_with = "text")]
    pub(crate) master_keys: String,
    #[serde(with = "humantime_serde")]
    pub(crate) access_token_ttl: Duration,
    #[serde(with = "humantime_serde")]
    pub(crate) session_ttl: Duration,
    pub(crate) login_attempts: u32,
    #[serde(with = "humantime_serde")]
    pub(crate) login_refill: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sqlite {
    pub(crate) synchronous: Synchronous,
    pub(crate) readers: usize,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Synchronous {
    Full,
    Normal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Postgres {
    #[serde(deserialize_with = "text")]
    pub(crate) url: String,
    #[serde(deserialize_with = "text")]
    pub(crate) ca_file: String,
    pub(crate) max_connections: usize,
    #[serde(with = "humantime_serde")]
    pub(crate) timeout: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MongoDb {
    #[serde(deserialize_with = "text")]
    pub(crate) url: String,
    #[serde(deserialize_with = "text")]
    pub(crate) database: String,
    pub(crate) max_connections: u32,
    #[serde(with = "humantime_serde")]
    pub(crate) timeout: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redis {
    #[serde(deserialize_with = "text")]
    pub(crate) url: String,
    #[serde(deserialize_with = "text")]
    pub(crate) key_prefix: String,
    pub(crate) max_connections: usize,
    #[serde(with = "humantime_serde")]
    pub(crate) timeout: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LanceDb {
    pub(crate) uri: String,
    #[serde(with = "humantime_serde")]
    pub(crate) write_batch_wait: Duration,
    pub(crate) compact_after_writes: u32,
    pub(crate) cache_mib: usize,
    #[serde(with = "humantime_serde")]
    pub(crate) timeout: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheSettings {
    pub(crate) max_mib: u64,
    #[serde(with = "humantime_serde")]
    pub(crate) ttl: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
    pub(crate) spans: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// A text that an environment variable may have written like a number or a truth value.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Words(String),
        Integer(i64),
        Truth(bool),
    }
    Ok(match Text::deserialize(deserializer)? {
        Text::Words(words) => words,
        Text::Integer(number) => number.to_string(),
        Text::Truth(truth) => truth.to_string(),
    })
}
