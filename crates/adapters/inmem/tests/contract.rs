//! Every contract suite, on what is in memory and on the fakes.

use palavra_contracts::{
    Fixture, Make, archive, cache, chats, feed, limits, make, memories, passwords, run, sessions, tables, tokens,
    users, vault,
};
use palavra_domain::EmbeddingSpace;
use palavra_inmem::{
    InMemoryChatRepository, InMemoryMemoryRepository, InMemoryMemoryTables, InMemorySessionStore,
    InMemoryUserRepository, InProcessTurnFeed, MokaCache, TokenBuckets,
    fakes::{PlainHasher, PlainTokens, PlainVault},
};
use std::{process::ExitCode, sync::Arc};

/// Makes a fresh one for each case; nothing here needs anything around it.
fn fresh<T: ?Sized + Send + Sync + 'static>(adapter: fn() -> Arc<T>) -> Make<T> {
    make(move || async move { Fixture::new(adapter(), ()) })
}

fn space() -> EmbeddingSpace {
    EmbeddingSpace { model: "words".into(), dimensions: 4 }
}

fn main() -> ExitCode {
    run([
        users::trials("inmem", fresh(|| Arc::new(InMemoryUserRepository::new()))),
        sessions::trials("inmem", fresh(|| Arc::new(InMemorySessionStore::new()))),
        chats::trials("inmem", fresh(|| Arc::new(InMemoryChatRepository::new()))),
        memories::trials("inmem", fresh(|| Arc::new(InMemoryMemoryRepository::new(space())))),
        archive::users::trials("inmem", fresh(|| Arc::new(InMemoryUserRepository::new()))),
        archive::chats::trials("inmem", fresh(|| Arc::new(InMemoryChatRepository::new()))),
        archive::memories::trials("inmem", fresh(|| Arc::new(InMemoryMemoryRepository::new(space())))),
        tables::trials("inmem", fresh(|| Arc::new(InMemoryMemoryTables::new()))),
        cache::trials("moka", fresh(|| Arc::new(MokaCache::new(16 << 20)))),
        limits::trials("inmem", fresh(|| Arc::new(TokenBuckets::new()))),
        feed::trials("inmem", fresh(|| Arc::new(InProcessTurnFeed::new()))),
        vault::trials("plain", fresh(|| Arc::new(PlainVault::new()))),
        passwords::trials("plain", fresh(|| Arc::new(PlainHasher::new()))),
        tokens::trials("plain", fresh(|| Arc::new(PlainTokens::default()))),
    ])
}
