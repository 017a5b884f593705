//! The contract suites, and what only this adapter promises, on a real server: `TEST_POSTGRES_URL` names it, as a superuser
//! or somebody who may make roles, databases and schemas.
// Without the standard harness Clippy does not see that this is a test.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first broken promise")]

mod own;

use own::namespace::Namespace;
use palavra_contracts::{Fixture, Make, archive, ignored, make, run, server, sessions, users};
use palavra_domain::ports::{SessionStore, UserArchive, UserRepository};
use palavra_postgres::PostgresStore;
use std::{process::ExitCode, sync::Arc};

/// Makes a port of a new schema for each case.
fn fresh<T: ?Sized + 'static>(url: &str, port: fn(&PostgresStore) -> Arc<T>) -> Make<T>
where
    Arc<T>: Send,
{
    let url = url.to_owned();
    make(move || {
        let namespace = Namespace::new(&url);
        async move { Fixture::new(port(&namespace.open().await), namespace) }
    })
}

fn main() -> ExitCode {
    let url = server("postgres", "TEST_POSTGRES_URL");
    let at = url.clone().unwrap_or_default();
    let suites = [
        users::trials("postgres", fresh(&at, |store| Arc::new(store.users()) as Arc<dyn UserRepository>)),
        sessions::trials("postgres", fresh(&at, |store| Arc::new(store.sessions()) as Arc<dyn SessionStore>)),
        archive::users::trials("postgres", fresh(&at, |store| Arc::new(store.users()) as Arc<dyn UserArchive>)),
        own::trials(&at),
    ];
    run(suites.map(|suite| if url.is_some() { suite } else { ignored(suite) }))
}
