use crate::StoreError;
use async_trait::async_trait;
use std::time::Duration;

/// A cache of bytes by key. Everything in it can be had elsewhere: an entry may vanish at any time, a failure is a miss.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The entry, if it is there and not over.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sets an entry for `ttl`, replacing any other.
    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), StoreError>;

    /// Sets an entry for `ttl` unless there is one; atomic.
    async fn put_if_absent(&self, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), StoreError>;
}

/// How often something may be done: `burst` times at once, and once more every `refill_every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many tokens a full bucket holds; at least 1.
    pub burst: u32,
    /// How long it takes for one token to come back.
    pub refill_every: Duration,
}

/// Whether something may be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A token was taken.
    Allowed,
    /// The bucket is empty; nothing was taken.
    Limited {
        /// When there will be a token; never zero.
        retry_after: Duration,
    },
}

/// Token buckets by key.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes a token from the bucket of `key`, which begins full. Of several calls at once, no more are allowed than there
    /// are tokens.
    async fn take(&self, key: &str, quota: Quota) -> Result<Decision, StoreError>;

    /// Gives back a token that was taken with the same quota. A full bucket stays full.
    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), StoreError>;

    /// Fills the bucket of `key`.
    async fn reset(&self, key: &str) -> Result<(), StoreError>;
}
