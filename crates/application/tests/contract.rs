//! The decorators of repositories keep to the contracts of what they wrap.
use async_trait::async_trait;
use palavra_application::decorators::{
    CachedSessionStore, CachedUserRepository, FallbackRateLimiter, HotMemoryRepository,
};
use palavra_contracts::{Fixture, limits, make, memories, run, sessions, users};
use palavra_domain::{
    EmbeddingSpace, StoreError,
    ports::{Decision, MemoryRepository, Quota, RateLimiter, SessionStore, UserRepository},
};
use palavra_inmem::{InMemoryMemoryRepository, InMemorySessionStore, InMemoryUserRepository, MokaCache, TokenBuckets};
use std::{process::ExitCode, sync::Arc, time::Duration};

/// Limits whose server is away.
struct Away;

fn away<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable { source: "away".into() })
}

#[async_trait]
impl RateLimiter for Away {
    async fn take(&self, _key: &str, _quota: Quota) -> Result<Decision, StoreError> {
        away()
    }

    async fn give_back(&self, _key: &str, _quota: Quota) -> Result<(), StoreError> {
        away()
    }

    async fn reset(&self, _key: &str) -> Result<(), StoreError> {
        away()
    }
}

const TTL: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let cached_users = make(|| async {
        let inner = Arc::new(InMemoryUserRepository::new());
        let cached = CachedUserRepository::new(inner, Arc::new(MokaCache::new(1 << 20)), TTL);
        Fixture::new(Arc::new(cached) as Arc<dyn UserRepository>, ())
    });
    let cached_sessions = make(|| async {
        let inner = Arc::new(InMemorySessionStore::new());
        let cached = CachedSessionStore::new(inner, Arc::new(MokaCache::new(1 << 20)), TTL);
        Fixture::new(Arc::new(cached) as Arc<dyn SessionStore>, ())
    });
    let limits_with = |shared: fn() -> Arc<dyn RateLimiter>| {
        make(move || async move {
            let limiter = FallbackRateLimiter::new(shared(), Arc::new(TokenBuckets::new()));
            Fixture::new(Arc::new(limiter) as Arc<dyn RateLimiter>, ())
        })
    };
    // With room for all, for a few, and for nobody.
    let hot = |room: usize| {
        make(move || async move {
            let space = EmbeddingSpace { model: "words".into(), dimensions: 4 };
            let inner = Arc::new(InMemoryMemoryRepository::new(space));
            Fixture::new(
                Arc::new(HotMemoryRepository::new(inner, Arc::new(InMemoryUserRepository::new()), room))
                    as Arc<dyn MemoryRepository>,
                (),
            )
        })
    };
    run([
        users::trials("cached", cached_users),
        sessions::trials("cached", cached_sessions),
        limits::trials("fallback", limits_with(|| Arc::new(TokenBuckets::new()))),
        limits::trials("fallback-alone", limits_with(|| Arc::new(Away))),
        memories::trials("hot", hot(1 << 20)),
        memories::trials("hot-crowded", hot(8 << 10)),
        memories::trials("hot-without-room", hot(0)),
    ])
}
