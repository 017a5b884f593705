//! The contract suites of the three ports over SQLite, and what is SQLite's own.
// Without the standard harness Clippy does not see that this is a test.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first broken promise")]

mod own;

use palavra_contracts::{Fixture, Make, archive, chats, make, run, sessions, users};
use palavra_domain::ports::{ChatArchive, ChatRepository, SessionStore, UserArchive, UserRepository};
use palavra_sqlite::{SqliteOptions, SqliteStore};
use std::{path::Path, process::ExitCode, sync::Arc};

async fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join("palavra.db"), SqliteOptions::default()).await.unwrap()
}

/// Makes a port of a new file for each case.
fn fresh<T: ?Sized + 'static>(port: fn(&SqliteStore) -> Arc<T>) -> Make<T>
where
    Arc<T>: Send,
{
    make(move || async move {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        Fixture::new(port(&store), folder)
    })
}

fn main() -> ExitCode {
    run([
        users::trials("sqlite", fresh(|store| Arc::new(store.users()) as Arc<dyn UserRepository>)),
        sessions::trials("sqlite", fresh(|store| Arc::new(store.sessions()) as Arc<dyn SessionStore>)),
        chats::trials("sqlite", fresh(|store| Arc::new(store.chats()) as Arc<dyn ChatRepository>)),
        archive::users::trials("sqlite", fresh(|store| Arc::new(store.users()) as Arc<dyn UserArchive>)),
        archive::chats::trials("sqlite", fresh(|store| Arc::new(store.chats()) as Arc<dyn ChatArchive>)),
        own::trials(),
    ])
}
