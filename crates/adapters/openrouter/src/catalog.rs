//! The catalogue of models.

use crate::{
    OpenRouterClient,
    decode::{json, money},
    redact::Redactor,
    transport::{fetch, malformed},
};
use async_trait::async_trait;
use moka::{Expiry, future::Cache};
use palavra_domain::{ModelError, ModelId, ModelInfo, Usd, ports::ModelCatalog};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long an old list is served before another attempt to load a new one.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Suffixes that choose among the endpoints of a model; the catalogue has the model without them.
const ROUTING: [&str; 4] = [":nitro", ":floor", ":exacto", ":online"];

/// The models of OpenRouter. The list is loaded when it is first asked for and again when it has become too old; those who
/// ask meanwhile wait for the same load. When a load fails, the old list is served, if there is one.
#[derive(Clone)]
pub struct OpenRouterCatalog {
    client: OpenRouterClient,
    cache: Cache<(), Loaded>,
    last: Arc<Mutex<Option<Arc<Vec<ModelInfo>>>>>,
}

#[derive(Clone)]
struct Loaded {
    models: Arc<Vec<ModelInfo>>,
    good_for: Duration,
}

struct GoodFor;

impl Expiry<(), Loaded> for GoodFor {
    fn expire_after_create(&self, _key: &(), loaded: &Loaded, _created_at: Instant) -> Option<Duration> {
        Some(loaded.good_for)
    }

    fn expire_after_update(
        &self,
        _key: &(),
        loaded: &Loaded,
        _updated_at: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(loaded.good_for)
    }
}

impl std::fmt::Debug for OpenRouterCatalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenRouterCatalog").field("client", &self.client).finish_non_exhaustive()
    }
}

impl OpenRouterCatalog {
    /// A catalogue that is loaded through this client, without any key.
    #[must_use]
    pub fn new(client: OpenRouterClient) -> Self {
        let cache = Cache::builder().max_capacity(1).expire_after(GoodFor).build();
        Self { client, cache, last: Arc::default() }
    }

    async fn load(&self) -> Result<Loaded, ModelError> {
        let config = &self.client.config;
        match self.fetch().await {
            Ok(models) => {
                let models = Arc::new(models);
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&models));
                Ok(Loaded { models, good_for: config.catalogue_ttl })
            }
            Err(error) => {
                let old = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let Some(models) = old else { return Err(error) };
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the catalogue is old, and a new one cannot be loaded"
                );
                Ok(Loaded { models, good_for: AFTER_FAILURE.min(config.catalogue_ttl) })
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<ModelInfo>, ModelError> {
        let config = &self.client.config;
        let redactor = Redactor::new(None);
        let call = self.client.upstream.request(Method::GET, "/models", None)?;
        let body = fetch(call, config.lookup_timeout, config.catalogue_max_bytes, &redactor).await;
        read(&body.map_err(without_model)?)
    }
}

/// Here a 404 says that the route is missing, not a model.
fn without_model(error: ModelError) -> ModelError {
    match error {
        ModelError::ModelNotFound => {
            ModelError::Rejected { status: 404, reason: "the server has no catalogue of models".to_owned() }
        }
        other => other,
    }
}

#[async_trait]
impl ModelCatalog for OpenRouterCatalog {
    async fn models(&self) -> Result<Arc<Vec<ModelInfo>>, ModelError> {
        let loaded = self.cache.try_get_with((), self.load()).await;
        loaded.map(|loaded| loaded.models).map_err(|error| share(&error))
    }

    async fn find(&self, id: &ModelId) -> Result<Option<ModelInfo>, ModelError> {
        let models = self.models().await?;
        let named = |name: &str| models.iter().find(|model| model.id.as_str() == name).cloned();
        if let Some(model) = named(id.as_str()) {
            return Ok(Some(model));
        }
        let base = ROUTING.iter().find_map(|suffix| id.as_str().strip_suffix(suffix));
        Ok(base.and_then(named).map(|model| ModelInfo { id: id.clone(), ..model }))
    }
}

/// The same error for each of those who waited for one load.
fn share(error: &ModelError) -> ModelError {
    match error {
        ModelError::RateLimited { retry_after } => ModelError::RateLimited { retry_after: *retry_after },
        ModelError::ContextTooLong => ModelError::ContextTooLong,
        ModelError::Refused => ModelError::Refused,
        ModelError::Credentials => ModelError::Credentials,
        ModelError::OutOfCredits => ModelError::OutOfCredits,
        ModelError::ModelNotFound => ModelError::ModelNotFound,
        ModelError::Rejected { status, reason } => ModelError::Rejected { status: *status, reason: reason.clone() },
        ModelError::Timeout => ModelError::Timeout,
        ModelError::Unavailable { retry_after, source } => {
            ModelError::Unavailable { retry_after: *retry_after, source: source.to_string().into() }
        }
        ModelError::Malformed { source } => malformed(source.to_string()),
        ModelError::Interrupted => ModelError::Interrupted,
    }
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    id: String,
    name: Option<String>,
    context_length: Option<u64>,
    #[serde(borrow)]
    pricing: Option<Pricing<'a>>,
    top_provider: Option<TopProvider>,
    supported_parameters: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Pricing<'a> {
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    completion: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TopProvider {
    context_length: Option<u64>,
    max_completion_tokens: Option<u64>,
}

/// Reads the list. A model that cannot be read is left out.
fn read(body: &[u8]) -> Result<Vec<ModelInfo>, ModelError> {
    let list: List<'_> = json(body, &Redactor::new(None))?;
    let entries = list.data.len();
    let models: Vec<ModelInfo> = list.data.into_iter().filter_map(model).collect();
    if models.len() < entries {
        tracing::debug!(left_out = entries - models.len(), "some models of the catalogue cannot be read");
    }
    Ok(models)
}

fn model(raw: &RawValue) -> Option<ModelInfo> {
    let entry: Entry<'_> = serde_json::from_str(raw.get()).ok()?;
    let id = ModelId::parse(entry.id).ok()?;
    let tokens = |count: Option<u64>| count.filter(|count| *count > 0).and_then(|count| u32::try_from(count).ok());
    let top = entry.top_provider.as_ref();
    // The endpoint that serves it may have a smaller window than the model.
    let lengths = [tokens(entry.context_length), tokens(top.and_then(|top| top.context_length))];
    let pricing = entry.pricing.as_ref();
    Some(ModelInfo {
        name: entry.name.filter(|name| !name.is_empty()).unwrap_or_else(|| id.as_str().to_owned()),
        id,
        context_length: lengths.into_iter().flatten().min(),
        max_completion_tokens: tokens(top.and_then(|top| top.max_completion_tokens)),
        prompt_price: pricing.and_then(|pricing| price(pricing.prompt?)),
        completion_price: pricing.and_then(|pricing| price(pricing.completion?)),
        structured_outputs: entry
            .supported_parameters
            .is_some_and(|all| all.iter().any(|name| name == "structured_outputs")),
    })
}

/// A price. A negative one says that it varies.
fn price(value: &RawValue) -> Option<Usd> {
    if value.get().trim_start_matches('"').starts_with('-') { None } else { money("a price", value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_read_leniently() {
        let body = br#"{"data":[
            {"id":"a/b","name":"A","context_length":8000,"top_provider":{"context_length":4000,"max_completion_tokens":null},
             "pricing":{"prompt":"0.0000025","completion":"-1"},"supported_parameters":["structured_outputs"],"new":{}},
            {"id":"bare"}, {"name":"no id"}, {"id":"has space "}, 7,
            {"id":"free","pricing":{"prompt":"0","completion":0},"context_length":0,"supported_parameters":["response_format"]}
        ]}"#;
        let models = read(body).unwrap();
        assert_eq!(models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["a/b", "bare", "free"]);
        let text = |price: Option<Usd>| price.map(|price| price.to_string());
        assert_eq!(text(models[0].prompt_price).as_deref(), Some("0.0000025"));
        assert_eq!((models[0].completion_price, models[0].context_length), (None, Some(4000)));
        assert!(models[0].structured_outputs && !models[2].structured_outputs);
        assert_eq!((models[1].name.as_str(), models[1].prompt_price, models[1].context_length), ("bare", None, None));
        assert_eq!((models[2].prompt_price, models[2].context_length), (Some(Usd::ZERO), None));
        assert!(matches!(read(b"{}"), Err(ModelError::Malformed { .. })));
    }
}
