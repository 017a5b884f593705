//! An open server.

use crate::{
    OpenError, RedisCache, RedisOptions, RedisRateLimiter,
    server::{Call, Server},
};
use async_trait::async_trait;
use deadpool_redis::redis::cmd;
use palavra_domain::{
    StoreError,
    ports::{Check, Inspect, Inspection},
};
use std::{fmt, sync::Arc};

/// A Redis server that answered. Cheap to clone.
#[derive(Clone)]
pub struct RedisStore {
    server: Arc<Server>,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Connects to the server and greets it.
    ///
    /// # Errors
    /// When the URL is none, nothing answers, or it refuses the password; the message says what to do.
    pub async fn open(options: RedisOptions) -> Result<Self, OpenError> {
        Ok(Self { server: Arc::new(Server::open(options).await?) })
    }

    /// The cache in it.
    #[must_use]
    pub fn cache(&self) -> RedisCache {
        RedisCache::new(Arc::clone(&self.server))
    }

    /// The limits in it.
    #[must_use]
    pub fn limiter(&self) -> RedisRateLimiter {
        RedisRateLimiter::new(Arc::clone(&self.server))
    }
}

#[async_trait]
impl Inspect for RedisStore {
    async fn inspect(&self) -> Result<Inspection, StoreError> {
        let info: String = self
            .server
            .call(Call::Always, |mut connection| async move { cmd("INFO").query_async(&mut connection).await })
            .await?;
        let field = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.trim().to_owned())
        };
        let version = field("redis_version").unwrap_or_else(|| "of an unknown version".to_owned());
        let limit = field("maxmemory").unwrap_or_default();
        let policy = field("maxmemory_policy").unwrap_or_default();
        let refuses = limit != "0" && policy == "noeviction";
        let eviction = Check {
            name: "eviction",
            ok: !refuses,
            told: if refuses {
                "maxmemory is set with the policy noeviction: when it is full, the cache and the limits on logins stop \
                 working. Set maxmemory-policy to allkeys-lru"
                    .to_owned()
            } else {
                format!("maxmemory {limit}, policy {policy}")
            },
        };
        Ok(Inspection { product: format!("Redis {version}"), checks: vec![eviction] })
    }
}
