//! Implementations of a port over another implementation of it.

mod cached;
mod fallback_limiter;
mod hot;
mod retried;

pub use cached::{CachedSessionStore, CachedUserRepository};
pub use fallback_limiter::FallbackRateLimiter;
pub use hot::HotMemoryRepository;
pub use retried::{RetriedChatModel, RetriedEmbedder, RetryPolicy};
