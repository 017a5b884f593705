use crate::recall::MemoryIndex;
use crate::{
    ChatId, DeletedMemory, EmbeddedMemory, EmbeddingSpace, Memory, MemoryCursor, MemoryId, Page, ScoredMemory,
    StoreError, Timestamp, TurnId, UserId,
};
use async_trait::async_trait;
use std::sync::Arc;

/// How many of a user's memories are searched: the newest.
pub const INDEXED: usize = 20_000;

/// What is remembered about users, with a vector each. All vectors are of one space.
///
/// Memories that do not hold any more are history: kept, and shown by [`MemoryRepository::find`] and
/// [`MemoryRepository::history`] only. A deleted one leaves a [`DeletedMemory`], and nothing of its text or vector.
///
/// A method that writes returns when its write is durable, and every later read sees it.
#[async_trait]
pub trait MemoryRepository: Send + Sync {
    /// The space of its vectors.
    fn space(&self) -> &EmbeddingSpace;

    /// Saves new memories, all of them or none. One whose id its user already has, deleted or not, is left as it is.
    ///
    /// # Errors
    /// `Unexpected` when a vector has other dimensions than the space.
    async fn insert(&self, memories: Vec<EmbeddedMemory>) -> Result<(), StoreError>;

    /// Writes several memories of one user together: in one step for whoever reads, and whole or not at all after a crash.
    ///
    /// Behaviour: a memory of revision 0 is new and is stored with revision 1; where its id is there already, deleted or
    /// not, it is left as it is. Any other replaces, compare-and-set, what is stored under its id: its revision is the one
    /// it was read with, what is stored has the next one; `created_at`, `origin` and `source` never change. Returns the new and the
    /// replaced ones as stored, in the order given, without those that were left. `None`, and nothing is written, when one
    /// that is to be replaced is not there. Of several calls at once that replace from one revision, exactly one succeeds.
    ///
    /// # Errors
    /// `Stale(Memory)` when a stored revision is another; nothing is written then. `Unexpected` when a memory is of another
    /// user, or a vector has other dimensions than the space.
    async fn change(&self, user: UserId, memories: Vec<EmbeddedMemory>) -> Result<Option<Vec<Memory>>, StoreError>;

    /// The memory in any state, if it is this user's and not deleted.
    async fn find(&self, user: UserId, id: MemoryId) -> Result<Option<Memory>, StoreError>;

    /// The user's active memories, newest first (by `created_at`, then id), from below `before`.
    async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, StoreError>;

    /// The memory and all that it took the place of, directly or by way of others, in the order of
    /// [`Memory::time_line`]. Empty when the user has no such memory.
    async fn history(&self, user: UserId, id: MemoryId) -> Result<Vec<Memory>, StoreError>;

    /// The user's memories that do not hold any more, in no order that counts.
    async fn past(&self, user: UserId) -> Result<Vec<Memory>, StoreError>;

    /// The user's active memories with their vectors, newest first, at most `limit`. Sees every write that ended before,
    /// also one of another process.
    async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError>;

    /// The user's active memories, the newest [`INDEXED`] of them, ready to be searched. `version` is the user's
    /// `memory_version` as the caller read it: what is returned is at least as new as that.
    async fn index(&self, user: UserId, version: u64) -> Result<Arc<MemoryIndex>, StoreError> {
        // Reading them now is as new as can be.
        let _ = version;
        Ok(Arc::new(MemoryIndex::new(self.embedded(user, INDEXED).await?)))
    }

    /// Whether the user has any active memory.
    async fn has_any(&self, user: UserId) -> Result<bool, StoreError>;

    /// The user's `limit` active memories nearest to `vector` by cosine, nearest first, none below `min_score`.
    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError>;

    /// Whether anything was ever saved for the user from this turn: memories in any state, deleted ones too. After
    /// [`MemoryRepository::delete_all`] nothing is known any more.
    async fn knows_turn(&self, user: UserId, turn: TurnId) -> Result<bool, StoreError>;

    /// What is left of the memories that the user deleted, in no order that counts.
    async fn deleted(&self, user: UserId) -> Result<Vec<DeletedMemory>, StoreError>;

    /// Deletes a memory, in any state, with all that it took the place of. `true` when it was there.
    async fn delete(&self, user: UserId, id: MemoryId, now: Timestamp) -> Result<bool, StoreError>;

    /// Deletes the user's memories, in any state, whose source is this chat, each with all that it took the place of, and
    /// tells how many of them were active.
    async fn delete_from_chat(&self, user: UserId, chat: ChatId, now: Timestamp) -> Result<u64, StoreError>;

    /// Deletes all memories of a user with their history, and what is left of deleted ones; tells how many were active.
    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError>;
}
