//! What the handlers are given.

use async_trait::async_trait;
use palavra_application::Application;
use palavra_domain::ports::IdSource;
use std::{sync::Arc, time::Duration};

/// How one store is.
#[derive(Clone, Debug)]
pub struct StoreHealth {
    /// Which, such as `users`.
    pub name: &'static str,
    /// Whether it answers.
    pub ready: bool,
}

/// Tells whether the stores answer. Bounded in time by whoever implements it.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// How each store is now.
    async fn check(&self) -> Vec<StoreHealth>;
}

/// What the deployment decided about HTTP.
#[derive(Clone, Copy, Debug)]
pub struct HttpPolicy {
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// How often a silent stream says that it is alive.
    pub heartbeat: Duration,
}

/// What the handlers are given: one value, so that none can be missing.
pub struct AppState {
    /// The use cases.
    pub app: Application,
    /// How the stores are.
    pub readiness: Arc<dyn Readiness>,
    /// Names requests.
    pub ids: Arc<dyn IdSource>,
    /// Writes the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// What the deployment decided.
    pub policy: HttpPolicy,
}
