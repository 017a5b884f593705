//! Embeddings.

use crate::{
    OpenRouterClient, SetupError,
    decode::{json, usage},
    errors::{Failure, in_answer},
    redact::Redactor,
    transport::{BODY_LIMIT, Upstream, fetch, malformed},
    wire::EmbedBody,
};
use async_trait::async_trait;
use palavra_domain::{ApiKey, EmbedAs, EmbeddingSpace, Embeddings, ModelError, Usage, ports::Embedder};
use reqwest::{Method, header::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::time::Duration;

/// A server for embeddings other than the users' OpenRouter.
#[derive(Clone, Debug)]
pub struct EmbeddingServerConfig {
    /// The address up to and without `/embeddings`.
    pub base_url: String,
    /// The deployment's own key, if the server wants one.
    pub key: Option<ApiKey>,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
}

/// Embeddings from OpenRouter or from any server that speaks the same protocol.
#[derive(Clone)]
pub struct OpenRouterEmbedder {
    upstream: Upstream,
    auth: Auth,
    space: EmbeddingSpace,
    timeout: Duration,
}

#[derive(Clone)]
enum Auth {
    /// The user's, who is asked for it with each call.
    User,
    /// The deployment's, or none.
    Own(Option<ApiKey>),
}

impl std::fmt::Debug for OpenRouterEmbedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenRouterEmbedder").field("space", &self.space).finish_non_exhaustive()
    }
}

impl OpenRouterEmbedder {
    /// Embeds at OpenRouter with the user's key. A call may take `timeout` in all.
    #[must_use]
    pub fn with_user_key(client: &OpenRouterClient, space: EmbeddingSpace, timeout: Duration) -> Self {
        Self { upstream: client.upstream.clone(), auth: Auth::User, space, timeout }
    }

    /// Embeds at another server (or at OpenRouter with a key of the deployment). It is never given a user's key.
    ///
    /// # Errors
    /// When the address cannot be used or TLS cannot be set up.
    pub fn elsewhere(
        config: EmbeddingServerConfig,
        space: EmbeddingSpace,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let upstream = Upstream::new(&config.base_url, config.connect_timeout, HeaderMap::new())?;
        Ok(Self { upstream, auth: Auth::Own(config.key), space, timeout })
    }

    /// One vector a text, in the order of the texts.
    fn vectors(&self, data: Vec<Vector>, texts: usize) -> Result<Vec<Vec<f32>>, ModelError> {
        if data.len() != texts {
            return Err(malformed(format!("{} vectors came for {texts} texts", data.len())));
        }
        let mut vectors: Vec<Option<Vec<f32>>> = vec![None; texts];
        for (place, vector) in data.into_iter().enumerate() {
            let expected = self.space.dimensions;
            let length = vector.embedding.len();
            if length != expected {
                return Err(malformed(format!(
                    "{} answers with vectors of {length} dimensions, but the setting embeddings.dimensions is {expected}",
                    self.space.model
                )));
            }
            if !vector.embedding.iter().all(|number| number.is_finite()) {
                return Err(malformed("a vector has a number that is not finite"));
            }
            let slot = vectors.get_mut(vector.index.unwrap_or(place)).filter(|slot| slot.is_none());
            *slot.ok_or_else(|| malformed("the vectors are not numbered as the texts are"))? = Some(vector.embedding);
        }
        Ok(vectors.into_iter().flatten().collect())
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    data: Option<Vec<Vector>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Vector {
    embedding: Vec<f32>,
    index: Option<usize>,
}

/// The user is not told that a key was refused which is not the user's.
fn not_the_users(error: ModelError) -> ModelError {
    let status = match error {
        ModelError::Credentials => 401,
        ModelError::OutOfCredits => 402,
        other => return other,
    };
    let reason = "the embedding server did not accept the deployment's key (embeddings.api_key)".to_owned();
    ModelError::Rejected { status, reason }
}

#[async_trait]
impl Embedder for OpenRouterEmbedder {
    fn space(&self) -> &EmbeddingSpace {
        &self.space
    }

    fn needs_user_key(&self) -> bool {
        matches!(self.auth, Auth::User)
    }

    async fn embed(&self, key: Option<&ApiKey>, texts: &[String], side: EmbedAs) -> Result<Embeddings, ModelError> {
        let key = match &self.auth {
            Auth::User => Some(key.ok_or(ModelError::Credentials)?),
            Auth::Own(own) => own.as_ref(),
        };
        if texts.is_empty() {
            return Ok(Embeddings { vectors: Vec::new(), usage: Usage::default() });
        }
        let redactor = Redactor::new(key);
        let body = EmbedBody::new(&self.space.model, self.space.dimensions, texts, side);
        let call = self.upstream.request(Method::POST, "/embeddings", key)?.json(&body);
        let mine = |error| if self.needs_user_key() { error } else { not_the_users(error) };
        let body = fetch(call, self.timeout, BODY_LIMIT, &redactor).await.map_err(mine)?;
        let answer: Answer<'_> = json(&body, &redactor)?;
        if let Some(error) = &answer.error {
            return Err(mine(in_answer(&Failure::of(error), false, &redactor)));
        }
        let data = answer.data.ok_or_else(|| malformed("the answer has no data"))?;
        Ok(Embeddings { vectors: self.vectors(data, texts.len())?, usage: usage(answer.usage) })
    }
}
