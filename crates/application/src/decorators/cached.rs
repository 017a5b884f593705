//! Repositories with a cache looked aside.
//!
//! A read fills the cache with `put_if_absent`; a write leaves a tombstone, which keeps what a slower read had fetched
//! before the write from being cached after it. While a tombstone stands, reads go to the store. A cache that fails is
//! passed by.

use async_trait::async_trait;
use palavra_domain::{
    RefreshHash, RotateOutcome, Session, SessionId, StoreError, Timestamp, User, UserId, Username,
    ports::{Cache, SessionStore, UserRepository},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{error::Error, sync::Arc, time::Duration};

/// How long a write keeps reads from filling the cache: longer than any read from a store may take.
const TOMBSTONE_TTL: Duration = Duration::from_secs(15);
const TOMBSTONE: &[u8] = b"";

/// A cache of records of one kind.
#[derive(Clone)]
struct Aside {
    cache: Arc<dyn Cache>,
    ttl: Duration,
}

impl Aside {
    async fn read<T, F>(&self, key: &str, load: F) -> Result<Option<T>, StoreError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<Option<T>, StoreError>>,
    {
        let cached = self.cache.get(key).await.unwrap_or_else(|error| {
            passed_by(&error);
            None
        });
        // Bytes of another version, and the tombstone, are no record.
        if let Some(record) = cached.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()) {
            return Ok(Some(record));
        }
        let loaded = load.await?;
        if let (Some(record), None) = (&loaded, &cached) {
            match serde_json::to_vec(record) {
                Ok(bytes) => {
                    if let Err(error) = self.cache.put_if_absent(key, bytes, self.ttl).await {
                        passed_by(&error);
                    }
                }
                Err(error) => passed_by(&error),
            }
        }
        Ok(loaded)
    }

    async fn written(&self, key: &str) {
        if let Err(error) = self.cache.put(key, TOMBSTONE.to_vec(), TOMBSTONE_TTL).await {
            passed_by(&error);
        }
    }
}

/// Does a write and its tombstone as one: a caller who goes away between the two must not leave the old value cached.
async fn whole<T: Send + 'static>(
    write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(write).await.unwrap_or_else(|lost| Err(StoreError::Unexpected { source: lost.into() }))
}

fn passed_by(error: &(dyn Error + 'static)) {
    metrics::counter!("palavra_cache_failures_total").increment(1);
    tracing::debug!(error, "the cache was passed by");
}

/// Users with a cache in front of [`UserRepository::find`].
pub struct CachedUserRepository {
    inner: Arc<dyn UserRepository>,
    aside: Aside,
}

impl CachedUserRepository {
    /// Puts `cache` in front of `inner`; entries live for `ttl`.
    #[must_use]
    pub fn new(inner: Arc<dyn UserRepository>, cache: Arc<dyn Cache>, ttl: Duration) -> Self {
        Self { inner, aside: Aside { cache, ttl } }
    }

    fn key(id: UserId) -> String {
        format!("user:{id}")
    }
}

#[async_trait]
impl UserRepository for CachedUserRepository {
    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.inner.insert(user).await
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.aside.read(&Self::key(id), self.inner.find(id)).await
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        self.inner.find_by_username(username).await
    }

    async fn update(&self, user: &User) -> Result<Option<User>, StoreError> {
        let (inner, aside, user) = (Arc::clone(&self.inner), self.aside.clone(), user.clone());
        whole(async move {
            let updated = inner.update(&user).await;
            // Also after a failure: a stale revision came from the cache, and a lost answer may have been a success.
            aside.written(&Self::key(user.id)).await;
            updated
        })
        .await
    }

    async fn memories_changed(&self, id: UserId, cleared_at: Option<Timestamp>) -> Result<Option<u64>, StoreError> {
        let (inner, aside) = (Arc::clone(&self.inner), self.aside.clone());
        whole(async move {
            let version = inner.memories_changed(id, cleared_at).await;
            aside.written(&Self::key(id)).await;
            version
        })
        .await
    }
}

/// Sessions with a cache in front of [`SessionStore::find`].
pub struct CachedSessionStore {
    inner: Arc<dyn SessionStore>,
    aside: Aside,
}

impl CachedSessionStore {
    /// Puts `cache` in front of `inner`; entries live for `ttl`.
    #[must_use]
    pub fn new(inner: Arc<dyn SessionStore>, cache: Arc<dyn Cache>, ttl: Duration) -> Self {
        Self { inner, aside: Aside { cache, ttl } }
    }

    fn key(user: UserId, id: SessionId) -> String {
        format!("session:{user}:{id}")
    }
}

#[async_trait]
impl SessionStore for CachedSessionStore {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        self.inner.insert(session).await
    }

    async fn find(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.aside.read(&Self::key(user, id), self.inner.find(user, id)).await
    }

    async fn rotate(
        &self,
        user: UserId,
        id: SessionId,
        presented: RefreshHash,
        next: RefreshHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<RotateOutcome, StoreError> {
        let (inner, aside) = (Arc::clone(&self.inner), self.aside.clone());
        whole(async move {
            let rotated = inner.rotate(user, id, presented, next, now, expires_at).await;
            aside.written(&Self::key(user, id)).await;
            rotated
        })
        .await
    }

    async fn revoke(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let (inner, aside) = (Arc::clone(&self.inner), self.aside.clone());
        whole(async move {
            let revoked = inner.revoke(user, id, now).await;
            aside.written(&Self::key(user, id)).await;
            revoked
        })
        .await
    }

    async fn revoke_others(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let (inner, aside) = (Arc::clone(&self.inner), self.aside.clone());
        whole(async move {
            let revoked = inner.revoke_others(user, keep, now).await?;
            for id in &revoked {
                aside.written(&Self::key(user, *id)).await;
            }
            Ok(revoked)
        })
        .await
    }

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        // What expired admits nobody, cached or not.
        self.inner.delete_expired(before).await
    }
}
