//! The decorators of repositories keep to the contracts of what they wrap.
use palavra_application::decorators::{CachedSessionStore, CachedUserRepository, HotMemoryRepository};
use palavra_contracts::{Fixture, make, memories, run, sessions, users};
use palavra_domain::{
    EmbeddingSpace,
    ports::{MemoryRepository, SessionStore, UserRepository},
};
use palavra_inmem::{InMemoryMemoryRepository, InMemorySessionStore, InMemoryUserRepository, MokaCache};
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
    // With room for all, for a few, and for nobody.
    let hot = |room: usize| {
        make(move || async move {
            let space = EmbeddingSpace { model: "words".into(), dimensions: 4 };
            let inner = Arc::new(InMemoryMemoryRepository::new(space));
            Fixture::new(Arc::new(HotMemoryRepository::new(inner, room)) as Arc<dyn MemoryRepository>, ())
        })
    };
    run([
        users::trials("cached", cached_users),
        sessions::trials("cached", cached_sessions),
        memories::trials("hot", hot(1 << 20)),
        memories::trials("hot-crowded", hot(8 << 10)),
        memories::trials("hot-without-room", hot(0)),
    ])
}
