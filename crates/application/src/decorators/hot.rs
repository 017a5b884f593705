//! Memories of active users, kept in process.
//!
//! Recall asks for a user's memories before every prompt. The first prompt of a user reads them all, the following ones
//! search them here, exactly: the cost grows with the user's memories and not with the table. Every write moves the user's
//! `memory_version`, which each prompt reads with its user anyway, so that every instance knows when to read them again.

use async_trait::async_trait;
use moka::sync::Cache;
use palavra_domain::{
    ChatId, DeletedMemory, EmbeddedMemory, EmbeddingSpace, Memory, MemoryCursor, MemoryId, Page, ScoredMemory,
    StoreError, Timestamp, TurnId, UserId,
    ports::{INDEXED, MemoryRepository, UserRepository},
    recall::MemoryIndex,
};
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Counters of writes, each shared by some of the users: a write of one of them costs the others a read.
const COUNTERS: usize = 4096;
/// A user may take this part of the room.
const SHARE: usize = 4;
/// How long memories are kept without being read again: a bound for the case that a version could not be moved.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// How often moving a version is tried, and how long is waited in between.
const TRIES: u32 = 3;
const WAIT: Duration = Duration::from_millis(50);

/// A [`MemoryRepository`] with the memories of active users in process, whose writes move the users' `memory_version`.
pub struct HotMemoryRepository {
    inner: Arc<dyn MemoryRepository>,
    hot: Cache<UserId, Known>,
    writes: Arc<Writes>,
    most_bytes: usize,
}

/// What was read of a user.
#[derive(Clone)]
struct Known {
    /// The user's version, and the count of this process's writes, before it was read.
    version: u64,
    writes: u64,
    index: Arc<MemoryIndex>,
}

/// What tells this process, and by the users' versions the others, that somebody was written for.
struct Writes {
    counters: Vec<AtomicU64>,
    users: Arc<dyn UserRepository>,
}

impl Writes {
    fn of(&self, user: UserId) -> &AtomicU64 {
        // The last bytes of a UUID are random.
        let [.., high, low] = user.uuid().into_bytes();
        &self.counters[usize::from(u16::from_be_bytes([high, low])) % COUNTERS]
    }

    fn count(&self, user: UserId) -> u64 {
        self.of(user).load(Ordering::SeqCst)
    }

    /// Counts a write that has ended, and moves the user's version: how many there are now, and the version where it is known.
    /// The write is done: it does not fail with this.
    async fn ended(&self, user: UserId) -> (u64, Option<u64>) {
        let count = self.of(user).fetch_add(1, Ordering::SeqCst) + 1;
        (count, move_version(self.users.as_ref(), user).await)
    }
}

impl HotMemoryRepository {
    /// Keeps up to `max_bytes` of memories of `inner`, those of the users who were there last.
    #[must_use]
    pub fn new(inner: Arc<dyn MemoryRepository>, users: Arc<dyn UserRepository>, max_bytes: usize) -> Self {
        let hot = Cache::builder()
            .max_capacity(max_bytes as u64)
            .weigher(|_, known: &Known| u32::try_from(known.index.bytes()).unwrap_or(u32::MAX))
            .time_to_live(KEPT)
            .build();
        let counters = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Self { inner, hot, writes: Arc::new(Writes { counters, users }), most_bytes: max_bytes / SHARE }
    }

    /// Does a write, lets nothing be taken for known that was read before its end, and moves the users' versions. A caller
    /// who goes away does not take any of it back.
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
        detached(async move {
            let done = write(inner).await;
            for user in users {
                // Also after a failure: a lost answer may have been a success.
                writes.ended(user).await;
            }
            done
        })
        .await
    }
}

/// Does something to its end, even if the caller goes away.
async fn detached<T: Send + 'static>(
    whole: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(whole).await.unwrap_or_else(|lost| Err(StoreError::Unexpected { source: lost.into() }))
}

/// What was stored of what was written, with the vectors.
fn embedded(stored: &[Memory], written: Vec<EmbeddedMemory>) -> Vec<EmbeddedMemory> {
    let stored = |id: MemoryId| stored.iter().find(|memory| memory.id == id).cloned();
    written
        .into_iter()
        .filter_map(|written| Some(EmbeddedMemory { memory: stored(written.memory.id)?, ..written }))
        .collect()
}

/// Other instances learn of a write by the version.
async fn move_version(users: &dyn UserRepository, user: UserId) -> Option<u64> {
    for attempt in 1..=TRIES {
        match users.memories_changed(user, None).await {
            Ok(version) => return version,
            Err(error) if attempt < TRIES && error.is_transient() => tokio::time::sleep(WAIT).await,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn Error, %user,
                    "other instances see a change of memories only after {} minutes", KEPT.as_secs() / 60
                );
                return None;
            }
        }
    }
    None
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

    async fn change(&self, user: UserId, memories: Vec<EmbeddedMemory>) -> Result<Option<Vec<Memory>>, StoreError> {
        let writes = self.writes.count(user);
        let known = self.hot.get(&user).filter(|known| known.writes == writes);
        let (inner, all_writes) = (Arc::clone(&self.inner), Arc::clone(&self.writes));
        let (hot, most_bytes) = (self.hot.clone(), self.most_bytes);
        detached(async move {
            let done = inner.change(user, memories.clone()).await;
            let (writes, version) = all_writes.ended(user).await;
            // If nobody else wrote since it was read, it need not be read again.
            if let (Some(known), Some(version), Ok(Some(stored))) = (known, version, &done)
                && (known.version + 1, known.writes + 1) == (version, writes)
            {
                let index = Arc::new(known.index.changed(&embedded(stored, memories), INDEXED));
                if index.bytes() <= most_bytes {
                    hot.insert(user, Known { version, writes, index });
                }
            }
            done
        })
        .await
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

    async fn history(&self, user: UserId, id: MemoryId) -> Result<Vec<Memory>, StoreError> {
        self.inner.history(user, id).await
    }

    async fn past(&self, user: UserId) -> Result<Vec<Memory>, StoreError> {
        self.inner.past(user).await
    }

    async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError> {
        self.inner.embedded(user, limit).await
    }

    async fn index(&self, user: UserId, version: u64) -> Result<Arc<MemoryIndex>, StoreError> {
        let writes = self.writes.count(user);
        let current = |known: &Known| known.writes == writes && known.version >= version;
        if let Some(known) = self.hot.get(&user).filter(current) {
            return Ok(known.index);
        }
        metrics::counter!("palavra_hot_memories_loads_total").increment(1);
        let index = Arc::new(MemoryIndex::new(self.inner.embedded(user, INDEXED).await?));
        if index.bytes() <= self.most_bytes {
            self.hot.insert(user, Known { version, writes, index: Arc::clone(&index) });
        }
        Ok(index)
    }

    async fn has_any(&self, user: UserId) -> Result<bool, StoreError> {
        self.inner.has_any(user).await
    }

    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError> {
        self.inner.search(user, vector, limit, min_score).await
    }

    async fn knows_turn(&self, user: UserId, turn: TurnId) -> Result<bool, StoreError> {
        self.inner.knows_turn(user, turn).await
    }

    async fn deleted(&self, user: UserId) -> Result<Vec<DeletedMemory>, StoreError> {
        self.inner.deleted(user).await
    }

    async fn delete(&self, user: UserId, id: MemoryId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(vec![user], move |inner| async move { inner.delete(user, id, now).await }).await
    }

    async fn delete_from_chat(&self, user: UserId, chat: ChatId, now: Timestamp) -> Result<u64, StoreError> {
        self.write(vec![user], move |inner| async move { inner.delete_from_chat(user, chat, now).await }).await
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        self.write(vec![user], move |inner| async move { inner.delete_all(user).await }).await
    }
}
