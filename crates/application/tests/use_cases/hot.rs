//! Memories of active users in process.

use async_trait::async_trait;
use palavra_application::decorators::HotMemoryRepository;
use palavra_contracts::samples::{embedded, user_id, vector};
use palavra_domain::{
    EmbeddedMemory, EmbeddingSpace, Memory, MemoryCursor, MemoryId, Page, ScoredMemory, StoreError, UserId,
    ports::MemoryRepository,
};
use palavra_inmem::{InMemoryMemoryRepository, fakes::Gate};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

const DIMENSIONS: usize = 16;
const ROOM: usize = 1 << 20;

/// Memories in a store whose reads can be counted and, once they have read, held back.
struct SlowMemories {
    inner: InMemoryMemoryRepository,
    reads: AtomicUsize,
    held: Mutex<Option<Gate>>,
}

impl SlowMemories {
    fn new() -> Arc<Self> {
        let space = EmbeddingSpace { model: "words".into(), dimensions: DIMENSIONS };
        let inner = InMemoryMemoryRepository::new(space);
        Arc::new(Self { inner, reads: AtomicUsize::new(0), held: Mutex::default() })
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl MemoryRepository for SlowMemories {
    fn space(&self) -> &EmbeddingSpace {
        self.inner.space()
    }

    async fn insert(&self, memories: Vec<EmbeddedMemory>) -> Result<(), StoreError> {
        self.inner.insert(memories).await
    }

    async fn update(&self, memory: EmbeddedMemory) -> Result<Option<Memory>, StoreError> {
        self.inner.update(memory).await
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
        self.reads.fetch_add(1, Ordering::SeqCst);
        let found = self.inner.embedded(user, limit).await;
        let held = self.held.lock().unwrap().take();
        if let Some(gate) = held {
            gate.pass().await;
        }
        found
    }

    async fn has_any(&self, user: UserId) -> Result<bool, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.has_any(user).await
    }

    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.search(user, vector, limit, min_score).await
    }

    async fn delete(&self, user: UserId, id: MemoryId) -> Result<bool, StoreError> {
        self.inner.delete(user, id).await
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        self.inner.delete_all(user).await
    }
}

async fn found(port: &HotMemoryRepository, user: UserId) -> Vec<String> {
    let found = port.search(user, &vector(DIMENSIONS, 0.0), 100, 0.5).await.unwrap();
    found.into_iter().map(|scored| scored.memory.text.into_string()).collect()
}

#[tokio::test]
async fn a_user_is_read_once_until_the_next_write() {
    let store = SlowMemories::new();
    let hot = HotMemoryRepository::new(Arc::clone(&store) as Arc<dyn MemoryRepository>, ROOM);
    let user = user_id();
    hot.insert(vec![embedded(user, "one", DIMENSIONS, 10.0)]).await.unwrap();
    for _ in 0..5 {
        assert!(hot.has_any(user).await.unwrap());
        assert_eq!(found(&hot, user).await, ["one"]);
    }
    assert_eq!(store.reads(), 1);
    hot.insert(vec![embedded(user, "two", DIMENSIONS, 5.0)]).await.unwrap();
    for _ in 0..5 {
        assert_eq!(found(&hot, user).await, ["two", "one"]);
    }
    assert_eq!(store.reads(), 2);
    // That somebody has none is known, too.
    let other = user_id();
    for _ in 0..5 {
        assert!(!hot.has_any(other).await.unwrap());
    }
    assert_eq!(store.reads(), 3);
}

#[tokio::test]
async fn what_was_read_before_a_write_is_not_taken_for_known_after_it() {
    let store = SlowMemories::new();
    let hot = Arc::new(HotMemoryRepository::new(Arc::clone(&store) as Arc<dyn MemoryRepository>, ROOM));
    let user = user_id();
    let gate = Gate::new();
    *store.held.lock().unwrap() = Some(gate.clone());
    let reading = tokio::spawn({
        let hot = Arc::clone(&hot);
        async move { found(&hot, user).await }
    });
    gate.reached().await;
    hot.insert(vec![embedded(user, "new", DIMENSIONS, 0.0)]).await.unwrap();
    gate.open();
    assert!(reading.await.unwrap().is_empty());
    assert_eq!(found(&hot, user).await, ["new"]);
}

#[tokio::test]
async fn a_user_who_takes_too_much_room_is_searched_in_the_store() {
    let store = SlowMemories::new();
    let row = DIMENSIONS * size_of::<f32>() + 256;
    // A fourth of the room holds four.
    let hot = HotMemoryRepository::new(Arc::clone(&store) as Arc<dyn MemoryRepository>, row * 4 * 4);
    let user = user_id();
    for n in 0_u8..5 {
        hot.insert(vec![embedded(user, &format!("{n}"), DIMENSIONS, f32::from(n))]).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(found(&hot, user).await.len(), 5);
    }
    // That there are too many is known; each search goes to the store.
    assert_eq!(store.reads(), 1 + 3);
    assert!(hot.has_any(user).await.unwrap());
    assert_eq!(store.reads(), 1 + 3);
}
