//! What copying between stores and checking them needs, beside what serving does.
//!
//! These methods see the records of all users. Only operators' commands (`palavra copy`, `palavra doctor`) hold them; the
//! use cases that serve requests hold the owner-scoped ports.

use super::{ChatRepository, MemoryRepository, UserRepository};
use crate::{Chat, ChatId, MemoryKey, MemoryRecord, Page, StoreError, Turn, TurnRef, Usage, User, UserId};
use async_trait::async_trait;

/// A part of all records of a store, in the order of their keys. A record that cannot be read is its `Corrupt` error, in
/// its place: it hides no other, and is not passed over in silence.
pub type Scan<T, C> = Page<Result<T, StoreError>, C>;

/// All users of a store.
#[async_trait]
pub trait UserArchive: UserRepository {
    /// Up to `limit` users by id, from above `after`. Everyone who is there throughout a scan is met exactly once.
    async fn scan(&self, after: Option<UserId>, limit: usize) -> Result<Scan<User, UserId>, StoreError>;

    /// Writes a user as it stands elsewhere, revision and times included, in place of what is there under its id. Doing it
    /// again changes nothing.
    ///
    /// # Errors
    /// `Conflict(Username)` when another user has the folded name; nothing is written then.
    async fn import(&self, user: &User) -> Result<(), StoreError>;
}

/// All chats of a store.
#[async_trait]
pub trait ChatArchive: ChatRepository {
    /// Up to `limit` chats by id, from above `after`. Every chat that is there throughout a scan is met exactly once.
    async fn scan_chats(&self, after: Option<ChatId>, limit: usize) -> Result<Scan<Chat, ChatId>, StoreError>;

    /// Up to `limit` turns of a chat, oldest first, with numbers above `after` (0 is below all). Empty when the user has
    /// no such chat.
    async fn scan_turns(
        &self,
        user: UserId,
        chat: ChatId,
        after: u32,
        limit: usize,
    ) -> Result<Scan<Turn, u32>, StoreError>;

    /// Writes a chat and some of its turns as they stand elsewhere, in place of what is there under their ids; other turns
    /// of the chat stay. Doing it again changes nothing. Not for a chat that is being answered.
    ///
    /// # Errors
    /// `Conflict(Chat)` when another user has a chat with this id, `Conflict(Turn)` when another chat has a turn with one of
    /// these ids, or another turn of this chat has its number. What was written before the conflict may stay.
    async fn import(&self, chat: &Chat, turns: &[Turn]) -> Result<(), StoreError>;

    /// Sets the totals of a chat that no turn is active in, compare-and-set. `false`, and nothing is written, when they are
    /// not `from`, the chat is busy, or the user has no such chat.
    async fn correct_totals(&self, user: UserId, chat: ChatId, from: Usage, to: Usage) -> Result<bool, StoreError>;

    /// Up to `limit` turns whose job of remembering was given up, the oldest first, of all users.
    async fn parked_jobs(&self, limit: usize) -> Result<Vec<TurnRef>, StoreError>;
}

/// All memories of a store, with their vectors, and what is left of deleted ones.
#[async_trait]
pub trait MemoryArchive: MemoryRepository {
    /// Up to `limit` records by their user, then their id, from above `after`. Every record that is there throughout a scan
    /// is met exactly once.
    async fn scan(&self, after: Option<MemoryKey>, limit: usize) -> Result<Scan<MemoryRecord, MemoryKey>, StoreError>;

    /// Writes records as they stand elsewhere, revisions and times included, in place of what is there under their keys, all
    /// of them or none. Doing it again changes nothing.
    ///
    /// # Errors
    /// `Unexpected` when a vector has other dimensions than the space.
    async fn import(&self, records: Vec<MemoryRecord>) -> Result<(), StoreError>;

    /// As [`MemoryArchive::import`], but where there is something under a record's key that it
    /// [does not supersede](MemoryRecord::supersedes), that stays. Each is compared with what is there when it is written:
    /// nothing that came meanwhile is lost.
    async fn merge(&self, records: Vec<MemoryRecord>) -> Result<(), StoreError>;

    /// Removes records, as if they had never been there.
    async fn remove(&self, keys: Vec<MemoryKey>) -> Result<(), StoreError>;

    /// All records of a user as of one moment, in no order that counts, whoever wrote them. Their vectors are left empty.
    ///
    /// # Errors
    /// `Corrupt` when one of them cannot be read.
    async fn records(&self, user: UserId) -> Result<Vec<MemoryRecord>, StoreError>;

    /// How many records there are.
    async fn count(&self) -> Result<u64, StoreError>;
}
