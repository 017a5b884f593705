//! Chats in a store that fails now and then.

use async_trait::async_trait;
use palavra_domain::{
    BeginOutcome, BeginTurn, Chat, ChatId, ChatTitle, Checkpoint, Exchange, JobOutcome, Lease, Page, RememberTask,
    SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnRef, UserId, ports::ChatRepository,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Fails so many calls of some methods, then does what it should.
pub(crate) struct FlakyChats {
    pub(crate) inner: Arc<dyn ChatRepository>,
    /// How many settlements fail from now on; with a lost answer, the store does the work all the same.
    pub(crate) settle_failures: AtomicUsize,
    pub(crate) answer_lost: bool,
    /// How many calls failed.
    pub(crate) failed: AtomicUsize,
    /// What a failure is.
    pub(crate) error: fn() -> StoreError,
    pub(crate) begin_fails: bool,
    pub(crate) history_fails: bool,
    /// How many ends of jobs are not recorded.
    pub(crate) finish_failures: AtomicUsize,
}

pub(crate) fn down() -> StoreError {
    StoreError::Unavailable { source: "down".into() }
}

impl FlakyChats {
    pub(crate) fn new(inner: Arc<dyn ChatRepository>) -> Self {
        Self {
            inner,
            settle_failures: AtomicUsize::new(0),
            answer_lost: false,
            failed: AtomicUsize::new(0),
            error: down,
            begin_fails: false,
            history_fails: false,
            finish_failures: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl ChatRepository for FlakyChats {
    async fn begin_turn(&self, begin: &BeginTurn) -> Result<BeginOutcome, StoreError> {
        if self.begin_fails { Err((self.error)()) } else { self.inner.begin_turn(begin).await }
    }

    async fn checkpoint(&self, turn: TurnRef, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
        self.inner.checkpoint(turn, checkpoint).await
    }

    async fn settle_turn(&self, turn: TurnRef, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        let left = self.settle_failures.load(Ordering::SeqCst);
        if left == 0 {
            return self.inner.settle_turn(turn, settlement).await;
        }
        self.settle_failures.store(left - 1, Ordering::SeqCst);
        self.failed.fetch_add(1, Ordering::SeqCst);
        if self.answer_lost {
            self.inner.settle_turn(turn, settlement).await?;
        }
        Err((self.error)())
    }

    async fn interrupt_turn(&self, turn: TurnRef, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.interrupt_turn(turn, now).await
    }

    async fn expired_turns(&self, as_of: Timestamp, limit: usize) -> Result<Vec<TurnRef>, StoreError> {
        self.inner.expired_turns(as_of, limit).await
    }

    async fn find_chat(&self, user: UserId, chat: ChatId) -> Result<Option<Chat>, StoreError> {
        self.inner.find_chat(user, chat).await
    }

    async fn list_chats(
        &self,
        user: UserId,
        before: Option<ChatId>,
        limit: usize,
    ) -> Result<Page<Chat, ChatId>, StoreError> {
        self.inner.list_chats(user, before, limit).await
    }

    async fn list_turns(
        &self,
        user: UserId,
        chat: ChatId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Page<Turn, u32>, StoreError> {
        self.inner.list_turns(user, chat, before, limit).await
    }

    async fn recent_exchanges(
        &self,
        user: UserId,
        chat: ChatId,
        before: u32,
        limit: usize,
    ) -> Result<Vec<Exchange>, StoreError> {
        if self.history_fails {
            return Err((self.error)());
        }
        self.inner.recent_exchanges(user, chat, before, limit).await
    }

    async fn rename_chat(
        &self,
        user: UserId,
        chat: ChatId,
        title: &ChatTitle,
        now: Timestamp,
    ) -> Result<Option<Chat>, StoreError> {
        self.inner.rename_chat(user, chat, title, now).await
    }

    async fn delete_chat(&self, user: UserId, chat: ChatId) -> Result<bool, StoreError> {
        self.inner.delete_chat(user, chat).await
    }

    async fn claim_memory_jobs(
        &self,
        lease: Lease,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RememberTask>, StoreError> {
        self.inner.claim_memory_jobs(lease, now, limit).await
    }

    async fn finish_memory_job(&self, turn: TurnRef, outcome: JobOutcome) -> Result<bool, StoreError> {
        let left = self.finish_failures.load(Ordering::SeqCst);
        if left > 0 {
            self.finish_failures.store(left - 1, Ordering::SeqCst);
            return Err((self.error)());
        }
        self.inner.finish_memory_job(turn, outcome).await
    }

    async fn release_memory_jobs(&self, as_of: Timestamp) -> Result<u64, StoreError> {
        self.inner.release_memory_jobs(as_of).await
    }

    async fn memory_backlog(&self) -> Result<u64, StoreError> {
        self.inner.memory_backlog().await
    }
}
