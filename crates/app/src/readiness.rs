//! Whether the stores answer.

use async_trait::async_trait;
use futures::FutureExt;
use palavra_application::Ports;
use palavra_domain::{ChatId, SessionId, StoreError, UserId};
use palavra_http::{Readiness, StoreHealth};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// How long a store may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The stores, each asked for something that nobody has.
pub(crate) struct Stores(pub(crate) Arc<Ports>);

#[async_trait]
impl Readiness for Stores {
    async fn check(&self) -> Vec<StoreHealth> {
        let memories = Arc::clone(&self.0.spaces.current().memories);
        let (ports, nobody) = (&self.0, UserId::new(Uuid::nil()));
        let checks = [
            health("users", ports.users.find(nobody).map(done).boxed()),
            health("sessions", ports.sessions.find(nobody, SessionId::new(Uuid::nil())).map(done).boxed()),
            health("chats", ports.chats.find_chat(nobody, ChatId::new(Uuid::nil())).map(done).boxed()),
            health("memories", memories.list(nobody, None, 1).map(done).boxed()),
        ];
        futures::future::join_all(checks).await
    }
}

fn done<T>(result: Result<T, StoreError>) -> Result<(), StoreError> {
    result.map(|_| ())
}

async fn health(name: &'static str, answer: futures::future::BoxFuture<'_, Result<(), StoreError>>) -> StoreHealth {
    let ready = match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, store = name, "a store is not ready");
            false
        }
        Err(_elapsed) => {
            tracing::warn!(store = name, "a store does not answer in time");
            false
        }
    };
    StoreHealth { name, ready }
}
