//! The cache in front of users and sessions.

use crate::world::soon;
use async_trait::async_trait;
use palavra_application::decorators::{CachedSessionStore, CachedUserRepository};
use palavra_contracts::samples::{at, bare_user, refresh_hash, session_id, user_id};
use palavra_domain::{
    DisplayName, Session, StoreError, Timestamp, User, UserId, Username,
    ports::{Cache, SessionStore, UserRepository},
};
use palavra_inmem::{InMemorySessionStore, InMemoryUserRepository, MokaCache, fakes::Gate};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const TTL: Duration = Duration::from_secs(60);

/// Users in a store whose reads can be counted and, once they have read, held back.
#[derive(Default)]
struct SlowUsers {
    inner: InMemoryUserRepository,
    reads: AtomicUsize,
    held: Mutex<Option<Gate>>,
}

#[async_trait]
impl UserRepository for SlowUsers {
    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.inner.insert(user).await
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let found = self.inner.find(id).await;
        let held = self.held.lock().unwrap().take();
        if let Some(gate) = held {
            gate.pass().await;
        }
        found
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        self.inner.find_by_username(username).await
    }

    async fn update(&self, user: &User) -> Result<Option<User>, StoreError> {
        self.inner.update(user).await
    }

    async fn memories_changed(&self, id: UserId, cleared_at: Option<Timestamp>) -> Result<Option<u64>, StoreError> {
        self.inner.memories_changed(id, cleared_at).await
    }
}

/// A cache that is down.
struct NoCache;

fn down() -> StoreError {
    StoreError::Unavailable { source: "down".into() }
}

#[async_trait]
impl Cache for NoCache {
    async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Err(down())
    }

    async fn put(&self, _: &str, _: Vec<u8>, _: Duration) -> Result<(), StoreError> {
        Err(down())
    }

    async fn put_if_absent(&self, _: &str, _: Vec<u8>, _: Duration) -> Result<(), StoreError> {
        Err(down())
    }
}

/// A cache whose writes stand at a gate.
pub(crate) struct GatedCache {
    pub(crate) inner: MokaCache,
    pub(crate) gate: Gate,
}

#[async_trait]
impl Cache for GatedCache {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), StoreError> {
        self.gate.pass().await;
        self.inner.put(key, value, ttl).await
    }

    async fn put_if_absent(&self, key: &str, value: Vec<u8>, ttl: Duration) -> Result<(), StoreError> {
        self.inner.put_if_absent(key, value, ttl).await
    }
}

fn renamed(user: &User, name: &str) -> User {
    User { display_name: Some(DisplayName::parse(name).unwrap()), ..user.clone() }
}

fn session() -> Session {
    Session {
        id: session_id(),
        user_id: user_id(),
        refresh_hash: refresh_hash(1),
        created_at: at(0),
        last_used_at: at(0),
        expires_at: at(1_000_000),
        revoked_at: None,
    }
}

#[tokio::test]
async fn a_user_is_read_once() {
    let store = Arc::new(SlowUsers::default());
    let cached = CachedUserRepository::new(store.clone(), Arc::new(MokaCache::new(1 << 20)), TTL);
    let ana = bare_user("ana");
    cached.insert(&ana).await.unwrap();
    for _ in 0..3 {
        assert_eq!(cached.find(ana.id).await.unwrap().as_ref(), Some(&ana));
    }
    assert_eq!(store.reads.load(Ordering::SeqCst), 1);
    // Who is not there is not remembered as such.
    for _ in 0..2 {
        assert_eq!(cached.find(user_id()).await.unwrap(), None);
    }
    assert_eq!(store.reads.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_slow_read_does_not_bring_an_old_value_back() {
    let store = Arc::new(SlowUsers::default());
    let cached = Arc::new(CachedUserRepository::new(store.clone(), Arc::new(MokaCache::new(1 << 20)), TTL));
    let ana = bare_user("ana");
    cached.insert(&ana).await.unwrap();
    let gate = Gate::new();
    *store.held.lock().unwrap() = Some(gate.clone());
    let slow = tokio::spawn({
        let cached = Arc::clone(&cached);
        async move { cached.find(ana.id).await.unwrap().unwrap() }
    });
    soon(gate.reached()).await;
    let new = cached.update(&renamed(&ana, "Ana")).await.unwrap().unwrap();
    gate.open();
    // What began before the write may see the old value; what begins after it may not.
    assert_eq!(soon(slow).await.unwrap().display_name, None);
    for _ in 0..2 {
        assert_eq!(cached.find(new.id).await.unwrap().as_ref(), Some(&new));
    }
}

#[tokio::test]
async fn a_change_to_memories_is_seen_by_the_next_read() {
    let store = Arc::new(SlowUsers::default());
    let cached = CachedUserRepository::new(store.clone(), Arc::new(MokaCache::new(1 << 20)), TTL);
    let ana = bare_user("ana");
    cached.insert(&ana).await.unwrap();
    for (version, cleared_at) in [(1, None), (2, Some(at(9)))] {
        cached.find(ana.id).await.unwrap();
        assert_eq!(cached.memories_changed(ana.id, cleared_at).await.unwrap(), Some(version));
        let expected = User { memory_version: version, memories_cleared_at: cleared_at, ..ana.clone() };
        assert_eq!(cached.find(ana.id).await.unwrap(), Some(expected));
    }
    assert_eq!(cached.memories_changed(user_id(), None).await.unwrap(), None);
}

#[tokio::test]
async fn a_stale_update_makes_way_for_a_fresh_read() {
    let store = Arc::new(SlowUsers::default());
    let cached = CachedUserRepository::new(store.clone(), Arc::new(MokaCache::new(1 << 20)), TTL);
    let ana = bare_user("ana");
    cached.insert(&ana).await.unwrap();
    let seen = cached.find(ana.id).await.unwrap().unwrap();
    // Another instance, whose cache is not ours.
    store.update(&renamed(&seen, "Elsewhere")).await.unwrap();
    assert!(matches!(cached.update(&renamed(&seen, "Here")).await, Err(StoreError::Stale(_))));
    let fresh = cached.find(ana.id).await.unwrap().unwrap();
    assert_eq!(fresh.revision, 2);
    cached.update(&renamed(&fresh, "Here")).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_cache_that_is_down_is_passed_by() {
    let users = CachedUserRepository::new(Arc::new(InMemoryUserRepository::new()), Arc::new(NoCache), TTL);
    let ana = bare_user("ana");
    users.insert(&ana).await.unwrap();
    let new = users.update(&renamed(&ana, "Ana")).await.unwrap().unwrap();
    assert_eq!(users.find(ana.id).await.unwrap(), Some(new));

    let sessions = CachedSessionStore::new(Arc::new(InMemorySessionStore::new()), Arc::new(NoCache), TTL);
    let session = session();
    sessions.insert(&session).await.unwrap();
    assert!(sessions.revoke(session.user_id, session.id, at(5)).await.unwrap());
    let found = sessions.find(session.user_id, session.id).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(5)));
}

#[tokio::test]
async fn bytes_of_another_version_are_passed_by() {
    let cache = Arc::new(MokaCache::new(1 << 20));
    let cached = CachedUserRepository::new(Arc::new(InMemoryUserRepository::new()), cache.clone(), TTL);
    let ana = bare_user("ana");
    cached.insert(&ana).await.unwrap();
    cache.put(&format!("user:{}", ana.id), br#"{"v":2}"#.to_vec(), TTL).await.unwrap();
    assert_eq!(cached.find(ana.id).await.unwrap(), Some(ana));
}

#[tokio::test]
async fn ended_sessions_are_not_admitted_from_the_cache() {
    let inner = Arc::new(InMemorySessionStore::new());
    let cached = CachedSessionStore::new(inner, Arc::new(MokaCache::new(1 << 20)), TTL);
    let kept = session();
    let ended = Session { id: session_id(), ..kept.clone() };
    for session in [&kept, &ended] {
        cached.insert(session).await.unwrap();
        assert!(cached.find(session.user_id, session.id).await.unwrap().unwrap().is_live(at(1)));
    }
    assert_eq!(cached.revoke_others(kept.user_id, kept.id, at(1)).await.unwrap(), [ended.id]);
    assert!(!cached.find(ended.user_id, ended.id).await.unwrap().unwrap().is_live(at(1)));
    assert!(cached.find(kept.user_id, kept.id).await.unwrap().unwrap().is_live(at(1)));
    // Another user's key does not lead there.
    assert_eq!(cached.find(user_id(), kept.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_write_that_is_dropped_half_way_leaves_no_old_value_cached() {
    let gate = Gate::new();
    let cache = Arc::new(GatedCache { inner: MokaCache::new(1 << 20), gate: gate.clone() });
    let cached = Arc::new(CachedSessionStore::new(Arc::new(InMemorySessionStore::new()), cache, TTL));
    let sessions: Vec<Session> = (0..2).map(|_| session()).collect();
    for session in &sessions {
        cached.insert(session).await.unwrap();
        cached.find(session.user_id, session.id).await.unwrap();
    }
    // Clients that go away while their sessions are being ended.
    let others = session_id();
    let ending = [
        tokio::spawn({
            let (cached, session) = (Arc::clone(&cached), sessions[0].clone());
            async move { cached.revoke(session.user_id, session.id, at(1)).await.map(|_| ()) }
        }),
        tokio::spawn({
            let (cached, session) = (Arc::clone(&cached), sessions[1].clone());
            async move { cached.revoke_others(session.user_id, others, at(1)).await.map(|_| ()) }
        }),
    ];
    soon(gate.reached()).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    for task in ending {
        task.abort();
        drop(task.await);
    }
    gate.open();
    tokio::time::sleep(Duration::from_millis(50)).await;
    for session in &sessions {
        assert!(!cached.find(session.user_id, session.id).await.unwrap().unwrap().is_live(at(2)));
    }
}
