//! Users, sessions and chats in one SQLite file.
//!
//! [`SqliteStore::open`] migrates the file and gives the three ports. Each keeps to its own tables, so that any of them can be
//! served by another store.
//!
//! - **Writes** go to one thread with the one connection that writes. It takes what is queued, runs each operation in a
//!   savepoint, and commits the group at once: one sync to disk serves many callers, and each is answered after it. An
//!   operation runs as one unit there, so a caller that goes away leaves no half write.
//! - **Reads** have connections of their own, which see the last commit and never wait for a write (WAL).
//! - **Waiting** is bounded everywhere by [`SqliteOptions::timeout`]; what is over it is `StoreError::Unavailable`.
//! - **A row that cannot be read** is logged with its id. Finding it is `StoreError::Corrupt`; lists leave it out.

mod chats;
mod columns;
mod database;
mod errors;
mod inspect;
mod migrate;
mod open;
mod options;
#[cfg(test)]
mod plans;
mod readers;
mod schema;
mod sessions;
mod users;
mod writer;

pub use chats::SqliteChatRepository;
pub use database::SqliteStore;
pub use open::OpenError;
pub use options::{SqliteOptions, Synchronous};
pub use sessions::SqliteSessionStore;
pub use users::SqliteUserRepository;
