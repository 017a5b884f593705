//! Composition: the only place that names adapters.

use crate::{
    data_dir::DataDir,
    environment::{SystemClock, UuidSource},
    settings::{LanceDb, Security, Settings, Synchronous},
};
use anyhow::{Context, Result};
use palavra_application::{
    Application, LoginPolicy, MemoryPolicy, Policy, Ports, Tasks,
    decorators::{CachedSessionStore, CachedUserRepository, RetriedChatModel, RetriedEmbedder, RetryPolicy},
};
use palavra_domain::{
    ApiKey, EmbeddingSpace, InstanceId, ModelId,
    ports::{Cache, Clock, Embedder, IdSource, MemoryRepository, Quota},
};
use palavra_inmem::{InProcessTurnFeed, MokaCache, TokenBuckets};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions};
use palavra_openrouter::{
    EmbeddingServerConfig, OpenRouterCatalog, OpenRouterChatModel, OpenRouterClient, OpenRouterConfig,
    OpenRouterEmbedder, OpenRouterKeyInspector,
};
use palavra_sqlite::{SqliteOptions, SqliteStore};
use palavra_vault::{Argon2Hasher, Argon2Options, JwtIssuer, JwtOptions, KeyRing, XChaChaVault};
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

/// How long a turn or a job is taken for alive without a sign of life, and how often it gives one.
const LEASE: Duration = Duration::from_secs(60);
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
/// Who signs access tokens, and for whom.
const ISSUER: &str = "palavra";

/// Everything, composed.
pub(crate) struct Composed {
    pub(crate) app: Application,
    pub(crate) tasks: Tasks,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) ports: Arc<Ports>,
    pub(crate) memories: Arc<LanceDbMemoryRepository>,
}

/// Opens the stores of the embedded profile and composes the use cases over them.
pub(crate) async fn compose(settings: &Settings, data: &DataDir) -> Result<Composed> {
    let (jwt_keys, master_keys) = keys(&settings.security, data)?;
    let space = EmbeddingSpace { model: settings.embeddings.model.clone(), dimensions: settings.embeddings.dimensions };
    let sqlite = open_sqlite(settings, data).await?;
    let memories = Arc::new(open_lancedb(&settings.lancedb, data, space.clone()).await?);
    let openrouter = openrouter(settings)?;
    let cache: Arc<dyn Cache> = Arc::new(MokaCache::new(settings.cache.max_mib << 20));
    let ttl = settings.cache.ttl;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdSource> = Arc::new(UuidSource);
    let retry = RetryPolicy::default();
    let embedder = embedder(settings, &openrouter, space)?;

    let ports = Ports {
        users: Arc::new(CachedUserRepository::new(Arc::new(sqlite.users()), Arc::clone(&cache), ttl)),
        sessions: Arc::new(CachedSessionStore::new(Arc::new(sqlite.sessions()), cache, ttl)),
        chats: Arc::new(sqlite.chats()),
        memories: Arc::clone(&memories) as Arc<dyn MemoryRepository>,
        limiter: Arc::new(TokenBuckets::new()),
        feed: Arc::new(InProcessTurnFeed::new()),
        model: Arc::new(RetriedChatModel::new(Arc::new(OpenRouterChatModel::new(openrouter.clone())), retry)),
        catalog: Arc::new(OpenRouterCatalog::new(openrouter.clone())),
        embedder: Arc::new(RetriedEmbedder::new(embedder, retry)),
        inspector: Arc::new(OpenRouterKeyInspector::new(openrouter)),
        vault: Arc::new(XChaChaVault::new(master_keys)),
        hasher: Arc::new(Argon2Hasher::new(Argon2Options::default())?),
        tokens: Arc::new(JwtIssuer::new(JwtOptions {
            keys: jwt_keys,
            issuer: ISSUER.to_owned(),
            audience: ISSUER.to_owned(),
            access_ttl: settings.security.access_token_ttl,
        })),
        clock,
        ids: Arc::clone(&ids),
    };
    let tasks = Tasks::here();
    let policy = policy(settings, InstanceId::new(ids.next()))?;
    let ports = Arc::new(ports);
    Ok(Composed { app: Application::new(Arc::clone(&ports), policy, tasks.clone()), tasks, ids, ports, memories })
}

/// The keys of the settings; those of `secrets.toml` where the settings have none.
fn keys(security: &Security, data: &DataDir) -> Result<(KeyRing, KeyRing)> {
    let complete = !security.jwt_keys.is_empty() && !security.master_keys.is_empty();
    let made = if complete { None } else { Some(data.secrets()?) };
    let ring = |name: &'static str, setting: &str, made: Option<&str>| {
        let text = if setting.is_empty() { made.unwrap_or_default() } else { setting };
        KeyRing::parse(name, &SecretString::from(text))
    };
    Ok((
        ring("security.jwt_keys", &security.jwt_keys, made.as_ref().map(|made| made.jwt_keys.as_str()))?,
        ring("security.master_keys", &security.master_keys, made.as_ref().map(|made| made.master_keys.as_str()))?,
    ))
}

async fn open_sqlite(settings: &Settings, data: &DataDir) -> Result<SqliteStore> {
    let options = SqliteOptions {
        synchronous: match settings.sqlite.synchronous {
            Synchronous::Full => palavra_sqlite::Synchronous::Full,
            Synchronous::Normal => palavra_sqlite::Synchronous::Normal,
        },
        readers: settings.sqlite.readers,
        ..SqliteOptions::default()
    };
    Ok(SqliteStore::open(&data.path().join("palavra.db"), options).await?)
}

async fn open_lancedb(settings: &LanceDb, data: &DataDir, space: EmbeddingSpace) -> Result<LanceDbMemoryRepository> {
    let uri = if settings.uri.is_empty() {
        data.path().join("lancedb").to_str().context("the data folder's name is not UTF-8: choose another")?.to_owned()
    } else {
        settings.uri.clone()
    };
    let options = LanceDbOptions {
        write_batch_wait: settings.write_batch_wait,
        compact_after_writes: settings.compact_after_writes,
        cache_bytes: settings.cache_mib << 20,
        timeout: settings.timeout,
        ..LanceDbOptions::new(uri, space)
    };
    Ok(LanceDbMemoryRepository::open(options).await?)
}

fn openrouter(settings: &Settings) -> Result<OpenRouterClient> {
    let openrouter = &settings.openrouter;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let config = OpenRouterConfig {
        base_url: openrouter.base_url.clone(),
        app_referer: some(&openrouter.app_url),
        app_title: some(&openrouter.app_title),
        connect_timeout: openrouter.connect_timeout,
        read_timeout: openrouter.read_timeout,
        stream_timeout: settings.chat.generation_timeout,
        total_timeout: openrouter.request_timeout,
        catalogue_ttl: openrouter.catalog_ttl,
        ..OpenRouterConfig::default()
    };
    OpenRouterClient::new(config).context("correct the settings under [openrouter]")
}

fn embedder(settings: &Settings, openrouter: &OpenRouterClient, space: EmbeddingSpace) -> Result<Arc<dyn Embedder>> {
    let embeddings = &settings.embeddings;
    let timeout = settings.openrouter.request_timeout;
    if embeddings.base_url.is_empty() {
        return Ok(Arc::new(OpenRouterEmbedder::with_user_key(openrouter, space, timeout)));
    }
    let key = match embeddings.api_key.as_str() {
        "" => None,
        key => Some(ApiKey::parse(key.to_owned()).map_err(|_| {
            anyhow::anyhow!("embeddings.api_key cannot stand in a header: correct PALAVRA__EMBEDDINGS__API_KEY")
        })?),
    };
    let config = EmbeddingServerConfig {
        base_url: embeddings.base_url.clone(),
        key,
        connect_timeout: settings.openrouter.connect_timeout,
    };
    let embedder = OpenRouterEmbedder::elsewhere(config, space, timeout);
    Ok(Arc::new(embedder.context("correct the settings under [embeddings]")?))
}

fn policy(settings: &Settings, instance: InstanceId) -> Result<Policy> {
    let (chat, memory, security) = (&settings.chat, &settings.memory, &settings.security);
    let model = |name: &str, setting: &str| {
        ModelId::parse(setting).map_err(|_| anyhow::anyhow!("{name} must be a model's id, such as vendor/model"))
    };
    let extraction_model = match memory.extraction_model.as_str() {
        "" => None,
        setting => Some(model("memory.extraction_model", setting)?),
    };
    Ok(Policy {
        instance,
        prompt_max_chars: chat.prompt_max_chars,
        default_model: model("chat.default_model", &chat.default_model)?,
        default_context_tokens: chat.default_context_tokens,
        system_prompt: chat.system_prompt.clone(),
        generation_timeout: chat.generation_timeout,
        lease: LEASE,
        checkpoint_every: CHECKPOINT_EVERY,
        session_ttl: security.session_ttl,
        login: LoginPolicy {
            per_name_and_address: Quota { burst: security.login_attempts, refill_every: security.login_refill },
            per_name: Quota { burst: security.login_attempts.saturating_mul(10), refill_every: security.login_refill },
            per_address: Quota {
                burst: security.login_attempts.saturating_mul(10),
                refill_every: security.login_refill / 10,
            },
        },
        memory: MemoryPolicy {
            extraction_model,
            min_score: memory.min_score,
            recall_limit: memory.recall_limit,
            recall_timeout: memory.recall_timeout,
            workers: memory.workers,
            job_timeout: memory.job_timeout,
            max_tries: memory.max_tries,
            retry_base: memory.retry_base,
        },
    })
}
