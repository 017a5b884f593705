//! A catalogue that says what it was told.

use super::{Mood, mood::consult};
use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{ModelError, ModelId, ModelInfo, ports::ModelCatalog};
use std::sync::{Arc, Mutex};

/// A model of a catalogue: it takes `context_length` tokens, enforces JSON schemas, and its price is not known.
#[must_use]
pub fn model_info(id: ModelId, context_length: Option<u32>) -> ModelInfo {
    ModelInfo {
        name: id.as_str().to_owned(),
        id,
        context_length,
        max_completion_tokens: None,
        prompt_price: None,
        completion_price: None,
        structured_outputs: true,
    }
}

/// A list of models.
pub struct StaticModelCatalog {
    models: Mutex<Arc<Vec<ModelInfo>>>,
    mood: Mutex<Mood>,
}

impl StaticModelCatalog {
    /// A catalogue of these models.
    #[must_use]
    pub fn new(models: Vec<ModelInfo>) -> Self {
        Self { models: Mutex::new(Arc::new(models)), mood: Mutex::new(Mood::Works) }
    }

    /// Puts other models in their place.
    pub fn set(&self, models: Vec<ModelInfo>) {
        *locked(&self.models) = Arc::new(models);
    }

    /// What happens from now on.
    pub fn set_mood(&self, mood: Mood) {
        *locked(&self.mood) = mood;
    }
}

#[async_trait]
impl ModelCatalog for StaticModelCatalog {
    async fn models(&self) -> Result<Arc<Vec<ModelInfo>>, ModelError> {
        consult(&self.mood).await?;
        Ok(Arc::clone(&locked(&self.models)))
    }

    async fn find(&self, id: &ModelId) -> Result<Option<ModelInfo>, ModelError> {
        Ok(self.models().await?.iter().find(|model| model.id == *id).cloned())
    }
}
