//! Memories of active users in process.

use async_trait::async_trait;
use palavra_application::decorators::HotMemoryRepository;
use palavra_contracts::samples::{embedded, user, vector};
use palavra_domain::{
    ChatId, DeletedMemory, EmbeddedMemory, EmbeddingSpace, Memory, MemoryCursor, MemoryId, Page, ScoredMemory,
    StoreError, Timestamp, TurnId, UserId,
    ports::{MemoryRepository, UserRepository},
};
use palavra_inmem::{InMemoryMemoryRepository, InMemoryUserRepository, fakes::Gate};
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

    async fn change(&self, user: UserId, memories: Vec<EmbeddedMemory>) -> Result<Option<Vec<Memory>>, StoreError> {
        self.inner.change(user, memories).await
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
        self.reads.fetch_add(1, Ordering::SeqCst);
        let found = self.inner.embedded(user, limit).await;
        let held = self.held.lock().unwrap().take();
        if let Some(gate) = held {
            gate.pass().await;
        }
        found
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
        self.inner.delete(user, id, now).await
    }

    async fn delete_from_chat(&self, user: UserId, chat: ChatId, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.delete_from_chat(user, chat, now).await
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        self.inner.delete_all(user).await
    }
}

/// Two processes over the same stores.
async fn pair(
    room: usize,
) -> (Arc<SlowMemories>, Arc<InMemoryUserRepository>, Arc<HotMemoryRepository>, Arc<HotMemoryRepository>) {
    let (store, users) = (SlowMemories::new(), Arc::new(InMemoryUserRepository::new()));
    let hot = || Arc::new(HotMemoryRepository::new(store.clone() as Arc<dyn MemoryRepository>, users.clone(), room));
    let (one, other) = (hot(), hot());
    (store, users, one, other)
}

async fn registered(users: &InMemoryUserRepository, name: &str) -> UserId {
    let user = user(name);
    users.insert(&user).await.unwrap();
    user.id
}

/// What a prompt of the user would find: its version is read with its user.
async fn found(port: &HotMemoryRepository, users: &InMemoryUserRepository, user: UserId) -> Vec<String> {
    let version = users.find(user).await.unwrap().unwrap().memory_version;
    let index = port.index(user, version).await.unwrap();
    let found = index.nearest(&vector(DIMENSIONS, 0.0), 100, 0.5);
    found.into_iter().map(|scored| scored.memory.text.into_string()).collect()
}

#[tokio::test]
async fn a_user_is_read_once_until_the_next_write() {
    let (store, users, hot, _) = pair(ROOM).await;
    let user = registered(&users, "ana").await;
    hot.insert(vec![embedded(user, "one", DIMENSIONS, 10.0)]).await.unwrap();
    for _ in 0..5 {
        assert_eq!(found(&hot, &users, user).await, ["one"]);
    }
    assert_eq!(store.reads(), 1);
    hot.insert(vec![embedded(user, "two", DIMENSIONS, 5.0)]).await.unwrap();
    for _ in 0..5 {
        assert_eq!(found(&hot, &users, user).await, ["two", "one"]);
    }
    assert_eq!(store.reads(), 2);
    // That somebody has none is known, too.
    let other = registered(&users, "bia").await;
    for _ in 0..5 {
        assert!(found(&hot, &users, other).await.is_empty());
    }
    assert_eq!(store.reads(), 3);
}

#[tokio::test]
async fn what_is_learnt_of_a_known_user_is_known_without_reading_again() {
    let (store, users, hot, other) = pair(ROOM).await;
    let user = registered(&users, "ana").await;
    hot.insert(vec![embedded(user, "one", DIMENSIONS, 10.0)]).await.unwrap();
    assert_eq!(found(&hot, &users, user).await, ["one"]);
    let learnt = |text: &str, degrees| {
        let mut new = embedded(user, text, DIMENSIONS, degrees);
        new.memory.revision = 0;
        new
    };
    hot.change(user, vec![learnt("two", 5.0)]).await.unwrap().unwrap();
    assert_eq!(found(&hot, &users, user).await, ["two", "one"]);
    assert_eq!(store.reads(), 1);
    let kept = hot.index(user, 0).await.unwrap();
    assert!(kept.memories().iter().all(|memory| memory.revision == 1), "what is kept is what was stored");

    // What another process wrote meanwhile is read, with what is learnt here.
    other.insert(vec![embedded(user, "three", DIMENSIONS, 1.0)]).await.unwrap();
    hot.change(user, vec![learnt("four", 2.0)]).await.unwrap().unwrap();
    assert_eq!(found(&hot, &users, user).await, ["three", "four", "two", "one"]);
    assert_eq!(store.reads(), 2);
}

#[tokio::test]
async fn another_process_sees_a_write_by_the_users_version() {
    let (store, users, hot, other) = pair(ROOM).await;
    let user = registered(&users, "ana").await;
    assert!(found(&other, &users, user).await.is_empty());
    hot.insert(vec![embedded(user, "one", DIMENSIONS, 10.0)]).await.unwrap();
    assert_eq!(found(&other, &users, user).await, ["one"]);
    let memory = hot.list(user, None, 1).await.unwrap().items.remove(0);
    hot.delete(user, memory.id, memory.created_at).await.unwrap();
    assert!(found(&other, &users, user).await.is_empty());
    let reads = store.reads();
    assert!(found(&other, &users, user).await.is_empty());
    assert_eq!(store.reads(), reads);
}

#[tokio::test]
async fn what_was_read_before_a_write_is_not_taken_for_known_after_it() {
    let (store, users, hot, _) = pair(ROOM).await;
    let user = registered(&users, "ana").await;
    let gate = Gate::new();
    *store.held.lock().unwrap() = Some(gate.clone());
    let reading = tokio::spawn({
        let (hot, users) = (Arc::clone(&hot), Arc::clone(&users));
        async move { found(&hot, &users, user).await }
    });
    gate.reached().await;
    hot.insert(vec![embedded(user, "new", DIMENSIONS, 0.0)]).await.unwrap();
    gate.open();
    assert!(reading.await.unwrap().is_empty());
    assert_eq!(found(&hot, &users, user).await, ["new"]);
}

#[tokio::test]
async fn a_user_who_takes_too_much_room_is_read_each_time() {
    let (store, users, hot, _) = pair(4 << 10).await;
    let user = registered(&users, "ana").await;
    for n in 0_u8..20 {
        hot.insert(vec![embedded(user, &format!("{n}"), DIMENSIONS, f32::from(n))]).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(found(&hot, &users, user).await.len(), 20);
    }
    assert_eq!(store.reads(), 3);
}
