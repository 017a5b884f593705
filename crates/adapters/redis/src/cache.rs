//! The cache.

use crate::server::{Call, Server, millis};
use async_trait::async_trait;
use deadpool_redis::redis::cmd;
use palavra_domain::{StoreError, ports::Cache};
use std::{sync::Arc, time::Duration};

/// Entries in Redis; from [`RedisStore::cache`](crate::RedisStore::cache).
///
/// `get` and `put_if_absent` fail at once for a while after Redis has not answered. `put`, which takes away what a write to the
/// store behind has replaced, is always tried; one that fails is made up for as soon as Redis answers this instance again, and
/// until then this instance reads nothing from Redis. Another instance that still reaches Redis may read the old entry until
/// that, or until the entry's own time is over.
#[derive(Clone)]
pub struct RedisCache {
    server: Arc<Server>,
}

impl RedisCache {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self { server }
    }

    fn key(&self, key: &str) -> String {
        format!("{}c:{key}", self.server.options.key_prefix)
    }
}

#[async_trait]
impl Cache for RedisCache {
    #[tracing::instrument(name = "cache.get", level = "debug", skip_all)]
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut get = cmd("GET");
        get.arg(self.key(key));
        self.server.call(Call::Optional, |mut connection| async move { get.query_async(&mut connection).await }).await
    }

    #[tracing::instrument(name = "cache.put", level = "debug", skip_all)]
    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), StoreError> {
        let key = self.key(key);
        let mut set = cmd("SET");
        set.arg(&key).arg(&value).arg("PX").arg(millis(ttl));
        let owed = Unless { server: &self.server, write: Some((key, value, ttl)) };
        self.server
            .call(Call::Always, |mut connection| async move { set.query_async::<()>(&mut connection).await })
            .await?;
        owed.done();
        Ok(())
    }

    #[tracing::instrument(name = "cache.put_if_absent", level = "debug", skip_all)]
    async fn put_if_absent(&self, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), StoreError> {
        let mut set = cmd("SET");
        set.arg(self.key(key)).arg(value).arg("NX").arg("PX").arg(millis(ttl));
        self.server.call(Call::Optional, |mut connection| async move { set.query_async(&mut connection).await }).await
    }
}

/// A write that is owed unless it is done: also when its caller goes away.
struct Unless<'a> {
    server: &'a Arc<Server>,
    write: Option<(String, Vec<u8>, Duration)>,
}

impl Unless<'_> {
    fn done(mut self) {
        if let Some((key, _, _)) = self.write.take() {
            self.server.owe_no_more(&key);
        }
    }
}

impl Drop for Unless<'_> {
    fn drop(&mut self) {
        if let Some((key, value, ttl)) = self.write.take() {
            self.server.owe(key, value, ttl);
        }
    }
}
