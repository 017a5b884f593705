//! The cache.

use async_trait::async_trait;
use moka::{Expiry, future::Cache as Moka, ops::compute::Op, policy::EvictionPolicy};
use palavra_domain::{StoreError, ports::Cache};
use std::{
    future::ready,
    sync::Arc,
    time::{Duration, Instant},
};

/// What an entry takes besides its key and its bytes, roughly.
const OVERHEAD: usize = 128;

#[derive(Clone)]
struct Stored {
    bytes: Arc<[u8]>,
    ttl: Duration,
}

/// Each entry ends when its own time is over; reading does not prolong it.
struct OwnTime;

impl Expiry<String, Stored> for OwnTime {
    fn expire_after_create(&self, _key: &String, value: &Stored, _created_at: Instant) -> Option<Duration> {
        Some(value.ttl)
    }

    fn expire_after_update(
        &self,
        _key: &String,
        value: &Stored,
        _updated_at: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.ttl)
    }
}

/// A cache in this process. When it is full, what was not used for longest goes.
pub struct MokaCache {
    entries: Moka<String, Stored>,
}

impl MokaCache {
    /// A cache of at most about `max_bytes`, keys and bookkeeping included.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let weight =
            |key: &String, value: &Stored| u32::try_from(key.len() + value.bytes.len() + OVERHEAD).unwrap_or(u32::MAX);
        let entries = Moka::builder()
            .max_capacity(max_bytes)
            .weigher(weight)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(OwnTime)
            .build();
        Self { entries }
    }
}

#[async_trait]
impl Cache for MokaCache {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.entries.get(key).await.map(|stored| stored.bytes.to_vec()))
    }

    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), StoreError> {
        let stored = Stored { bytes: value.into(), ttl };
        // Not a plain insert: that would not wait for a `put_if_absent` that has already looked, and be overwritten by it.
        self.entries.entry_by_ref(key).and_compute_with(|_| ready(Op::Put(stored))).await;
        Ok(())
    }

    async fn put_if_absent(&self, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), StoreError> {
        let stored = Stored { bytes: value.into(), ttl };
        let unless_there = |entry: Option<_>| ready(if entry.is_some() { Op::Nop } else { Op::Put(stored) });
        self.entries.entry_by_ref(key).and_compute_with(unless_there).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn stays_within_its_bounds_and_keeps_what_is_used() {
        let cache = MokaCache::new(50_000);
        for index in 0..200 {
            cache.put(&format!("key {index}"), vec![0; 1_000], MINUTE).await.unwrap();
            assert!(cache.get("key 0").await.unwrap().is_some(), "gone after {index}");
            cache.entries.run_pending_tasks().await;
            assert!(cache.entries.weighted_size() <= 50_000);
        }
        assert!(cache.entries.entry_count() > 10);
        assert!(cache.get("key 1").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_larger_than_all_is_not_kept() {
        let cache = MokaCache::new(10_000);
        cache.put("small", vec![1], MINUTE).await.unwrap();
        cache.put("large", vec![0; 20_000], MINUTE).await.unwrap();
        cache.entries.run_pending_tasks().await;
        assert_eq!(cache.get("large").await.unwrap(), None);
        assert_eq!(cache.get("small").await.unwrap(), Some(vec![1]));
    }
}
