//! Chats, their turns and jobs.

mod archive;
mod claims;
mod delete;
mod jobs;
mod reads;
mod turns;

use crate::{MongoStore, documents::id};
use async_trait::async_trait;
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use palavra_domain::{
    BeginOutcome, BeginTurn, Chat, ChatId, ChatTitle, Checkpoint, Exchange, JobOutcome, Lease, Page, RememberTask,
    SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnRef, UserId, ports::ChatRepository,
};

/// Chats in MongoDB; from [`MongoStore::chats`].
#[derive(Clone)]
pub struct MongoChatRepository {
    store: MongoStore,
    chats: Collection<Document>,
    turns: Collection<Document>,
    /// Who is at a job of whom.
    claims: Collection<Document>,
}

impl MongoChatRepository {
    pub(crate) fn new(store: MongoStore) -> Self {
        Self { chats: store.chat_documents(), turns: store.turn_documents(), claims: store.claim_documents(), store }
    }
}

/// The user's chat, unless it is being deleted.
fn owned(user: UserId, chat: ChatId) -> Document {
    doc! {"_id": id(chat.uuid()), "user_id": id(user.uuid()), "deleted": null}
}

/// The turn, in its owner's chat.
fn only(turn: TurnRef) -> Document {
    doc! {"_id": id(turn.turn.uuid()), "chat_id": id(turn.chat.uuid()), "user_id": id(turn.user.uuid())}
}

/// The turn's chat, while it is busy with it.
fn busy_with(turn: TurnRef) -> Document {
    let mut filter = owned(turn.user, turn.chat);
    filter.insert("active.turn", id(turn.turn.uuid()));
    filter
}

fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// How many documents to ask for to fill a page and to know whether more follow.
fn overfull(items: usize) -> i64 {
    limit(items.saturating_add(1))
}

#[async_trait]
impl ChatRepository for MongoChatRepository {
    #[tracing::instrument(name = "db.chat.begin_turn", level = "debug", skip_all)]
    async fn begin_turn(&self, begin: &BeginTurn) -> Result<BeginOutcome, StoreError> {
        let (this, begin) = (self.clone(), begin.clone());
        self.store.whole(async move { this.begin(begin).await }).await
    }

    #[tracing::instrument(name = "db.chat.checkpoint", level = "debug", skip_all)]
    async fn checkpoint(&self, turn: TurnRef, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
        let (this, checkpoint) = (self.clone(), checkpoint.clone());
        self.store.whole(async move { this.save(turn, checkpoint).await }).await
    }

    #[tracing::instrument(name = "db.chat.settle_turn", level = "debug", skip_all)]
    async fn settle_turn(&self, turn: TurnRef, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        let (this, settlement) = (self.clone(), settlement.clone());
        self.store.whole(async move { this.settle(turn, settlement).await }).await
    }

    #[tracing::instrument(name = "db.chat.interrupt_turn", level = "debug", skip_all)]
    async fn interrupt_turn(&self, turn: TurnRef, now: Timestamp) -> Result<bool, StoreError> {
        let this = self.clone();
        self.store.whole(async move { this.interrupt(turn, now).await }).await
    }

    #[tracing::instrument(name = "db.chat.expired_turns", level = "debug", skip_all)]
    async fn expired_turns(&self, as_of: Timestamp, limit: usize) -> Result<Vec<TurnRef>, StoreError> {
        let this = self.clone();
        self.store
            .whole(async move {
                this.finish_deletions().await?;
                this.expired(as_of, limit).await
            })
            .await
    }

    #[tracing::instrument(name = "db.chat.find_chat", level = "debug", skip_all)]
    async fn find_chat(&self, user: UserId, chat: ChatId) -> Result<Option<Chat>, StoreError> {
        self.chat(user, chat).await
    }

    #[tracing::instrument(name = "db.chat.list_chats", level = "debug", skip_all)]
    async fn list_chats(
        &self,
        user: UserId,
        before: Option<ChatId>,
        limit: usize,
    ) -> Result<Page<Chat, ChatId>, StoreError> {
        self.chats_of(user, before, limit).await
    }

    #[tracing::instrument(name = "db.chat.list_turns", level = "debug", skip_all)]
    async fn list_turns(
        &self,
        user: UserId,
        chat: ChatId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Page<Turn, u32>, StoreError> {
        self.turns_of(user, chat, before, limit).await
    }

    #[tracing::instrument(name = "db.chat.recent_exchanges", level = "debug", skip_all)]
    async fn recent_exchanges(
        &self,
        user: UserId,
        chat: ChatId,
        before: u32,
        limit: usize,
    ) -> Result<Vec<Exchange>, StoreError> {
        self.exchanges(user, chat, before, limit).await
    }

    #[tracing::instrument(name = "db.chat.rename_chat", level = "debug", skip_all)]
    async fn rename_chat(
        &self,
        user: UserId,
        chat: ChatId,
        title: &ChatTitle,
        now: Timestamp,
    ) -> Result<Option<Chat>, StoreError> {
        self.rename(user, chat, title, now).await
    }

    #[tracing::instrument(name = "db.chat.delete_chat", level = "debug", skip_all)]
    async fn delete_chat(&self, user: UserId, chat: ChatId) -> Result<bool, StoreError> {
        let this = self.clone();
        self.store.whole(async move { this.delete(user, chat).await }).await
    }

    #[tracing::instrument(name = "db.chat.claim_memory_jobs", level = "debug", skip_all)]
    async fn claim_memory_jobs(
        &self,
        lease: Lease,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RememberTask>, StoreError> {
        let this = self.clone();
        self.store.whole(async move { this.claim(lease, now, limit).await }).await
    }

    #[tracing::instrument(name = "db.chat.finish_memory_job", level = "debug", skip_all)]
    async fn finish_memory_job(&self, turn: TurnRef, outcome: JobOutcome) -> Result<bool, StoreError> {
        let this = self.clone();
        self.store.whole(async move { this.finish(turn, outcome).await }).await
    }

    #[tracing::instrument(name = "db.chat.release_memory_jobs", level = "debug", skip_all)]
    async fn release_memory_jobs(&self, as_of: Timestamp) -> Result<u64, StoreError> {
        let this = self.clone();
        self.store.whole(async move { this.release(as_of).await }).await
    }

    #[tracing::instrument(name = "db.chat.memory_backlog", level = "debug", skip_all)]
    async fn memory_backlog(&self) -> Result<u64, StoreError> {
        self.backlog().await
    }
}
