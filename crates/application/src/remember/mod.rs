//! Memories from prompts, off the reply path.
//!
//! A settled turn whose prompt could say something ([`gate`]) carries a job; workers claim jobs from the store, one of a user
//! at a time, so that they survive the process and keep a user's order. [`extract`] asks a model for operations that rest on
//! words of the prompt; [`reconcile`] turns them into changes to what is known, which are written in one step. A job whose
//! changes are there is not done again.

mod evidence;
mod extract;
pub(crate) mod gate;
mod reconcile;
mod wording;

use crate::{
    EMBED_MAX_CHARS, MemorySpace,
    policy::{Policy, Ports},
};
pub use gate::Gate;

use extract::{ExtractError, Operation};
use palavra_domain::{
    ApiKey, EmbedAs, EmbeddedMemory, JobOutcome, Lease, Memory, ModelError, RememberTask, StoreError, Turn, User,
    UserId, VaultError,
};
use reconcile::{Reconciling, Step};
use std::{error::Error, sync::Arc, time::Duration};
use thiserror::Error;
use tokio::{sync::Notify, task::JoinSet};

/// How long an idle worker waits before it looks for jobs that became due.
const POLL: Duration = Duration::from_secs(2);
/// How much longer a lease is than the work it covers may take.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// How many of the known memories nearest to a prompt the model is given.
const KNOWN: usize = 8;
/// How many memories without a vector are embedded at once.
const COMPLETED: usize = 64;
/// How many of a user's memories, the newest, are compared with what is learnt.
const COMPARED: usize = 20_000;

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
    #[error("what it was to replace has been deleted meanwhile")]
    Moved,
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

    /// Whether a turn's prompt could say something lasting about its author, and may be learnt from.
    pub(crate) fn is_worth_it(&self, turn: &Turn) -> bool {
        if !turn.memory_allowed {
            return false;
        }
        let passed = gate::may_hold(turn.prompt.as_str());
        metrics::counter!("palavra_memory_gate_total", "passed" => if passed { "yes" } else { "no" }).increment(1);
        passed
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
            RememberError::Extract(_)
            | RememberError::Embed(_)
            | RememberError::Store(_)
            | RememberError::Moved
            | RememberError::Timeout => {
                let doublings = task.tries.saturating_sub(1).min(10);
                let wait = self.policy.memory.retry_base * 2_u32.pow(doublings);
                JobOutcome::Retry(self.ports.clock.now().plus(wait))
            }
        }
    }

    /// Learns what the prompt says about its author. Returns how many memories it changed.
    async fn remember(&self, task: &RememberTask) -> Result<usize, RememberError> {
        let Some(user) = self.ports.users.find(task.turn.user).await? else { return Ok(0) };
        let space = self.ports.spaces.current();
        let cleared = user.memories_cleared_at.is_some_and(|at| at >= task.said_at);
        if !user.memory_enabled || cleared {
            return Ok(0);
        }
        // Of a job that nobody had before, nothing can be there.
        if task.tries > 1 && space.memories.knows_turn(user.id, task.turn.turn).await? {
            return Ok(0);
        }
        let sealed = user.api_key.as_ref().ok_or(RememberError::KeyMissing)?;
        let key = self.ports.vault.open(user.id, sealed)?;
        let known = known(&space, &user, &key, task).await?;
        let model = self.policy.memory.extraction_model.as_ref().unwrap_or(&task.model);
        let operations = extract::extract(&self.ports, &key, model, user.id, &task.prompt, &known).await?;
        if operations.is_empty() {
            return Ok(0);
        }
        // The model may have taken long: the space may be another by now, with the same memories.
        let space = self.ports.spaces.writing(user.id).await;
        let steps = embedded(&space, &key, operations).await?;
        let mut active = space.memories.embedded(user.id, COMPARED).await?;
        if let Err(error) = complete(&space, &key, user.id, &mut active).await {
            tracing::warn!(error = &error as &dyn Error, user = %user.id, "memories stay without a vector for now");
        }
        let deleted = space.memories.deleted(user.id).await?;
        let now = self.ports.clock.now();
        let changes = Reconciling::new(task, now, space.marks.same, active, &deleted).go(steps);
        if changes.is_empty() {
            return Ok(0);
        }
        let count = changes.len();
        match space.memories.change(user.id, changes).await? {
            Some(_) => {
                metrics::counter!("palavra_memories_changed_total").increment(count as u64);
                Ok(count)
            }
            None => Err(RememberError::Moved),
        }
    }
}

/// The user's memories that are nearest to the prompt.
async fn known(
    space: &MemorySpace,
    user: &User,
    key: &ApiKey,
    task: &RememberTask,
) -> Result<Vec<Memory>, RememberError> {
    let index = space.memories.index(user.id, user.memory_version).await?;
    if index.len() <= KNOWN {
        return Ok(index.memories().to_vec());
    }
    let text: String = task.prompt.as_str().chars().take(EMBED_MAX_CHARS).collect();
    let vector = space.embed_one(Some(key), text, EmbedAs::Query).await.map_err(RememberError::Embed)?;
    Ok(index.nearest(&vector, KNOWN, -1.0).into_iter().map(|near| near.memory).collect())
}

async fn embedded(space: &MemorySpace, key: &ApiKey, operations: Vec<Operation>) -> Result<Vec<Step>, RememberError> {
    let texts: Vec<String> =
        operations.iter().filter_map(Operation::text).map(|text| text.as_str().to_owned()).collect();
    let vectors = if texts.is_empty() {
        Vec::new()
    } else {
        space.embed(Some(key), &texts, EmbedAs::Passage).await.map_err(RememberError::Embed)?
    };
    let mut vectors = vectors.into_iter();
    let steps: Option<Vec<Step>> = operations.into_iter().map(|operation| Step::new(operation, &mut vectors)).collect();
    steps.ok_or_else(|| RememberError::Embed(ModelError::Malformed { source: "a vector is missing".into() }))
}

/// Embeds memories that are without a vector, some at a time: their user had no key when the embedding model was changed.
async fn complete(
    space: &MemorySpace,
    key: &ApiKey,
    user: UserId,
    active: &mut [EmbeddedMemory],
) -> Result<(), RememberError> {
    let is_blank = |embedded: &&mut EmbeddedMemory| embedded.vector.iter().all(|part| *part == 0.0);
    let blank: Vec<&mut EmbeddedMemory> = active.iter_mut().filter(is_blank).take(COMPLETED).collect();
    if blank.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = blank.iter().map(|embedded| embedded.memory.text.as_str().to_owned()).collect();
    let vectors = space.embed(Some(key), &texts, EmbedAs::Passage).await.map_err(RememberError::Embed)?;
    let changes =
        blank.iter().zip(vectors).map(|(embedded, vector)| EmbeddedMemory { memory: embedded.memory.clone(), vector });
    let changes: Vec<EmbeddedMemory> = changes.collect();
    let stored = space.memories.change(user, changes.clone()).await?.ok_or(RememberError::Moved)?;
    for ((blank, memory), EmbeddedMemory { vector, .. }) in blank.into_iter().zip(stored).zip(changes) {
        *blank = EmbeddedMemory { memory, vector };
    }
    Ok(())
}
