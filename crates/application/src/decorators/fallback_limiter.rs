//! Rate limits that go on without their server.

use async_trait::async_trait;
use palavra_domain::{
    StoreError,
    ports::{Decision, Quota, RateLimiter},
};
use std::sync::Arc;

/// Shared limits, and limits of this instance alone while the shared ones are away: logins work then, still limited.
pub struct FallbackRateLimiter {
    shared: Arc<dyn RateLimiter>,
    own: Arc<dyn RateLimiter>,
}

impl FallbackRateLimiter {
    /// Asks `shared`, and `own` whenever `shared` is unavailable.
    #[must_use]
    pub fn new(shared: Arc<dyn RateLimiter>, own: Arc<dyn RateLimiter>) -> Self {
        Self { shared, own }
    }
}

/// Whether the other one is to be asked.
fn away<T>(outcome: &Result<T, StoreError>) -> bool {
    let away = outcome.as_ref().is_err_and(StoreError::is_transient);
    if away {
        metrics::counter!("palavra_limiter_fallbacks_total").increment(1);
    }
    away
}

#[async_trait]
impl RateLimiter for FallbackRateLimiter {
    async fn take(&self, key: &str, quota: Quota) -> Result<Decision, StoreError> {
        let taken = self.shared.take(key, quota).await;
        if away(&taken) { self.own.take(key, quota).await } else { taken }
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), StoreError> {
        // It may have been taken from either; a full bucket stays full.
        self.own.give_back(key, quota).await?;
        let given = self.shared.give_back(key, quota).await;
        if away(&given) { Ok(()) } else { given }
    }

    async fn reset(&self, key: &str) -> Result<(), StoreError> {
        self.own.reset(key).await?;
        let reset = self.shared.reset(key).await;
        if away(&reset) { Ok(()) } else { reset }
    }
}
