//! Rate limits.

use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{
    StoreError,
    ports::{Decision, Quota, RateLimiter},
};
use std::{collections::HashMap, sync::Mutex, time::Duration};
use tokio::time::Instant;

/// How many buckets there may be before the full ones are dropped for the first time.
const SWEEP_AT: usize = 1024;

/// Token buckets in this process. A full bucket need not be kept, so memory is bounded by what was taken lately.
///
/// Time is tokio's: a test that pauses it pauses the buckets.
pub struct TokenBuckets {
    begun: Instant,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    /// When each bucket will be full again, from `begun`. One number tells how many tokens are missing.
    full_at: HashMap<String, Duration>,
    sweep_at: usize,
}

impl TokenBuckets {
    /// Buckets that are all full.
    #[must_use]
    pub fn new() -> Self {
        let buckets = Buckets { full_at: HashMap::new(), sweep_at: SWEEP_AT };
        Self { begun: Instant::now(), buckets: Mutex::new(buckets) }
    }
}

impl Default for TokenBuckets {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl RateLimiter for TokenBuckets {
    async fn take(&self, key: &str, quota: Quota) -> Result<Decision, StoreError> {
        let mut buckets = locked(&self.buckets);
        let now = self.begun.elapsed();
        let full_at = buckets.full_at.get(key).copied().unwrap_or(now).max(now);
        let next = full_at.saturating_add(quota.refill_every);
        let burst = quota.refill_every.saturating_mul(quota.burst);
        let wait = (next - now).saturating_sub(burst);
        if !wait.is_zero() {
            return Ok(Decision::Limited { retry_after: wait });
        }
        if buckets.full_at.len() >= buckets.sweep_at {
            buckets.full_at.retain(|_, full_at| *full_at > now);
            buckets.sweep_at = SWEEP_AT.max(buckets.full_at.len() * 2);
        }
        buckets.full_at.insert(key.to_owned(), next);
        Ok(Decision::Allowed)
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), StoreError> {
        if let Some(full_at) = locked(&self.buckets).full_at.get_mut(key) {
            *full_at = full_at.saturating_sub(quota.refill_every);
        }
        Ok(())
    }

    async fn reset(&self, key: &str) -> Result<(), StoreError> {
        locked(&self.buckets).full_at.remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn full_buckets_are_dropped_and_others_kept() {
        let limits = TokenBuckets::new();
        let slow = Quota { burst: 1, refill_every: Duration::from_secs(3_600) };
        limits.take("kept", slow).await.unwrap();
        let quick = Quota { burst: 1, refill_every: Duration::from_nanos(1) };
        for index in 0..SWEEP_AT * 8 {
            assert_eq!(limits.take(&format!("key {index}"), quick).await.unwrap(), Decision::Allowed);
            assert!(locked(&limits.buckets).full_at.len() <= SWEEP_AT);
        }
        assert!(matches!(limits.take("kept", slow).await.unwrap(), Decision::Limited { .. }));
    }

    #[tokio::test]
    async fn odd_quotas_do_no_harm() {
        let limits = TokenBuckets::new();
        let endless = Quota { burst: u32::MAX, refill_every: Duration::MAX };
        let free = Quota { burst: 1, refill_every: Duration::ZERO };
        for _ in 0..3 {
            assert_eq!(limits.take("free", free).await.unwrap(), Decision::Allowed);
        }
        assert_eq!(limits.take("endless", endless).await.unwrap(), Decision::Allowed);
    }
}
