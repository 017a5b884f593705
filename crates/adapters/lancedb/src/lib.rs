//! Memories in LanceDB, embedded: a folder of files, no server.
//!
//! [`LanceDbMemoryRepository`] keeps one table, `memories`, whose vectors are all of one embedding space; the space is
//! written into the table's schema, and a table of another space is refused when it is opened.
//!
//! - Writes go through one task, which commits what is queued together: every commit makes a version and a file, so a
//!   burst of single writes has to become few of them.
//! - Reads filter by user first (a B-tree index), and search compares with every one of the user's vectors: exact, and
//!   quick for the thousands of memories that a user has.
//! - A second task merges small files, brings the indexes up to date and removes old versions, and with them the bytes of
//!   what was deleted or replaced. Updates and deletions wait for a merge; appends do not.

mod errors;
mod filters;
mod maintenance;
mod open;
mod options;
mod presence;
mod reads;
mod repository;
mod rows;
mod schema;
mod writer;

pub use options::{LanceDbOptions, OpenError};
pub use repository::LanceDbMemoryRepository;
