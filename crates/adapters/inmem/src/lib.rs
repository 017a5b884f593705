//! Every port in memory.
//!
//! [`MokaCache`], [`TokenBuckets`] and [`InProcessTurnFeed`] are what a server of one process uses. The repositories
//! ([`InMemoryChatRepository`] and the others) are for tests: they keep to the contracts of their ports, and forget all
//! when they are dropped. [`fakes`] answers in place of models, clocks and cryptography.
//!
//! The repositories do their work between two polls, under a lock that is never held across an await: a call that is
//! dropped has done everything or nothing.

mod cache;
mod chats;
pub mod fakes;
mod feed;
mod limits;
mod locked;
mod memories;
mod sessions;
mod tables;
mod users;

pub use cache::MokaCache;
pub use chats::InMemoryChatRepository;
pub use feed::InProcessTurnFeed;
pub use limits::TokenBuckets;
pub use memories::InMemoryMemoryRepository;
pub use sessions::InMemorySessionStore;
pub use tables::InMemoryMemoryTables;
pub use users::InMemoryUserRepository;
