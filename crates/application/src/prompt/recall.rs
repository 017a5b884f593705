//! What is remembered that bears on a prompt.

use crate::policy::{Policy, Ports};
use palavra_domain::{ApiKey, EmbedAs, ModelError, RecalledMemory, StoreError, User};
use std::error::Error;
use thiserror::Error;
use tracing::Instrument as _;

/// The most characters of a prompt that are embedded: embedding models take some hundreds to some thousands of tokens.
const EMBED_MAX_CHARS: usize = 8_000;

#[derive(Debug, Error)]
enum RecallError {
    #[error("the memories could not be searched")]
    Store(#[from] StoreError),
    #[error("the prompt could not be embedded")]
    Model(#[from] ModelError),
}

/// The user's memories nearest to the prompt, nearest first. Fails open: no memory is better than no answer.
#[tracing::instrument(name = "prompt.recall", level = "debug", skip_all)]
pub(super) async fn recall(
    ports: &Ports,
    policy: &Policy,
    user: &User,
    key: &ApiKey,
    prompt: &str,
) -> Vec<RecalledMemory> {
    if !user.memory_enabled {
        return Vec::new();
    }
    let failed = |reason: &'static str, error: &(dyn Error + 'static)| {
        metrics::counter!("palavra_recall_failures_total", "reason" => reason).increment(1);
        tracing::warn!(error, user = %user.id, "a prompt goes without its memories");
        Vec::new()
    };
    match tokio::time::timeout(policy.memory.recall_timeout, nearest(ports, policy, user, key, prompt)).await {
        Ok(Ok(memories)) => memories,
        Ok(Err(error)) => failed("error", &error),
        Err(elapsed) => failed("timeout", &elapsed),
    }
}

async fn nearest(
    ports: &Ports,
    policy: &Policy,
    user: &User,
    key: &ApiKey,
    prompt: &str,
) -> Result<Vec<RecalledMemory>, RecallError> {
    if !ports.memories.has_any(user.id).await? {
        return Ok(Vec::new());
    }
    let key = ports.embedder.needs_user_key().then_some(key);
    let text: String = prompt.chars().take(EMBED_MAX_CHARS).collect();
    let embedding = tracing::debug_span!("prompt.embed");
    let embeddings = ports.embedder.embed(key, &[text], EmbedAs::Query).instrument(embedding).await?;
    let Some(vector) = embeddings.vectors.first() else {
        return Err(ModelError::Malformed { source: "the answer holds no vector".into() }.into());
    };
    let found = ports.memories.search(user.id, vector, policy.memory.recall_limit, policy.memory.min_score).await?;
    let recalled = found.into_iter().map(|found| RecalledMemory {
        id: found.memory.id,
        text: found.memory.text,
        score: found.score,
    });
    Ok(recalled.collect())
}
