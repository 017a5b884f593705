//! Composition: the only place that names adapters.

mod embedders;
mod stores;

pub(crate) use embedders::Embedders;
pub(crate) use stores::{Stores, memory_tables};

use crate::{
    data_dir::DataDir,
    environment::{SystemClock, UuidSource},
    settings::{Security, Settings},
};
use anyhow::{Context, Result, anyhow};
use palavra_application::{
    Application, Calibration, Follower, LoginPolicy, MemoryPolicy, MemorySpace, Policy, Ports, ReembedPace,
    ReembedState, Reembedding, Spaces, Tasks,
    decorators::{CachedSessionStore, CachedUserRepository, HotMemoryRepository, RetriedChatModel, RetryPolicy},
};
use palavra_domain::{
    InstanceId, ModelId, SpaceTable,
    ports::{
        ChatRepository, Clock, IdSource, KeyVault, MemoryRepository, MemoryTables, Quota, UserArchive, UserRepository,
    },
    recall::Rules,
};
use palavra_inmem::InProcessTurnFeed;
use palavra_lancedb::LanceDbMemoryTables;
use palavra_openrouter::{
    OpenRouterCatalog, OpenRouterChatModel, OpenRouterClient, OpenRouterConfig, OpenRouterKeyInspector,
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
    pub(crate) tables: Arc<LanceDbMemoryTables>,
    pub(crate) follower: Follower,
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
    let Stores { users, sessions, chats, memories, table, tables, cache, limiter, chats_are_ours, data, inspected: _ } =
        stores;
    let ttl = settings.cache.ttl;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdSource> = Arc::new(UuidSource);
    let embedders = Embedders::new(settings, &openrouter);
    let vault: Arc<dyn KeyVault> = Arc::new(XChaChaVault::new(master_keys));

    let stored = Arc::clone(&users);
    let users = CachedUserRepository::new(users as Arc<dyn UserRepository>, Arc::clone(&cache), ttl);
    let users: Arc<dyn UserRepository> = Arc::new(users);
    let hot_bytes = settings.memory.hot_mib << 20;
    let hot = HotMemoryRepository::new(memories as Arc<dyn MemoryRepository>, Arc::clone(&users), hot_bytes);
    let marks = marks(settings, &table);
    let spaces =
        Arc::new(Spaces::new(MemorySpace { memories: Arc::new(hot), embedder: embedders.of_table(&table)?, marks }));
    let ports = Ports {
        users,
        sessions: Arc::new(CachedSessionStore::new(sessions, cache, ttl)),
        chats: chats as Arc<dyn ChatRepository>,
        spaces: Arc::clone(&spaces),
        limiter,
        feed: Arc::new(InProcessTurnFeed::new()),
        model: Arc::new(RetriedChatModel::new(
            Arc::new(OpenRouterChatModel::new(openrouter.clone())),
            RetryPolicy::default(),
        )),
        catalog: Arc::new(OpenRouterCatalog::new(openrouter.clone())),
        inspector: Arc::new(OpenRouterKeyInspector::new(openrouter)),
        vault,
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
    let policy = policy(settings, marks.floor, InstanceId::new(ids.next()))?;
    let users = Accounts { stored, served: Arc::clone(&ports.users), vault: Arc::clone(&ports.vault) };
    let reembedding = Arc::new(reembedding(Arc::clone(&tables), users, embedders, policy.instance));
    let follower = Follower { reembedding, spaces, hot_bytes };
    let ports = Arc::new(ports);
    let app = Application::new(Arc::clone(&ports), policy, tasks.clone());
    Ok(Composed { app, tasks, ids, ports, tables, follower, chats_are_ours, _data: data })
}

/// Users as whoever embeds anew sees them.
struct Accounts {
    stored: Arc<dyn UserArchive>,
    served: Arc<dyn UserRepository>,
    vault: Arc<dyn KeyVault>,
}

fn reembedding(
    tables: Arc<LanceDbMemoryTables>,
    users: Accounts,
    embedders: Embedders,
    instance: InstanceId,
) -> Reembedding {
    Reembedding {
        tables: tables as Arc<dyn MemoryTables>,
        embedders: Arc::new(move |table| embedders.of_table(table).map_err(Into::into)),
        users: users.stored,
        served: users.served,
        vault: users.vault,
        clock: Arc::new(SystemClock),
        instance,
        pace: ReembedPace::default(),
        state: ReembedState::default(),
    }
}

/// What embeds memories anew while nobody serves: it opens the users, and nothing else.
pub(crate) async fn reembedding_alone(
    settings: &Settings,
    data: Option<&DataDir>,
    tables: Arc<LanceDbMemoryTables>,
) -> Result<Reembedding> {
    // Without master keys no key was ever sealed, and none has to be opened.
    let master_keys = master_keys(settings, data)?.map_or_else(|| KeyRing::generate("none"), Ok)?;
    let users = stores::open_users(settings, data).await?;
    let served = Arc::clone(&users) as Arc<dyn UserRepository>;
    let users = Accounts { stored: users, served, vault: Arc::new(XChaChaVault::new(master_keys)) };
    let embedders = Embedders::new(settings, &openrouter(settings)?);
    Ok(reembedding(tables, users, embedders, InstanceId::new(UuidSource.next())))
}

/// What embeds as the settings say, or for tables that are embedded otherwise.
pub(crate) fn embedders(settings: &Settings) -> Result<Embedders> {
    Ok(Embedders::new(settings, &openrouter(settings)?))
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

/// What the settings say of the cosines of a table, where it is the one that they name, or what else is known of them.
fn marks(settings: &Settings, table: &SpaceTable) -> Calibration {
    if table.space != settings.embeddings.space() {
        tracing::warn!(
            served = %table.space, settings = %settings.embeddings.space(),
            "the settings name an embedding model whose place another has taken: set embeddings.* and memory.*_score to what \
             `palavra reembed` told"
        );
        return Calibration::of_table(table);
    }
    let known = Calibration::of(&settings.embeddings.model);
    let memory = &settings.memory;
    Calibration { floor: memory.min_score.or(known.floor), same: memory.same_score.or(known.same) }
}

fn policy(settings: &Settings, floor: f32, instance: InstanceId) -> Result<Policy> {
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
            recall: Rules::new(floor, memory.recall_limit, memory.recall_tokens),
            recall_timeout: memory.recall_timeout,
            workers: memory.workers,
            job_timeout: memory.job_timeout,
            max_tries: memory.max_tries,
            retry_base: memory.retry_base,
        },
    })
}
