//! Calls to models, tried again while that can help and nothing of an answer has come.

use async_trait::async_trait;
use palavra_domain::{
    ApiKey, Completion, CompletionRequest, EmbedAs, EmbeddingSpace, Embeddings, ModelError,
    ports::{ChatModel, CompletionStream, Embedder},
};
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// How often and how long a call is tried again.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The most retries.
    pub retries: u32,
    /// No retry begins later than this after the first try.
    pub within: Duration,
    /// The longest first pause, when the provider names none; twice as long for each further one. Half of it is random.
    pub pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 2, within: Duration::from_secs(10), pause: Duration::from_millis(400) }
    }
}

impl RetryPolicy {
    async fn run<T, F, R>(&self, call: F) -> Result<T, ModelError>
    where
        F: Fn() -> R,
        R: Future<Output = Result<T, ModelError>>,
    {
        let begun = Instant::now();
        let mut tried = 0;
        loop {
            let error = match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = error.retry_after().unwrap_or_else(|| jittered(self.pause * 2_u32.pow(tried.min(10))));
            if !error.is_transient() || tried >= self.retries || begun.elapsed() + pause > self.within {
                return Err(error);
            }
            tried += 1;
            metrics::counter!("palavra_upstream_retries_total").increment(1);
            tracing::debug!(%error, tried, ?pause, "a call to a model is tried again");
            tokio::time::sleep(pause).await;
        }
    }
}

/// Between half of `longest` and all of it, so that callers who failed together do not come back together.
fn jittered(longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1000;
    longest / 2 + longest * u32::try_from(random).unwrap_or(0) / 2000
}

/// Chat models with retries. A stream that was opened is not opened again.
pub struct RetriedChatModel {
    inner: Arc<dyn ChatModel>,
    policy: RetryPolicy,
}

impl RetriedChatModel {
    /// Retries calls to `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn ChatModel>, policy: RetryPolicy) -> Self {
        Self { inner, policy }
    }
}

#[async_trait]
impl ChatModel for RetriedChatModel {
    async fn complete(&self, key: &ApiKey, request: &CompletionRequest) -> Result<Completion, ModelError> {
        self.policy.run(|| self.inner.complete(key, request)).await
    }

    async fn stream(&self, key: &ApiKey, request: &CompletionRequest) -> Result<CompletionStream, ModelError> {
        self.policy.run(|| self.inner.stream(key, request)).await
    }
}

/// An embedder with retries.
pub struct RetriedEmbedder {
    inner: Arc<dyn Embedder>,
    policy: RetryPolicy,
}

impl RetriedEmbedder {
    /// Retries calls to `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Embedder>, policy: RetryPolicy) -> Self {
        Self { inner, policy }
    }
}

#[async_trait]
impl Embedder for RetriedEmbedder {
    fn space(&self) -> &EmbeddingSpace {
        self.inner.space()
    }

    fn needs_user_key(&self) -> bool {
        self.inner.needs_user_key()
    }

    async fn embed(&self, key: Option<&ApiKey>, texts: &[String], side: EmbedAs) -> Result<Embeddings, ModelError> {
        self.policy.run(|| self.inner.embed(key, texts, side)).await
    }
}
