//! Implementations of a port over another implementation of it.

mod cached;
mod retried;

pub use cached::{CachedSessionStore, CachedUserRepository};
pub use retried::{RetriedChatModel, RetriedEmbedder, RetryPolicy};
