//! What is remembered that bears on a prompt.

use crate::{
    EMBED_MAX_CHARS,
    policy::{Policy, Ports},
};
use palavra_domain::{
    ApiKey, EmbedAs, ModelError, RecalledMemory, User,
    recall::{MemoryIndex, Sought},
};
use std::error::Error;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

/// The user's memories that bear on the prompt, the best first. Fails open: no memory is better than no answer, and a prompt
/// that cannot be embedded is looked for by its words alone.
#[tracing::instrument(name = "prompt.recall", level = "debug", skip_all)]
pub(super) async fn recall(
    ports: &Ports,
    policy: &Policy,
    user: &User,
    key: &ApiKey,
    prompt: &str,
) -> Vec<RecalledMemory> {
    // Whoever never had a memory has none.
    if user.memory_version == 0 {
        return Vec::new();
    }
    let failed = |reason: &'static str, error: &(dyn Error + 'static)| {
        metrics::counter!("palavra_recall_failures_total", "reason" => reason).increment(1);
        tracing::warn!(error, user = %user.id, "a prompt goes without its memories");
    };
    let deadline = Instant::now() + policy.memory.recall_timeout;
    let index = match timeout_at(deadline, ports.memories.index(user.id, user.memory_version)).await {
        Ok(Ok(index)) => index,
        Ok(Err(error)) => {
            failed("store", &error);
            return Vec::new();
        }
        Err(elapsed) => {
            failed("timeout", &elapsed);
            return Vec::new();
        }
    };
    if index.is_empty() {
        return Vec::new();
    }
    let embedding = tracing::debug_span!("prompt.embed");
    let vector = match timeout_at(deadline, embedded(ports, key, prompt).instrument(embedding)).await {
        Ok(Ok(vector)) => Some(vector),
        Ok(Err(error)) => {
            failed("embedding", &error);
            None
        }
        Err(elapsed) => {
            failed("embedding_timeout", &elapsed);
            None
        }
    };
    found(&index, policy, &Sought { text: prompt, vector: vector.as_deref(), now: ports.clock.now() })
}

async fn embedded(ports: &Ports, key: &ApiKey, prompt: &str) -> Result<Vec<f32>, ModelError> {
    let key = ports.embedder.needs_user_key().then_some(key);
    let text: String = prompt.chars().take(EMBED_MAX_CHARS).collect();
    let embeddings = ports.embedder.embed(key, &[text], EmbedAs::Query).await?;
    embeddings
        .vectors
        .into_iter()
        .next()
        .ok_or_else(|| ModelError::Malformed { source: "the answer holds no vector".into() })
}

fn found(index: &MemoryIndex, policy: &Policy, sought: &Sought<'_>) -> Vec<RecalledMemory> {
    let candidates = index.search(sought, &policy.memory.recall);
    let recalled = candidates.into_iter().map(|candidate| RecalledMemory {
        id: candidate.memory.id,
        text: candidate.memory.text,
        score: candidate.similarity.unwrap_or_default(),
    });
    recalled.collect()
}
