//! The driver's errors as the ports' errors.

use deadpool_redis::redis::RedisError;
use palavra_domain::StoreError;

/// A cache can be done without whatever Redis says: loading, out of memory, read-only and unreachable are all one.
pub(crate) fn unavailable(error: RedisError) -> StoreError {
    StoreError::Unavailable { source: error.into() }
}

pub(crate) fn too_slow() -> StoreError {
    StoreError::Unavailable { source: "Redis did not answer within the time allowed".into() }
}

pub(crate) fn resting() -> StoreError {
    StoreError::Unavailable { source: "Redis did not answer a moment ago".into() }
}
