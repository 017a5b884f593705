//! Memories in LanceDB, embedded: a folder of files or a bucket, no server.
//!
//! [`LanceDbMemoryRepository`] keeps one table, whose vectors are all of one embedding space; the space is written into the
//! table's schema, and a table of another space is refused when it is opened. [`LanceDbMemoryTables`] knows which of several
//! tables is served from: the first is `memories`, later ones have a number. A table that an earlier
//! release made is brought to the present layout then.
//!
//! - Writes go through one task, which commits what is queued together: every commit makes a version and a file, so a
//!   burst of single writes has to become few of them.
//! - Reads filter by user first (a B-tree index), and search compares with every one of the user's vectors: exact, and
//!   quick for the thousands of memories that a user has.
//! - A change of several memories, and a deletion with all that goes with it, is one commit. What is left of a deleted
//!   memory is a row without its text and its vector.
//! - A second task merges small files, brings the indexes up to date and removes old versions, and with them the bytes of
//!   what was deleted or replaced. Updates and deletions wait for a merge; appends do not.
//! - Any number of processes may share a table, in a folder or on object storage (feature `s3`): commits are optimistic,
//!   and those that do not go together are done again.

mod archive;
mod changes;
mod commits;
mod errors;
mod filters;
mod inspect;
mod layouts;
mod leftovers;
mod lineage;
mod maintenance;
mod open;
mod options;
mod presence;
mod reads;
mod repository;
mod rows;
mod s3;
mod schema;
mod shared;
mod tables;
mod writer;

pub use options::{LanceDbOptions, OpenError};
pub use repository::LanceDbMemoryRepository;
pub use s3::S3Options;
pub use tables::LanceDbMemoryTables;
