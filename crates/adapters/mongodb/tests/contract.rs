//! The contract suites of the chats' port over MongoDB, and what is MongoDB's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod own;

use mongodb::Client;
use palavra_contracts::{Fixture, Make, archive, chats, ignored, make, run, server};
use palavra_domain::ports::{ChatArchive, ChatRepository};
use palavra_mongodb::{MongoOptions, MongoStore};
use std::{process::ExitCode, sync::Arc, time::Duration};

/// A database of nobody else, and more patience than users have.
pub(crate) fn options(url: &str) -> MongoOptions {
    MongoOptions {
        database: format!("palavra_test_{}", uuid::Uuid::new_v4().simple()),
        timeout: Duration::from_secs(60),
        ..MongoOptions::new(url)
    }
}

/// Drops the database at the end of a case.
pub(crate) struct Dropped {
    url: String,
    database: String,
}

impl Dropped {
    pub(crate) fn new(url: &str, options: &MongoOptions) -> Self {
        Self { url: url.to_owned(), database: options.database.clone() }
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let (url, database) = (self.url.clone(), self.database.clone());
        // A runtime of its own: this is dropped inside of one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                Client::with_uri_str(url).await.unwrap().database(&database).drop().await.unwrap();
            });
        });
        dropping.join().unwrap();
    }
}

fn fresh<T: ?Sized + Send + Sync + 'static>(url: &str, port: fn(&MongoStore) -> Arc<T>) -> Make<T> {
    let url = url.to_owned();
    make(move || {
        let url = url.clone();
        async move {
            let options = options(&url);
            let dropped = Dropped::new(&url, &options);
            Fixture::new(port(&MongoStore::open(options).await.unwrap()), dropped)
        }
    })
}

fn main() -> ExitCode {
    let url = server("mongodb", "TEST_MONGODB_URL");
    let suites = |url: &str| {
        [
            chats::trials("mongodb", fresh(url, |store| Arc::new(store.chats()) as Arc<dyn ChatRepository>)),
            archive::chats::trials("mongodb", fresh(url, |store| Arc::new(store.chats()) as Arc<dyn ChatArchive>)),
            own::trials(url),
        ]
    };
    match url {
        Some(url) => run(suites(&url)),
        None => run(suites("mongodb://127.0.0.1:1").map(ignored)),
    }
}
