//! Memories of active users, kept in process.
//!
//! Recall asks for a user's memories before every prompt. The first prompt of a user reads them all, the following ones
//! search them here, exactly: the cost grows with the user's memories and not with the table. A write is seen by the next
//! read. Right only while all writes go through one decorator, that is while one process writes to the store.

use async_trait::async_trait;
use moka::sync::Cache;
use palavra_domain::{
    EmbeddedMemory, EmbeddingSpace, Memory, MemoryCursor, MemoryId, Page, ScoredMemory, StoreError, UserId,
    ports::MemoryRepository,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counters of writes, each shared by some of the users: a write of one of them costs the others a read.
const COUNTERS: usize = 4096;
/// A user may take this part of the room.
const SHARE: usize = 4;
/// What a memory takes besides its vector and its text, in bytes.
const RECORD_BYTES: usize = 256;
/// What is kept of a user, or of a memory, takes at least this much, in bytes.
const LEAST_BYTES: usize = 64;

/// A [`MemoryRepository`] with the memories of active users in process.
pub struct HotMemoryRepository {
    inner: Arc<dyn MemoryRepository>,
    users: Cache<UserId, Arc<Known>>,
    writes: Arc<Writes>,
    most: usize,
}

/// What was read of a user.
struct Known {
    /// The count of writes before it was read: it holds while that is the count.
    writes: u64,
    /// `None` when they are too many to be kept.
    memories: Option<Vec<Hot>>,
}

struct Hot {
    memory: Memory,
    /// Of length 1; empty when the vector has no direction.
    direction: Vec<f32>,
}

struct Writes(Vec<AtomicU64>);

impl Writes {
    fn of(&self, user: UserId) -> &AtomicU64 {
        // The last bytes of a UUID are random.
        let [.., high, low] = user.uuid().into_bytes();
        &self.0[usize::from(u16::from_be_bytes([high, low])) % COUNTERS]
    }

    fn count(&self, user: UserId) -> u64 {
        self.of(user).load(Ordering::SeqCst)
    }

    fn add(&self, user: UserId) {
        self.of(user).fetch_add(1, Ordering::SeqCst);
    }
}

impl HotMemoryRepository {
    /// Keeps up to `max_bytes` of memories of `inner`, those of the users who were there last.
    #[must_use]
    pub fn new(inner: Arc<dyn MemoryRepository>, max_bytes: usize) -> Self {
        let users = Cache::builder()
            .max_capacity(max_bytes as u64)
            .weigher(|_, known: &Arc<Known>| u32::try_from(known.bytes()).unwrap_or(u32::MAX))
            .build();
        let writes = Arc::new(Writes((0..COUNTERS).map(|_| AtomicU64::new(0)).collect()));
        let row = inner.space().dimensions * size_of::<f32>() + RECORD_BYTES;
        Self { inner, users, writes, most: max_bytes / SHARE / row }
    }

    /// The user's memories, if they can be kept.
    async fn known(&self, user: UserId) -> Result<Arc<Known>, StoreError> {
        let writes = self.writes.count(user);
        if let Some(known) = self.users.get(&user).filter(|known| known.writes == writes) {
            return Ok(known);
        }
        metrics::counter!("palavra_hot_memories_loads_total").increment(1);
        let found = self.inner.embedded(user, self.most.saturating_add(1)).await?;
        let memories = (found.len() <= self.most).then(|| found.into_iter().map(Hot::from).collect());
        let known = Arc::new(Known { writes, memories });
        self.users.insert(user, Arc::clone(&known));
        Ok(known)
    }

    /// Does a write, and lets nothing be taken for known that was read before its end. A caller who goes away does not
    /// take the write back.
    async fn write<T, F>(
        &self,
        users: Vec<UserId>,
        write: impl FnOnce(Arc<dyn MemoryRepository>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (inner, writes) = (Arc::clone(&self.inner), Arc::clone(&self.writes));
        let whole = async move {
            let done = write(inner).await;
            // Also after a failure: a lost answer may have been a success.
            users.into_iter().for_each(|user| writes.add(user));
            done
        };
        tokio::spawn(whole).await.unwrap_or_else(|lost| Err(StoreError::Unexpected { source: lost.into() }))
    }
}

impl Known {
    fn bytes(&self) -> usize {
        let memories = self.memories.iter().flatten();
        LEAST_BYTES + memories.map(Hot::bytes).sum::<usize>()
    }
}

impl Hot {
    fn bytes(&self) -> usize {
        RECORD_BYTES + self.memory.text.as_str().len() + self.direction.len() * size_of::<f32>()
    }
}

impl From<EmbeddedMemory> for Hot {
    fn from(embedded: EmbeddedMemory) -> Self {
        Self { memory: embedded.memory, direction: direction(embedded.vector) }
    }
}

/// A vector of length 1 that points the same way; empty when it points nowhere.
fn direction(mut vector: Vec<f32>) -> Vec<f32> {
    let length = dot(&vector, &vector).sqrt();
    if length > 0.0 && length.is_finite() {
        vector.iter_mut().for_each(|part| *part /= length);
        vector
    } else {
        Vec::new()
    }
}

/// The sum of products, in eight sums that the compiler can keep in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0_f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[async_trait]
impl MemoryRepository for HotMemoryRepository {
    fn space(&self) -> &EmbeddingSpace {
        self.inner.space()
    }

    async fn insert(&self, memories: Vec<EmbeddedMemory>) -> Result<(), StoreError> {
        let mut users: Vec<UserId> = memories.iter().map(|embedded| embedded.memory.user_id).collect();
        users.sort_unstable();
        users.dedup();
        self.write(users, |inner| async move { inner.insert(memories).await }).await
    }

    async fn update(&self, memory: EmbeddedMemory) -> Result<Option<Memory>, StoreError> {
        self.write(vec![memory.memory.user_id], |inner| async move { inner.update(memory).await }).await
    }

    async fn find(&self, user: UserId, id: MemoryId) -> Result<Option<Memory>, StoreError> {
        self.inner.find(user, id).await
    }

    async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, StoreError> {
        self.inner.list(user, before, limit).await
    }

    async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError> {
        self.inner.embedded(user, limit).await
    }

    async fn has_any(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(self.known(user).await?.memories.as_ref().is_none_or(|memories| !memories.is_empty()))
    }

    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError> {
        let known = self.known(user).await?;
        let Some(memories) = known.memories.as_ref().filter(|_| vector.len() == self.space().dimensions) else {
            return self.inner.search(user, vector, limit, min_score).await;
        };
        let sought = direction(vector.to_vec());
        let mut found: Vec<(f32, &Memory)> = memories
            .iter()
            .filter(|hot| !hot.direction.is_empty() && !sought.is_empty())
            .map(|hot| (dot(&sought, &hot.direction).clamp(-1.0, 1.0), &hot.memory))
            .filter(|(score, _)| *score >= min_score)
            .collect();
        found.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| other.cursor().cmp(&one.cursor())));
        found.truncate(limit);
        Ok(found.into_iter().map(|(score, memory)| ScoredMemory { memory: memory.clone(), score }).collect())
    }

    async fn delete(&self, user: UserId, id: MemoryId) -> Result<bool, StoreError> {
        self.write(vec![user], move |inner| async move { inner.delete(user, id).await }).await
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        self.write(vec![user], move |inner| async move { inner.delete_all(user).await }).await
    }
}
