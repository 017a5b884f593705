use crate::Timestamp;
use uuid::Uuid;

/// The time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// New identifiers.
pub trait IdSource: Send + Sync {
    /// A UUID of version 7: later ones are greater.
    fn next(&self) -> Uuid;
}
