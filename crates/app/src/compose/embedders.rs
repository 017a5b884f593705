//! What embeds: as the settings say, and for tables that are embedded otherwise.

use crate::settings::{Embeddings, Settings};
use anyhow::{Context, Result, anyhow};
use palavra_application::decorators::{RetriedEmbedder, RetryPolicy};
use palavra_domain::{ApiKey, EmbeddedBy, EmbeddingSpace, SpaceTable, ports::Embedder};
use palavra_openrouter::{EmbeddingServerConfig, OpenRouterClient, OpenRouterEmbedder};
use std::{sync::Arc, time::Duration};

/// Makes embedders.
#[derive(Clone)]
pub(crate) struct Embedders {
    settings: Embeddings,
    openrouter: OpenRouterClient,
    connect_timeout: Duration,
    timeout: Duration,
}

impl Embedders {
    pub(crate) fn new(settings: &Settings, openrouter: &OpenRouterClient) -> Self {
        Self {
            settings: settings.embeddings.clone(),
            openrouter: openrouter.clone(),
            connect_timeout: settings.openrouter.connect_timeout,
            timeout: settings.openrouter.request_timeout,
        }
    }

    /// What the settings name.
    pub(crate) fn of_settings(&self) -> Result<Arc<dyn Embedder>> {
        self.make(&self.settings.by(), self.settings.space()).context("correct the settings under [embeddings]")
    }

    /// What embeds for a table; may block.
    pub(crate) fn of_table(&self, table: &SpaceTable) -> Result<Arc<dyn Embedder>> {
        match &table.embedding {
            Some(embedding) if table.space != self.settings.space() => self.make(&embedding.by, table.space.clone()),
            // The settings know more: where it is now, and its key.
            Some(_) | None => self.of_settings(),
        }
    }

    fn make(&self, by: &EmbeddedBy, space: EmbeddingSpace) -> Result<Arc<dyn Embedder>> {
        let embedder: Arc<dyn Embedder> = match by {
            EmbeddedBy::OpenRouter => {
                Arc::new(OpenRouterEmbedder::with_user_key(&self.openrouter, space, self.timeout))
            }
            EmbeddedBy::Server { base_url } => {
                let config = EmbeddingServerConfig {
                    base_url: base_url.clone(),
                    key: self.key_for(base_url)?,
                    connect_timeout: self.connect_timeout,
                };
                Arc::new(OpenRouterEmbedder::elsewhere(config, space, self.timeout)?)
            }
            EmbeddedBy::Local { folder } => local(folder, space)?,
        };
        Ok(Arc::new(RetriedEmbedder::new(embedder, RetryPolicy::default())))
    }

    /// The key of the settings, for the server that the settings name and no other.
    fn key_for(&self, base_url: &str) -> Result<Option<ApiKey>> {
        let key = self.settings.api_key.as_str();
        if key.is_empty() || base_url != self.settings.base_url {
            return Ok(None);
        }
        let key = ApiKey::parse(key.to_owned());
        Ok(Some(key.map_err(|_| {
            anyhow!("embeddings.api_key cannot stand in a header: correct PALAVRA__EMBEDDINGS__API_KEY")
        })?))
    }
}

#[cfg(feature = "local")]
fn local(folder: &str, space: EmbeddingSpace) -> Result<Arc<dyn Embedder>> {
    let options = palavra_candle::CandleOptions {
        name: Some(space.model),
        dimensions: Some(space.dimensions),
        ..palavra_candle::CandleOptions::new(folder)
    };
    Ok(Arc::new(palavra_candle::CandleEmbedder::open(options)?))
}

#[cfg(not(feature = "local"))]
fn local(_folder: &str, _space: EmbeddingSpace) -> Result<Arc<dyn Embedder>> {
    Err(anyhow!("this binary was built without embeddings in process"))
}
