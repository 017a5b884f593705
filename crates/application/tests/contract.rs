//! The decorators of repositories keep to the contracts of what they wrap.
use palavra_application::decorators::{CachedSessionStore, CachedUserRepository};
use palavra_contracts::{Fixture, make, run, sessions, users};
use palavra_domain::ports::{SessionStore, UserRepository};
use palavra_inmem::{InMemorySessionStore, InMemoryUserRepository, MokaCache};
use std::{process::ExitCode, sync::Arc, time::Duration};

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
    run([users::trials("cached", cached_users), sessions::trials("cached", cached_sessions)])
}
