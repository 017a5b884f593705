//! What is done at start-up and from time to time.

use crate::policy::{Policy, Ports};
use palavra_domain::{StoreError, Timestamp};
use std::{sync::Arc, time::Duration};

/// How long an ended session is kept, for a spent refresh token to be recognised.
const KEEP_ENDED_SESSIONS: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often it is looked for what is over, in the time of a lease: a chat is freed so much later than it could be at most.
const SWEEPS_A_LEASE: u32 = 4;
/// How many turns are taken up at once.
const BATCH: usize = 100;

/// What is done at start-up and from time to time.
#[derive(Clone)]
pub struct Housekeeping {
    ports: Arc<Ports>,
    policy: Arc<Policy>,
}

impl Housekeeping {
    pub(crate) fn new(ports: Arc<Ports>, policy: Arc<Policy>) -> Self {
        Self { ports, policy }
    }

    /// Takes over from a process that is known to be dead: call it at start-up, alone over the stores (the data folder's
    /// lock says so). All pending turns become interrupted, all jobs wait again. Returns how many turns and jobs.
    pub async fn take_over(&self) -> Result<(u64, u64), StoreError> {
        let turns = self.interrupt_expired(Timestamp::MAX).await?;
        let jobs = self.ports.chats.release_memory_jobs(Timestamp::MAX).await?;
        if turns + jobs > 0 {
            tracing::info!(turns, jobs, "took over from a process that ended: turns are interrupted, jobs wait again");
        }
        Ok((turns, jobs))
    }

    /// Frees what a lost task or a dead instance left behind, and forgets old sessions, until the process ends. Every
    /// instance does so: each step may be done by several at once, and is done once.
    pub async fn run(&self) {
        loop {
            tokio::time::sleep(self.policy.lease / SWEEPS_A_LEASE).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "housekeeping failed; it will be tried again");
            }
        }
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let now = self.ports.clock.now();
        self.interrupt_expired(now).await?;
        self.ports.sessions.delete_expired(now.minus(KEEP_ENDED_SESSIONS)).await?;
        Ok(())
    }

    async fn interrupt_expired(&self, as_of: Timestamp) -> Result<u64, StoreError> {
        let mut interrupted = 0;
        loop {
            let expired = self.ports.chats.expired_turns(as_of, BATCH).await?;
            for turn in &expired {
                self.ports.chats.interrupt_turn(*turn, self.ports.clock.now()).await?;
                interrupted += 1;
            }
            if expired.len() < BATCH {
                return Ok(interrupted);
            }
        }
    }
}
