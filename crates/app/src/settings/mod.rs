//! Settings: `config/default.toml` < the profile's file < `--config` < environment.

mod sections;

pub(crate) use sections::{
    CacheSettings, Caching, Chat, Documents, EmbeddingProvider, Embeddings, Http, LanceDb, Log, LogFormat, Memory,
    MongoDb, OpenRouter, Postgres, Profile, Redis, Relational, Security, Sqlite, Stores, Synchronous, Vectors,
};

use anyhow::{Context, Result, bail, ensure};
use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const DEFAULTS: &str = include_str!("../../../../config/default.toml");
const EMBEDDED: &str = include_str!("../../../../config/embedded.toml");
const POLYGLOT: &str = include_str!("../../../../config/polyglot.toml");
/// What the names of variables begin with.
pub(crate) const ENVIRONMENT: &str = "PALAVRA__";
/// Examples of servers' addresses.
const POSTGRES: &str = "postgres://palavra:PASSWORD@db:5432/palavra";
const MONGODB: &str = "mongodb://palavra:PASSWORD@db:27017/?replicaSet=rs0";
const REDIS: &str = "redis://:PASSWORD@cache:6379";
/// Long enough for a store to answer late and a clock to differ.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// All settings. The comments are in `config/default.toml`, a line a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) profile: Profile,
    pub(crate) stores: Stores,
    pub(crate) data_dir: PathBuf,
    pub(crate) http: Http,
    pub(crate) openrouter: OpenRouter,
    pub(crate) embeddings: Embeddings,
    pub(crate) chat: Chat,
    pub(crate) memory: Memory,
    pub(crate) security: Security,
    pub(crate) sqlite: Sqlite,
    pub(crate) postgres: Postgres,
    pub(crate) mongodb: MongoDb,
    pub(crate) redis: Redis,
    pub(crate) lancedb: LanceDb,
    pub(crate) cache: CacheSettings,
    pub(crate) log: Log,
}

impl Settings {
    /// Reads the settings, with `file` between the profile's and the environment variables that begin with `prefix`.
    pub(crate) fn load(file: Option<&Path>, prefix: &str) -> Result<Self> {
        let wrong = "the settings are not right: correct the key named here (config/default.toml explains each)";
        let mut above = Figment::new();
        if let Some(file) = file {
            ensure!(file.is_file(), "there is no settings file {}: correct its name", file.display());
            above = above.merge(Toml::file_exact(file));
        }
        let above = above.merge(Env::prefixed(prefix).split("__"));
        let defaults = Figment::from(Toml::string(DEFAULTS));
        let preset = match Figment::from(&defaults).merge(&above).extract_inner("profile").context(wrong)? {
            Profile::Embedded => EMBEDDED,
            Profile::Polyglot => POLYGLOT,
        };
        let settings: Self = defaults.merge(Toml::string(preset)).merge(above).extract().context(wrong)?;
        settings.check()?;
        Ok(settings)
    }

    /// Whether memories live in the data folder, which this process has locked for itself.
    pub(crate) fn memories_are_in_the_data_folder(&self) -> bool {
        self.lancedb.uri.is_empty()
    }

    /// Where memories live, when that is not the data folder.
    fn memories_uri(&self) -> Option<PathBuf> {
        let path = PathBuf::from(&self.lancedb.uri);
        (!self.memories_are_in_the_data_folder()).then(|| path.canonicalize().unwrap_or(path))
    }

    /// Whether the memories of both are in one place.
    pub(crate) fn shares_memories_with(&self, other: &Self) -> bool {
        let place = |settings: &Self| {
            let folder = settings.data_dir.canonicalize().unwrap_or_else(|_| settings.data_dir.clone());
            settings.memories_uri().unwrap_or_else(|| folder.join("lancedb"))
        };
        place(self) == place(other)
    }

    /// Whether the data folder is used at all.
    pub(crate) fn use_data_folder(&self) -> bool {
        self.stores.use_sqlite() || self.memories_are_in_the_data_folder()
    }

    fn check(&self) -> Result<()> {
        let memory = &self.memory;
        for (name, mark) in [("min_score", memory.min_score), ("same_score", memory.same_score)] {
            ensure!(
                (-1.0..=1.0).contains(&mark.or(0.0)),
                "memory.{name} is a cosine: set it to \"auto\", or between -1 and 1 (PALAVRA__MEMORY__{})",
                name.to_uppercase()
            );
        }
        self.check_embeddings(built_with)?;
        for (name, value) in [
            ("memory.workers", memory.workers),
            ("memory.recall_limit", memory.recall_limit),
            ("memory.recall_tokens", memory.recall_tokens),
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
        ensure!(
            self.chat.lease >= SHORTEST_LEASE,
            "chat.lease must be at least {SHORTEST_LEASE:?}, or instances would take each other for dead"
        );
        self.check_servers(built_with)
    }

    /// Whether whoever is to embed can be asked.
    fn check_embeddings(&self, built_with: impl Fn(&str) -> bool) -> Result<()> {
        let embeddings = &self.embeddings;
        match embeddings.provider {
            EmbeddingProvider::Server => ensure!(
                !embeddings.base_url.is_empty(),
                "embeddings.provider is \"server\", but embeddings.base_url is empty: set PALAVRA__EMBEDDINGS__BASE_URL, \
                 such as http://127.0.0.1:18181/v1"
            ),
            EmbeddingProvider::Local => {
                ensure!(
                    built_with("local"),
                    "embeddings.provider is \"local\", but this binary was built without it: build it with \
                     `--features local`, or choose another provider"
                );
                ensure!(
                    !embeddings.folder.is_empty(),
                    "embeddings.provider is \"local\", but embeddings.folder is empty: set PALAVRA__EMBEDDINGS__FOLDER to \
                     the folder of a sentence model"
                );
            }
            EmbeddingProvider::Auto | EmbeddingProvider::OpenRouter => {}
        }
        Ok(())
    }

    /// Whether each store that is chosen is in this build, and can be reached for.
    fn check_servers(&self, built_with: impl Fn(&str) -> bool) -> Result<()> {
        let Stores { users, sessions, chats, cache, memories: Vectors::LanceDb } = &self.stores;
        for (chosen, setting, store, instead, url, example) in [
            (*users == Relational::Postgres, "users", "postgres", "sqlite", &self.postgres.url, POSTGRES),
            (*sessions == Relational::Postgres, "sessions", "postgres", "sqlite", &self.postgres.url, POSTGRES),
            (*chats == Documents::MongoDb, "chats", "mongodb", "sqlite", &self.mongodb.url, MONGODB),
            (*cache == Caching::Redis, "cache", "redis", "inmem", &self.redis.url, REDIS),
        ] {
            if !chosen {
                continue;
            }
            ensure!(built_with(store), left_out(setting, store, instead));
            ensure!(
                !url.is_empty(),
                "stores.{setting} = {store:?}, but {store}.url is empty: set PALAVRA__{}__URL, such as {example}",
                store.to_uppercase()
            );
        }
        ensure!(
            built_with("s3") || !self.lancedb.uri.to_lowercase().starts_with("s3://"),
            "lancedb.uri is on object storage, but this binary was built without the feature s3: rebuild it with \
             `--features s3`, or name a folder (PALAVRA__LANCEDB__URI)"
        );
        if self.profile == Profile::Polyglot {
            ensure!(
                !self.lancedb.uri.is_empty(),
                "the polyglot profile shares memories between instances, but lancedb.uri is empty: set \
                 PALAVRA__LANCEDB__URI to a folder that all instances see, or to s3://bucket/path"
            );
            for (name, value) in [("jwt_keys", &self.security.jwt_keys), ("master_keys", &self.security.master_keys)] {
                ensure!(
                    !value.is_empty(),
                    "the polyglot profile needs security.{name}, the same for all instances: set \
                     PALAVRA__SECURITY__{} to \"k1:$(openssl rand -base64 32)\" and keep it",
                    name.to_uppercase()
                );
            }
        }
        Ok(())
    }
}

/// Whether a feature that can be left out of a build is in this one.
fn built_with(feature: &str) -> bool {
    match feature {
        "postgres" => cfg!(feature = "postgres"),
        "mongodb" => cfg!(feature = "mongodb"),
        "redis" => cfg!(feature = "redis"),
        "s3" => cfg!(feature = "s3"),
        "local" => cfg!(feature = "local"),
        _ => true,
    }
}

/// What to do about a store that is chosen and not in this build.
pub(crate) fn left_out(setting: &str, store: &str, instead: &str) -> String {
    format!(
        "stores.{setting} = {store:?}, but this binary was built without the feature {store}: rebuild it with \
         `--features {store}`, or choose {instead:?} (PALAVRA__STORES__{})",
        setting.to_uppercase()
    )
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
    fn a_store_that_the_build_lacks_is_named_with_what_to_do() {
        for (setting, store, instead) in [
            ("users", "postgres", "sqlite"),
            ("sessions", "postgres", "sqlite"),
            ("chats", "mongodb", "sqlite"),
            ("cache", "redis", "inmem"),
        ] {
            let chosen = format!("[stores]\n{setting} = {store:?}\n[{store}]\nurl = \"{store}://127.0.0.1\"");
            let figment = Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(&chosen));
            let settings: Settings = figment.extract().unwrap();
            let error = settings.check_servers(|feature| feature != store).unwrap_err().to_string();
            for said in [
                format!("stores.{setting} = {store:?}"),
                format!("without the feature {store}"),
                format!("`--features {store}`"),
                format!("choose {instead:?} (PALAVRA__STORES__{})", setting.to_uppercase()),
            ] {
                assert!(error.contains(&said), "no {said:?} in: {error}");
            }
            settings.check_servers(|feature| feature == store).unwrap();
        }
        let figment =
            Figment::from(Toml::string(DEFAULTS)).merge(Toml::string("[lancedb]\nuri = \"s3://bucket/path\""));
        let settings: Settings = figment.extract().unwrap();
        let error = settings.check_servers(|_| false).unwrap_err().to_string();
        for said in ["lancedb.uri", "without the feature s3", "`--features s3`", "PALAVRA__LANCEDB__URI"] {
            assert!(error.contains(said), "no {said:?} in: {error}");
        }
        settings.check_servers(|feature| feature == "s3").unwrap();
    }

    #[test]
    fn texts_may_look_like_numbers() {
        let figment =
            Figment::from(Toml::string(DEFAULTS)).merge(Toml::string("[embeddings]\napi_key = 12345\nmodel = true"));
        let settings: Settings = figment.extract().unwrap();
        assert_eq!((settings.embeddings.api_key.as_str(), settings.embeddings.model.as_str()), ("12345", "true"));
    }
}
