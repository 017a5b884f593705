//! Composition: the only place that names adapters.

mod stores;

pub(crate) use stores::Stores;

use crate::{
    data_dir::DataDir,
    environment::{SystemClock, UuidSource},
    settings::{EmbeddingProvider, Security, Settings},
};
use anyhow::{Context, Result, anyhow};
use palavra_application::{
    Application, Calibration, LoginPolicy, MemoryPolicy, MemorySpace, Policy, Ports, Spaces, Tasks,
    decorators::{
        CachedSessionStore, CachedUserRepository, HotMemoryRepository, RetriedChatModel, RetriedEmbedder, RetryPolicy,
    },
};
use palavra_domain::{
    ApiKey, EmbeddingSpace, InstanceId, ModelId,
    ports::{ChatRepository, Clock, Embedder, IdSource, MemoryRepository, Quota, UserRepository},
    recall::Rules,
};
use palavra_inmem::InProcessTurnFeed;
use palavra_lancedb::LanceDbMemoryRepository;
use palavra_openrouter::{
    EmbeddingServerConfig, OpenRouterCatalog, OpenRouterChatModel, OpenRouterClient, OpenRouterConfig,
    OpenRouterEmbedder, OpenRouterKeyInspector,
};
use palavra_vault::{Argon2Hasher, Argon2Options, JwtIssuer, JwtOptions, KeyRing, XChaChaVault};
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

/// An answer under way gives this many signs of life in the time in which it would be taken for dead.
const SIGNS_A_LEASE: u32 = 6;
/// And at least one in this time, so that little of it is lost when its process dies.
const CHECKPOINT_AT_LEAST_EVERY: Duration = Duration::from_secs(5);
/// Who signs access tokens, and for whom.
const ISSUER: &str = "palavra";

/// Everything, composed.
pub(crate) struct Composed {
    pub(crate) app: Application,
    pub(crate) tasks: Tasks,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) ports: Arc<Ports>,
    pub(crate) memories: Arc<LanceDbMemoryRepository>,
    /// Whether the chats are this process's alone.
    pub(crate) chats_are_ours: bool,
    /// Locked while this lives.
    pub(crate) _data: Option<DataDir>,
}

/// Opens the stores that the settings name; locks the data folder when any of them lives there.
pub(crate) async fn open_stores(settings: &Settings) -> Result<Stores> {
    let data = if settings.use_data_folder() { Some(DataDir::lock(&settings.data_dir)?) } else { None };
    stores::open(settings, data).await
}

/// Opens the stores that two settings name. A data folder that both use is locked once.
pub(crate) async fn open_both(from: &Settings, to: &Settings) -> Result<(Stores, Stores)> {
    let source = open_stores(from).await?;
    let shared = source.data.as_ref().filter(|data| to.use_data_folder() && data.is(&to.data_dir)).cloned();
    let target = match shared {
        Some(data) => stores::open(to, Some(data)).await?,
        None => open_stores(to).await?,
    };
    Ok((source, target))
}

/// Opens the stores and composes the use cases over them.
pub(crate) async fn compose(settings: &Settings) -> Result<Composed> {
    let stores = open_stores(settings).await?;
    let (jwt_keys, master_keys) = keys(&settings.security, stores.data.as_ref())?;
    let openrouter = openrouter(settings)?;
    let Stores { users, sessions, chats, memories, cache, limiter, chats_are_ours, data, inspected: _ } = stores;
    let ttl = settings.cache.ttl;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdSource> = Arc::new(UuidSource);
    let retry = RetryPolicy::default();
    let embedder = embedder(settings, &openrouter, memories.space().clone())?;

    let users = CachedUserRepository::new(users as Arc<dyn UserRepository>, Arc::clone(&cache), ttl);
    let users: Arc<dyn UserRepository> = Arc::new(users);
    let hot = HotMemoryRepository::new(
        Arc::clone(&memories) as Arc<dyn MemoryRepository>,
        Arc::clone(&users),
        settings.memory.hot_mib << 20,
    );
    let ports = Ports {
        users,
        sessions: Arc::new(CachedSessionStore::new(sessions, cache, ttl)),
        chats: chats as Arc<dyn ChatRepository>,
        spaces: Arc::new(Spaces::new(MemorySpace {
            memories: Arc::new(hot),
            embedder: Arc::new(RetriedEmbedder::new(embedder, retry)),
            marks: marks(settings),
        })),
        limiter,
        feed: Arc::new(InProcessTurnFeed::new()),
        model: Arc::new(RetriedChatModel::new(Arc::new(OpenRouterChatModel::new(openrouter.clone())), retry)),
        catalog: Arc::new(OpenRouterCatalog::new(openrouter.clone())),
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
    let app = Application::new(Arc::clone(&ports), policy, tasks.clone());
    Ok(Composed { app, tasks, ids, ports, memories, chats_are_ours, _data: data })
}

/// The master keys of the settings; those of `secrets.toml` where the settings have none. None are made.
pub(crate) fn master_keys(settings: &Settings, data: Option<&DataDir>) -> Result<Option<KeyRing>> {
    let mut text = settings.security.master_keys.clone();
    if let (true, Some(data)) = (text.is_empty(), data) {
        text = data.made_secrets()?.map(|made| made.master_keys).unwrap_or_default();
    }
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(KeyRing::parse("security.master_keys", &SecretString::from(text))?))
}

/// The keys of the settings; those of `secrets.toml` where the settings have none.
fn keys(security: &Security, data: Option<&DataDir>) -> Result<(KeyRing, KeyRing)> {
    let complete = !security.jwt_keys.is_empty() && !security.master_keys.is_empty();
    let made = match data {
        _ if complete => None,
        Some(data) => Some(data.secrets()?),
        None => {
            return Err(anyhow!(
                "no store lives in a data folder that could keep secrets: set PALAVRA__SECURITY__JWT_KEYS and \
                 PALAVRA__SECURITY__MASTER_KEYS, each \"k1:$(openssl rand -base64 32)\", and keep them"
            ));
        }
    };
    let ring = |name: &'static str, setting: &str, made: Option<&str>| {
        let text = if setting.is_empty() { made.unwrap_or_default() } else { setting };
        KeyRing::parse(name, &SecretString::from(text))
    };
    Ok((
        ring("security.jwt_keys", &security.jwt_keys, made.as_ref().map(|made| made.jwt_keys.as_str()))?,
        ring("security.master_keys", &security.master_keys, made.as_ref().map(|made| made.master_keys.as_str()))?,
    ))
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
    match embeddings.provider {
        EmbeddingProvider::Local => return local(settings, space),
        EmbeddingProvider::Server => {}
        EmbeddingProvider::Auto if !embeddings.base_url.is_empty() => {}
        EmbeddingProvider::Auto | EmbeddingProvider::OpenRouter => {
            return Ok(Arc::new(OpenRouterEmbedder::with_user_key(openrouter, space, timeout)));
        }
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

#[cfg(feature = "local")]
fn local(settings: &Settings, space: EmbeddingSpace) -> Result<Arc<dyn Embedder>> {
    let options = palavra_candle::CandleOptions {
        name: Some(space.model),
        dimensions: Some(space.dimensions),
        ..palavra_candle::CandleOptions::new(&settings.embeddings.folder)
    };
    Ok(Arc::new(palavra_candle::CandleEmbedder::open(options).context("correct the settings under [embeddings]")?))
}

#[cfg(not(feature = "local"))]
fn local(_settings: &Settings, _space: EmbeddingSpace) -> Result<Arc<dyn Embedder>> {
    Err(anyhow!("this binary was built without embeddings in process"))
}

/// What the settings say of the embedding model's cosines, or what is known of it.
fn marks(settings: &Settings) -> Calibration {
    let known = Calibration::of(&settings.embeddings.model);
    let memory = &settings.memory;
    Calibration { floor: memory.min_score.or(known.floor), same: memory.same_score.or(known.same) }
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
        lease: chat.lease,
        checkpoint_every: CHECKPOINT_AT_LEAST_EVERY.min(chat.lease / SIGNS_A_LEASE),
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
            recall: Rules::new(marks(settings).floor, memory.recall_limit, memory.recall_tokens),
            recall_timeout: memory.recall_timeout,
            workers: memory.workers,
            job_timeout: memory.job_timeout,
            max_tries: memory.max_tries,
            retry_base: memory.retry_base,
        },
    })
}
