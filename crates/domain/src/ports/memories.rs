use crate::{EmbeddedMemory, EmbeddingSpace, Memory, MemoryCursor, MemoryId, Page, ScoredMemory, StoreError, UserId};
use async_trait::async_trait;

/// What is remembered about users, with a vector each. All vectors are of one space.
///
/// A method that writes returns when its write is durable, and every later read sees it.
#[async_trait]
pub trait MemoryRepository: Send + Sync {
    /// The space of its vectors.
    fn space(&self) -> &EmbeddingSpace;

    /// Saves new memories, all of them or none. One whose id its user already has is left as it is.
    ///
    /// # Errors
    /// `Unexpected` when a vector has other dimensions than the space.
    async fn insert(&self, memories: Vec<EmbeddedMemory>) -> Result<(), StoreError>;

    /// Replaces a memory's text, kind, vector and `updated_at`, compare-and-set: `memory.revision` is the revision it was
    /// read with, what is stored and returned has the next one.
    ///
    /// Behaviour: `None` when its user has no such memory. Of several updates from one revision, exactly one succeeds.
    ///
    /// # Errors
    /// `Stale(Memory)` when the stored revision is another.
    async fn update(&self, memory: EmbeddedMemory) -> Result<Option<Memory>, StoreError>;

    /// The memory, if it is this user's.
    async fn find(&self, user: UserId, id: MemoryId) -> Result<Option<Memory>, StoreError>;

    /// The user's memories, newest first (by `created_at`, then id), from below `before`.
    async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, StoreError>;

    /// The user's memories with their vectors, newest first, at most `limit`.
    async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError>;

    /// Whether the user has any memory.
    async fn has_any(&self, user: UserId) -> Result<bool, StoreError>;

    /// The user's `limit` memories nearest to `vector` by cosine, nearest first, none below `min_score`.
    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError>;

    /// Deletes a memory. `true` when it was there.
    async fn delete(&self, user: UserId, id: MemoryId) -> Result<bool, StoreError>;

    /// Deletes all memories of a user, and tells how many there were.
    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError>;
}
