use crate::StoreError;
use async_trait::async_trait;

/// What a store says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The product and its version, such as `PostgreSQL 15.8`.
    pub product: String,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, such as `migrations` or `indexes`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, and what to do when it is not as it should be. Never a secret or a person's text.
    pub told: String,
}

/// A store that can be asked how it is; for `palavra doctor`.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Asks the store. Nothing is changed.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be reached.
    async fn inspect(&self) -> Result<Inspection, StoreError>;
}
