//! Memories from prompts, off the reply path.
//!
//! A settled turn carries a job; workers claim jobs from the store, so that they survive the process. A job that is done
//! twice saves the same memories under the same ids.

mod extract;

use crate::policy::{Policy, Ports};
use extract::ExtractError;
use palavra_domain::{
    EmbedAs, EmbeddedMemory, JobOutcome, Lease, Memory, MemoryId, MemoryOrigin, MemorySource, ModelError, RememberTask,
    StoreError, UserId, VaultError,
};
use std::{error::Error, sync::Arc, time::Duration};
use thiserror::Error;
use tokio::{sync::Notify, task::JoinSet};

/// How long an idle worker waits before it looks for jobs that became due.
const POLL: Duration = Duration::from_secs(2);
/// How much longer a lease is than the work it covers may take.
const LEASE_MARGIN: Duration = Duration::from_secs(30);

/// Why a job was not done.
#[derive(Debug, Error)]
enum RememberError {
    #[error("the user has no key any more")]
    KeyMissing,
    #[error(transparent)]
    Extract(#[from] ExtractError),
    #[error("what was extracted could not be embedded")]
    Embed(#[source] ModelError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("it took too long")]
    Timeout,
}

/// Memories from prompts.
#[derive(Clone)]
pub struct Remember {
    ports: Arc<Ports>,
    policy: Arc<Policy>,
    due: Arc<Notify>,
}

impl Remember {
    pub(crate) fn new(ports: Arc<Ports>, policy: Arc<Policy>) -> Self {
        Self { ports, policy, due: Arc::new(Notify::new()) }
    }

    /// Says that there is a new job.
    pub(crate) fn wake(&self) {
        self.due.notify_one();
    }

    /// How many jobs are waiting or being done.
    pub async fn backlog(&self) -> Result<u64, StoreError> {
        self.ports.chats.memory_backlog().await
    }

    /// Does jobs as they come, until the future is dropped; those under way then wait for the next process.
    pub async fn run(&self) {
        let mut working = JoinSet::new();
        loop {
            let free = self.policy.memory.workers.saturating_sub(working.len());
            let claimed = if free == 0 { Ok(Vec::new()) } else { self.claim(free).await };
            let claimed = claimed.unwrap_or_else(|error| {
                tracing::warn!(error = &error as &dyn Error, "jobs could not be claimed; it will be tried again");
                Vec::new()
            });
            let idle = claimed.len() < free;
            for task in claimed {
                let this = self.clone();
                working.spawn(async move { this.work(task).await });
            }
            if idle {
                tokio::select! {
                    () = self.due.notified() => {}
                    Some(_) = working.join_next() => {}
                    () = tokio::time::sleep(POLL) => {}
                }
            } else {
                working.join_next().await;
            }
        }
    }

    /// Does every job that is due now, one after the other, and tells how many it took up: `run` for tests.
    pub async fn run_due(&self) -> Result<usize, StoreError> {
        let mut done = 0;
        loop {
            let tasks = self.claim(1).await?;
            if tasks.is_empty() {
                return Ok(done);
            }
            for task in tasks {
                self.work(task).await;
                done += 1;
            }
        }
    }

    async fn claim(&self, limit: usize) -> Result<Vec<RememberTask>, StoreError> {
        let now = self.ports.clock.now();
        let until = now.plus(self.policy.memory.job_timeout + LEASE_MARGIN);
        self.ports.chats.claim_memory_jobs(Lease { owner: self.policy.instance, until }, now, limit).await
    }

    async fn work(&self, task: RememberTask) {
        let worked = tokio::time::timeout(self.policy.memory.job_timeout, self.remember(&task)).await;
        let result = worked.unwrap_or(Err(RememberError::Timeout));
        let outcome = match &result {
            Ok(_) => JobOutcome::Done,
            Err(error) => self.after_failure(&task, error),
        };
        let label = match outcome {
            JobOutcome::Done => "done",
            JobOutcome::Retry(_) => "retry",
            JobOutcome::Parked => "parked",
        };
        metrics::counter!("palavra_memory_jobs_total", "outcome" => label).increment(1);
        match result {
            Ok(saved) => tracing::debug!(turn = %task.turn.turn, saved, "remembered"),
            Err(error) => tracing::warn!(
                error = &error as &dyn Error, turn = %task.turn.turn, tries = task.tries, outcome = label,
                "a prompt was not remembered from"
            ),
        }
        if let Err(error) = self.ports.chats.finish_memory_job(task.turn, outcome).await {
            // The lease ends by itself, and doing the job again is harmless.
            tracing::warn!(error = &error as &dyn Error, turn = %task.turn.turn, "a job's end was not recorded");
        }
    }

    fn after_failure(&self, task: &RememberTask, error: &RememberError) -> JobOutcome {
        if task.tries >= self.policy.memory.max_tries {
            return JobOutcome::Parked;
        }
        match error {
            RememberError::KeyMissing | RememberError::Vault(_) => JobOutcome::Parked,
            RememberError::Extract(_) | RememberError::Embed(_) | RememberError::Store(_) | RememberError::Timeout => {
                let doublings = task.tries.saturating_sub(1).min(10);
                let wait = self.policy.memory.retry_base * 2_u32.pow(doublings);
                JobOutcome::Retry(self.ports.clock.now().plus(wait))
            }
        }
    }

    /// Extracts, embeds and saves what the prompt says about its author. Returns how many memories are new.
    async fn remember(&self, task: &RememberTask) -> Result<usize, RememberError> {
        let user = self.ports.users.find(task.turn.user).await?;
        let Some(user) = user.filter(|user| user.memory_enabled) else {
            return Ok(0);
        };
        let sealed = user.api_key.as_ref().ok_or(RememberError::KeyMissing)?;
        let key = self.ports.vault.open(user.id, sealed)?;
        let model = self.policy.memory.extraction_model.as_ref().unwrap_or(&task.model);
        let found = extract::extract(&self.ports, &key, model, user.id, &task.prompt).await?;
        if found.is_empty() {
            return Ok(0);
        }
        let texts: Vec<String> = found.iter().map(|found| found.text.as_str().to_owned()).collect();
        let embed_key = self.ports.embedder.needs_user_key().then_some(&key);
        let embedded = self.ports.embedder.embed(embed_key, &texts, EmbedAs::Passage).await;
        let vectors = embedded.map_err(RememberError::Embed)?.vectors;

        let now = self.ports.clock.now();
        let mut memories: Vec<EmbeddedMemory> = Vec::new();
        for (index, (found, vector)) in found.into_iter().zip(vectors).enumerate() {
            let text = found.text.normalised();
            let again = memories.iter().any(|earlier| earlier.memory.text.normalised() == text);
            if again || self.knows(user.id, &vector, &text).await? {
                continue;
            }
            let memory = Memory {
                id: MemoryId::extracted(task.turn.turn, index),
                user_id: user.id,
                revision: 1,
                text: found.text,
                kind: found.kind,
                origin: MemoryOrigin::Extracted,
                source: Some(MemorySource { chat: task.turn.chat, turn: task.turn.turn }),
                created_at: now,
                updated_at: now,
            };
            memories.push(EmbeddedMemory { memory, vector });
        }
        let saved = memories.len();
        if saved > 0 {
            self.ports.memories.insert(memories).await?;
            metrics::counter!("palavra_memories_saved_total").increment(saved as u64);
        }
        Ok(saved)
    }

    /// Whether the user has a memory that says the same. Its vector is as near as can be, so the nearest few tell.
    async fn knows(&self, user: UserId, vector: &[f32], text: &str) -> Result<bool, StoreError> {
        let nearest = self.ports.memories.search(user, vector, 3, 0.9).await?;
        Ok(nearest.iter().any(|near| near.memory.text.normalised() == text))
    }
}
