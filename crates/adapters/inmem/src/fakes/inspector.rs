//! Looks keys up nowhere.

use super::{Mood, mood::consult};
use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{
    ApiKey, ModelError,
    ports::{ApiKeyInspector, KeyStatus},
};
use std::sync::Mutex;

/// Says the same of every key, until it is told to say something else.
pub struct StaticKeyInspector {
    status: Mutex<KeyStatus>,
    mood: Mutex<Mood>,
    inspected: Mutex<Vec<ApiKey>>,
}

impl StaticKeyInspector {
    /// Says this of every key.
    #[must_use]
    pub fn new(status: KeyStatus) -> Self {
        Self { status: Mutex::new(status), mood: Mutex::new(Mood::Works), inspected: Mutex::default() }
    }

    /// Says this from now on.
    pub fn set(&self, status: KeyStatus) {
        *locked(&self.status) = status;
    }

    /// What happens from now on.
    pub fn set_mood(&self, mood: Mood) {
        *locked(&self.mood) = mood;
    }

    /// The keys it was asked about, oldest first.
    #[must_use]
    pub fn inspected(&self) -> Vec<ApiKey> {
        locked(&self.inspected).clone()
    }
}

#[async_trait]
impl ApiKeyInspector for StaticKeyInspector {
    async fn inspect(&self, key: &ApiKey) -> Result<KeyStatus, ModelError> {
        locked(&self.inspected).push(key.clone());
        consult(&self.mood).await?;
        Ok(*locked(&self.status))
    }
}
