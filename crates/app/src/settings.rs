//! Settings: `config/default.toml` < the profile's file < `--config` < environment.

use anyhow::{Context, Result, bail, ensure};
use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use serde::{Deserialize, Deserializer};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

const DEFAULTS: &str = include_str!("../../../config/default.toml");
const EMBEDDED: &str = include_str!("../../../config/embedded.toml");
const ENVIRONMENT: &str = "PALAVRA__";

/// All settings. The comments are in `config/default.toml`, a line a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(rename = "profile")]
    _profile: Profile,
    pub(crate) data_dir: PathBuf,
    pub(crate) http: Http,
    pub(crate) openrouter: OpenRouter,
    pub(crate) embeddings: Embeddings,
    pub(crate) chat: Chat,
    pub(crate) memory: Memory,
    pub(crate) security: Security,
    pub(crate) sqlite: Sqlite,
    pub(crate) lancedb: LanceDb,
    pub(crate) cache: CacheSettings,
    pub(crate) log: Log,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Profile {
    Embedded,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Embeddings {
    pub(crate) base_url: String,
    #[serde(deserialize_with = "text")]
    pub(crate) api_key: String,
    #[serde(deserialize_with = "text")]
    pub(crate) model: String,
    pub(crate) dimensions: usize,
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    #[serde(deserialize_with = "text")]
    pub(crate) extraction_model: String,
    pub(crate) min_score: f32,
    pub(crate) recall_limit: usize,
    #[serde(with = "humantime_serde")]
    pub(crate) recall_timeout: Duration,
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

impl Settings {
    /// Reads the settings, with `file` between the profile's and the environment.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let mut figment = Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(EMBEDDED));
        if let Some(file) = file {
            ensure!(file.is_file(), "there is no settings file {}: correct --config", file.display());
            figment = figment.merge(Toml::file_exact(file));
        }
        let figment = figment.merge(Env::prefixed(ENVIRONMENT).split("__"));
        let settings: Self = figment
            .extract()
            .context("the settings are not right: correct the key named here (config/default.toml explains each)")?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let memory = &self.memory;
        ensure!(
            (-1.0..=1.0).contains(&memory.min_score),
            "memory.min_score is a cosine: set it between -1 and 1 (PALAVRA__MEMORY__MIN_SCORE)"
        );
        for (name, value) in [
            ("memory.workers", memory.workers),
            ("memory.recall_limit", memory.recall_limit),
            ("sqlite.readers", self.sqlite.readers),
            ("embeddings.dimensions", self.embeddings.dimensions),
            ("chat.prompt_max_chars", self.chat.prompt_max_chars),
            ("security.login_attempts", self.security.login_attempts as usize),
        ] {
            ensure!(value > 0, "{name} must be at least 1");
        }
        if self.chat.default_context_tokens < 512 {
            bail!("chat.default_context_tokens must be at least 512");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_defaults_is_explained_and_known() {
        let settings: Settings = Figment::from(Toml::string(DEFAULTS)).extract().unwrap();
        settings.check().unwrap();
        let lines: Vec<&str> = DEFAULTS.lines().collect();
        let mut explained = false;
        for line in lines {
            match line.chars().next() {
                Some('#') => explained = true,
                Some('[') | None => explained = false,
                Some(_) => assert!(explained, "no comment above {line}"),
            }
        }
    }

    #[test]
    fn unknown_keys_and_wrong_types_name_the_key() {
        for (toml, named) in
            [("[http]\nport = 1", "port"), ("[http]\nlisten = 5", "listen"), ("profile = \"x\"", "profile")]
        {
            let figment = Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(toml));
            let error = figment.extract::<Settings>().err().unwrap().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn texts_may_look_like_numbers() {
        let figment =
            Figment::from(Toml::string(DEFAULTS)).merge(Toml::string("[embeddings]\napi_key = 12345\nmodel = true"));
        let settings: Settings = figment.extract().unwrap();
        assert_eq!((settings.embeddings.api_key.as_str(), settings.embeddings.model.as_str()), ("12345", "true"));
    }
}
