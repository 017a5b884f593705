//! What is remembered that bears on a prompt.

use crate::{
    EMBED_MAX_CHARS,
    policy::{Policy, Ports},
};
use palavra_domain::{
    ApiKey, EmbedAs, RecalledMemory, User,
    recall::{MemoryIndex, Rules, Sought},
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
    let space = ports.spaces.current();
    let index = match timeout_at(deadline, space.memories.index(user.id, user.memory_version)).await {
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
    let text: String = prompt.chars().take(EMBED_MAX_CHARS).collect();
    let embedding = space.embed_one(Some(key), text, EmbedAs::Query).instrument(tracing::debug_span!("prompt.embed"));
    let vector = match timeout_at(deadline, embedding).await {
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
    let sought = Sought { text: prompt, vector: vector.as_deref(), now: ports.clock.now() };
    found(&index, &space.rules(policy.memory.recall), &sought)
}

fn found(index: &MemoryIndex, rules: &Rules, sought: &Sought<'_>) -> Vec<RecalledMemory> {
    let candidates = index.search(sought, rules);
    let recalled = candidates.into_iter().map(|candidate| RecalledMemory {
        id: candidate.memory.id,
        text: candidate.memory.text,
        score: candidate.similarity.unwrap_or_default(),
    });
    recalled.collect()
}
