//! Which adapter keeps what.

use crate::{
    data_dir::DataDir,
    settings::{Caching, Documents, Relational, Settings, Synchronous, Vectors},
};
use anyhow::{Context, Result};
use palavra_domain::{
    SpaceTable,
    ports::{Cache, ChatArchive, Inspect, RateLimiter, SessionStore, UserArchive},
};
use palavra_inmem::{MokaCache, TokenBuckets};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbMemoryTables, LanceDbOptions};
use palavra_sqlite::{SqliteOptions, SqliteStore};
use std::sync::Arc;

/// The stores that the settings name, open.
pub(crate) struct Stores {
    pub(crate) users: Arc<dyn UserArchive>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) chats: Arc<dyn ChatArchive>,
    pub(crate) memories: Arc<LanceDbMemoryRepository>,
    /// Which table the memories are.
    pub(crate) table: SpaceTable,
    /// All tables of memories.
    pub(crate) tables: Arc<LanceDbMemoryTables>,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) limiter: Arc<dyn RateLimiter>,
    /// Each store once, with its name.
    pub(crate) inspected: Vec<(&'static str, Arc<dyn Inspect>)>,
    /// Whether the chats are this process's alone, so that whatever is pending at start-up belongs to a dead one.
    pub(crate) chats_are_ours: bool,
    /// Held as long as they are open.
    pub(crate) data: Option<DataDir>,
}

/// Opens them. `data` is the locked data folder, when any of them lives there.
pub(crate) async fn open(settings: &Settings, data: Option<DataDir>) -> Result<Stores> {
    let mut inspected: Vec<(&'static str, Arc<dyn Inspect>)> = Vec::new();
    let chosen = &settings.stores;

    let sqlite = match &data {
        Some(data) if chosen.use_sqlite() => Some(open_sqlite(settings, data).await?),
        Some(_) | None => None,
    };
    if let Some(sqlite) = &sqlite {
        inspected.push(("sqlite", Arc::new(sqlite.clone())));
    }
    let sqlite = || sqlite.as_ref().context("SQLite lives in the data folder, which is not open");

    #[cfg(feature = "postgres")]
    let postgres = if chosen.users == Relational::Postgres || chosen.sessions == Relational::Postgres {
        let postgres = open_postgres(settings).await?;
        inspected.push(("postgres", Arc::new(postgres.clone())));
        Some(postgres)
    } else {
        None
    };
    #[cfg(feature = "postgres")]
    let postgres = || postgres.as_ref().context("Postgres is not open");

    let users: Arc<dyn UserArchive> = match chosen.users {
        Relational::Sqlite => Arc::new(sqlite()?.users()),
        #[cfg(feature = "postgres")]
        Relational::Postgres => Arc::new(postgres()?.users()),
        #[cfg(not(feature = "postgres"))]
        Relational::Postgres => anyhow::bail!(crate::settings::left_out("users", "postgres", "sqlite")),
    };
    let sessions: Arc<dyn SessionStore> = match chosen.sessions {
        Relational::Sqlite => Arc::new(sqlite()?.sessions()),
        #[cfg(feature = "postgres")]
        Relational::Postgres => Arc::new(postgres()?.sessions()),
        #[cfg(not(feature = "postgres"))]
        Relational::Postgres => anyhow::bail!(crate::settings::left_out("sessions", "postgres", "sqlite")),
    };
    let chats: Arc<dyn ChatArchive> = match chosen.chats {
        Documents::Sqlite => Arc::new(sqlite()?.chats()),
        #[cfg(feature = "mongodb")]
        Documents::MongoDb => {
            let mongodb = open_mongodb(settings).await?;
            inspected.push(("mongodb", Arc::new(mongodb.clone())));
            Arc::new(mongodb.chats())
        }
        #[cfg(not(feature = "mongodb"))]
        Documents::MongoDb => anyhow::bail!(crate::settings::left_out("chats", "mongodb", "sqlite")),
    };
    let tables = match chosen.memories {
        Vectors::LanceDb => Arc::new(memory_tables(settings).await?),
    };
    let (table, memories) = tables.current().await?;
    inspected.push(("lancedb", Arc::clone(&tables) as Arc<dyn Inspect>));
    let buckets: Arc<dyn RateLimiter> = Arc::new(TokenBuckets::new());
    let (cache, limiter): (Arc<dyn Cache>, Arc<dyn RateLimiter>) = match chosen.cache {
        Caching::InMem => (Arc::new(MokaCache::new(settings.cache.max_mib << 20)), buckets),
        #[cfg(feature = "redis")]
        Caching::Redis => {
            let redis = open_redis(settings).await?;
            inspected.push(("redis", Arc::new(redis.clone())));
            let shared = Arc::new(redis.limiter());
            (
                Arc::new(redis.cache()),
                Arc::new(palavra_application::decorators::FallbackRateLimiter::new(shared, buckets)),
            )
        }
        #[cfg(not(feature = "redis"))]
        Caching::Redis => anyhow::bail!(crate::settings::left_out("cache", "redis", "inmem")),
    };
    let chats_are_ours = chosen.chats == Documents::Sqlite;
    Ok(Stores { users, sessions, chats, memories, table, tables, cache, limiter, inspected, chats_are_ours, data })
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

#[cfg(feature = "postgres")]
async fn open_postgres(settings: &Settings) -> Result<palavra_postgres::PostgresStore> {
    let postgres = &settings.postgres;
    let options = palavra_postgres::PostgresOptions {
        ca_file: (!postgres.ca_file.is_empty()).then(|| postgres.ca_file.clone().into()),
        max_connections: postgres.max_connections,
        timeout: postgres.timeout,
        ..palavra_postgres::PostgresOptions::new(postgres.url.as_str())
    };
    Ok(palavra_postgres::PostgresStore::open(options).await?)
}

#[cfg(feature = "mongodb")]
async fn open_mongodb(settings: &Settings) -> Result<palavra_mongodb::MongoStore> {
    let mongodb = &settings.mongodb;
    let options = palavra_mongodb::MongoOptions {
        database: mongodb.database.clone(),
        max_pool_size: mongodb.max_connections,
        timeout: mongodb.timeout,
        ..palavra_mongodb::MongoOptions::new(mongodb.url.as_str())
    };
    Ok(palavra_mongodb::MongoStore::open(options).await?)
}

#[cfg(feature = "redis")]
async fn open_redis(settings: &Settings) -> Result<palavra_redis::RedisStore> {
    let redis = &settings.redis;
    let options = palavra_redis::RedisOptions {
        key_prefix: redis.key_prefix.clone(),
        max_connections: redis.max_connections,
        response_timeout: redis.timeout,
        ..palavra_redis::RedisOptions::new(redis.url.as_str())
    };
    Ok(palavra_redis::RedisStore::open(options).await?)
}

/// The tables of memories. Nothing is opened yet, and nothing locked: see [`LanceDbMemoryTables::at`].
pub(crate) async fn memory_tables(settings: &Settings) -> Result<LanceDbMemoryTables> {
    let lancedb = &settings.lancedb;
    let uri = if settings.memories_are_in_the_data_folder() {
        let folder = settings.data_dir.join("lancedb");
        folder.to_str().context("the data folder's name is not UTF-8: choose another")?.to_owned()
    } else {
        lancedb.uri.clone()
    };
    let options = LanceDbOptions {
        write_batch_wait: lancedb.write_batch_wait,
        compact_after_writes: lancedb.compact_after_writes,
        cache_bytes: lancedb.cache_mib << 20,
        timeout: lancedb.timeout,
        sole_writer: settings.memories_are_in_the_data_folder(),
        ..LanceDbOptions::new(uri, settings.embeddings.space())
    };
    Ok(LanceDbMemoryTables::at(options).await?)
}

/// The users alone. `data` is the locked data folder, when they live there.
pub(crate) async fn open_users(settings: &Settings, data: Option<&DataDir>) -> Result<Arc<dyn UserArchive>> {
    match settings.stores.users {
        Relational::Sqlite => {
            let data = data.context("users live in the data folder, which is not open")?;
            Ok(Arc::new(open_sqlite(settings, data).await?.users()))
        }
        #[cfg(feature = "postgres")]
        Relational::Postgres => Ok(Arc::new(open_postgres(settings).await?.users())),
        #[cfg(not(feature = "postgres"))]
        Relational::Postgres => anyhow::bail!(crate::settings::left_out("users", "postgres", "sqlite")),
    }
}
