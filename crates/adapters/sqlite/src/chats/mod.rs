//! Chats and turns.

mod archive;
mod jobs;
mod reads;
mod rows;
mod turns;

/// What the plans are checked of.
#[cfg(test)]
pub(crate) mod hot {
    pub(crate) use super::{
        jobs::{backlog, claim, release},
        reads::{chat, chats_of, exchanges, expired, turns_of},
    };
}

use crate::{columns::bytes, database::Database, schema::chats};
use async_trait::async_trait;
use diesel::prelude::*;
use palavra_domain::{
    BeginOutcome, BeginTurn, Chat, ChatId, ChatTitle, Checkpoint, Exchange, JobOutcome, Lease, Page, RememberTask,
    SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnRef, UserId, ports::ChatRepository,
};
use rows::ChatRow;

/// Chats in SQLite; from [`SqliteStore::chats`](crate::SqliteStore::chats).
#[derive(Clone)]
pub struct SqliteChatRepository {
    database: Database,
}

impl SqliteChatRepository {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ChatRepository for SqliteChatRepository {
    #[tracing::instrument(name = "db.chat.begin_turn", level = "debug", skip_all)]
    async fn begin_turn(&self, begin: &BeginTurn) -> Result<BeginOutcome, StoreError> {
        let begin = begin.clone();
        self.database.write(move |connection| turns::begin(connection, begin)).await
    }

    #[tracing::instrument(name = "db.chat.checkpoint", level = "debug", skip_all)]
    async fn checkpoint(&self, turn: TurnRef, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
        let checkpoint = checkpoint.clone();
        self.database.write(move |connection| turns::checkpoint(connection, turn, checkpoint)).await
    }

    #[tracing::instrument(name = "db.chat.settle_turn", level = "debug", skip_all)]
    async fn settle_turn(&self, turn: TurnRef, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        let settlement = settlement.clone();
        self.database.write(move |connection| turns::settle(connection, turn, settlement)).await
    }

    #[tracing::instrument(name = "db.chat.interrupt_turn", level = "debug", skip_all)]
    async fn interrupt_turn(&self, turn: TurnRef, now: Timestamp) -> Result<bool, StoreError> {
        self.database.write(move |connection| turns::interrupt(connection, turn, now)).await
    }

    #[tracing::instrument(name = "db.chat.expired_turns", level = "debug", skip_all)]
    async fn expired_turns(&self, as_of: Timestamp, limit: usize) -> Result<Vec<TurnRef>, StoreError> {
        self.database.read(move |connection| reads::expired(connection, as_of, limit)).await
    }

    #[tracing::instrument(name = "db.chat.find_chat", level = "debug", skip_all)]
    async fn find_chat(&self, user: UserId, chat: ChatId) -> Result<Option<Chat>, StoreError> {
        self.database.read(move |connection| reads::chat(connection, user, chat)).await
    }

    #[tracing::instrument(name = "db.chat.list_chats", level = "debug", skip_all)]
    async fn list_chats(
        &self,
        user: UserId,
        before: Option<ChatId>,
        limit: usize,
    ) -> Result<Page<Chat, ChatId>, StoreError> {
        self.database.read(move |connection| reads::chats_of(connection, user, before, limit)).await
    }

    #[tracing::instrument(name = "db.chat.list_turns", level = "debug", skip_all)]
    async fn list_turns(
        &self,
        user: UserId,
        chat: ChatId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Page<Turn, u32>, StoreError> {
        self.database.read(move |connection| reads::turns_of(connection, user, chat, before, limit)).await
    }

    #[tracing::instrument(name = "db.chat.recent_exchanges", level = "debug", skip_all)]
    async fn recent_exchanges(
        &self,
        user: UserId,
        chat: ChatId,
        before: u32,
        limit: usize,
    ) -> Result<Vec<Exchange>, StoreError> {
        self.database.read(move |connection| reads::exchanges(connection, user, chat, before, limit)).await
    }

    #[tracing::instrument(name = "db.chat.rename_chat", level = "debug", skip_all)]
    async fn rename_chat(
        &self,
        user: UserId,
        chat: ChatId,
        title: &ChatTitle,
        now: Timestamp,
    ) -> Result<Option<Chat>, StoreError> {
        let title = title.as_str().to_owned();
        let rename = move |connection: &mut SqliteConnection| {
            let row = diesel::update(chats::table.filter(chats::id.eq(bytes(chat.uuid()))))
                .filter(chats::user_id.eq(bytes(user.uuid())))
                .set((chats::title.eq(title), chats::updated_at.eq(now.as_millis())))
                .returning(ChatRow::as_returning())
                .get_result(connection)
                .optional()?;
            row.map(ChatRow::decode).transpose()
        };
        self.database.write(rename).await
    }

    #[tracing::instrument(name = "db.chat.delete_chat", level = "debug", skip_all)]
    async fn delete_chat(&self, user: UserId, chat: ChatId) -> Result<bool, StoreError> {
        let delete = move |connection: &mut SqliteConnection| {
            let owned =
                chats::table.filter(chats::id.eq(bytes(chat.uuid()))).filter(chats::user_id.eq(bytes(user.uuid())));
            Ok(diesel::delete(owned).execute(connection)? > 0)
        };
        self.database.write(delete).await
    }

    #[tracing::instrument(name = "db.chat.claim_memory_jobs", level = "debug", skip_all)]
    async fn claim_memory_jobs(
        &self,
        lease: Lease,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RememberTask>, StoreError> {
        self.database.write(move |connection| jobs::claim(connection, lease, now, limit)).await
    }

    #[tracing::instrument(name = "db.chat.finish_memory_job", level = "debug", skip_all)]
    async fn finish_memory_job(&self, turn: TurnRef, outcome: JobOutcome) -> Result<bool, StoreError> {
        self.database.write(move |connection| jobs::finish(connection, turn, outcome)).await
    }

    #[tracing::instrument(name = "db.chat.release_memory_jobs", level = "debug", skip_all)]
    async fn release_memory_jobs(&self, as_of: Timestamp) -> Result<u64, StoreError> {
        self.database.write(move |connection| jobs::release(connection, as_of)).await
    }

    #[tracing::instrument(name = "db.chat.memory_backlog", level = "debug", skip_all)]
    async fn memory_backlog(&self) -> Result<u64, StoreError> {
        self.database.read(jobs::backlog).await
    }
}
