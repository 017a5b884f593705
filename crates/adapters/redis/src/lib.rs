//! A cache and rate limits in Redis, for any number of instances.
//!
//! Redis holds nothing that cannot be had elsewhere, and nothing waits for it long: a call takes no longer than
//! [`RedisOptions::response_timeout`], and after a failure most calls fail at once until it answers again. What is cached of
//! users and sessions holds password hashes, sealed keys and refresh tokens' hashes: keep Redis as closed as the database
//! behind it. Nothing of it is ever logged.

mod cache;
mod errors;
mod limits;
mod options;
mod server;
mod store;

pub use cache::RedisCache;
pub use limits::RedisRateLimiter;
pub use options::{OpenError, RedisOptions};
pub use store::RedisStore;
