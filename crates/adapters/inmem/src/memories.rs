//! Memories.

use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{
    EmbeddedMemory, EmbeddingSpace, Entity, Memory, MemoryCursor, MemoryId, MemoryKey, Page, ScoredMemory, StoreError,
    UserId,
    ports::{MemoryArchive, MemoryRepository, Scan},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map::Entry},
    sync::Mutex,
};

type Memories = BTreeMap<(UserId, MemoryId), EmbeddedMemory>;

/// Memories in memory: every search looks at all of a user's.
pub struct InMemoryMemoryRepository {
    space: EmbeddingSpace,
    memories: Mutex<Memories>,
}

impl InMemoryMemoryRepository {
    /// A repository without memories, for vectors of `space`.
    #[must_use]
    pub fn new(space: EmbeddingSpace) -> Self {
        Self { space, memories: Mutex::default() }
    }

    fn check(&self, vector: &[f32]) -> Result<(), StoreError> {
        if vector.len() == self.space.dimensions {
            return Ok(());
        }
        let message = format!("a vector of {} dimensions does not belong to {}", vector.len(), self.space);
        Err(StoreError::Unexpected { source: message.into() })
    }
}

/// A user's memories, in no order that counts.
fn own(memories: &Memories, user: UserId) -> impl Iterator<Item = &EmbeddedMemory> {
    memories.values().filter(move |embedded| embedded.memory.user_id == user)
}

/// Cosine similarity; 0 when either vector has no direction.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { (dot(a, b) / length).clamp(-1.0, 1.0) } else { 0.0 }
}

#[async_trait]
impl MemoryRepository for InMemoryMemoryRepository {
    fn space(&self) -> &EmbeddingSpace {
        &self.space
    }

    async fn insert(&self, memories: Vec<EmbeddedMemory>) -> Result<(), StoreError> {
        for embedded in &memories {
            self.check(&embedded.vector)?;
        }
        let mut stored = locked(&self.memories);
        for embedded in memories {
            stored.entry((embedded.memory.user_id, embedded.memory.id)).or_insert(embedded);
        }
        Ok(())
    }

    async fn update(&self, change: EmbeddedMemory) -> Result<Option<Memory>, StoreError> {
        self.check(&change.vector)?;
        let mut memories = locked(&self.memories);
        let Entry::Occupied(mut entry) = memories.entry((change.memory.user_id, change.memory.id)) else {
            return Ok(None);
        };
        let stored = entry.get_mut();
        if stored.memory.revision != change.memory.revision {
            return Err(StoreError::Stale(Entity::Memory));
        }
        stored.memory.revision += 1;
        stored.memory.text = change.memory.text;
        stored.memory.kind = change.memory.kind;
        stored.memory.updated_at = change.memory.updated_at;
        stored.vector = change.vector;
        Ok(Some(stored.memory.clone()))
    }

    async fn find(&self, user: UserId, id: MemoryId) -> Result<Option<Memory>, StoreError> {
        Ok(locked(&self.memories).get(&(user, id)).map(|embedded| embedded.memory.clone()))
    }

    async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, StoreError> {
        let memories = locked(&self.memories);
        let below = |memory: &&Memory| before.is_none_or(|before| memory.cursor() < before);
        let mut items: Vec<Memory> =
            own(&memories, user).map(|embedded| &embedded.memory).filter(below).cloned().collect();
        items.sort_by_key(|memory| Reverse(memory.cursor()));
        items.truncate(limit.saturating_add(1));
        Ok(Page::from_overfull(items, limit, Memory::cursor))
    }

    async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError> {
        let mut found: Vec<EmbeddedMemory> = own(&locked(&self.memories), user).cloned().collect();
        found.sort_by_key(|embedded| Reverse(embedded.memory.cursor()));
        found.truncate(limit);
        Ok(found)
    }

    async fn has_any(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(own(&locked(&self.memories), user).next().is_some())
    }

    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError> {
        self.check(vector)?;
        let memories = locked(&self.memories);
        let mut found: Vec<(f32, &Memory)> = own(&memories, user)
            .map(|embedded| (cosine(vector, &embedded.vector), &embedded.memory))
            .filter(|(score, _)| *score >= min_score)
            .collect();
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        found.truncate(limit);
        Ok(found.into_iter().map(|(score, memory)| ScoredMemory { memory: memory.clone(), score }).collect())
    }

    async fn delete(&self, user: UserId, id: MemoryId) -> Result<bool, StoreError> {
        Ok(locked(&self.memories).remove(&(user, id)).is_some())
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        let mut memories = locked(&self.memories);
        let count = memories.len();
        memories.retain(|(owner, _), _| *owner != user);
        Ok((count - memories.len()) as u64)
    }
}

#[async_trait]
impl MemoryArchive for InMemoryMemoryRepository {
    async fn scan(
        &self,
        after: Option<MemoryKey>,
        limit: usize,
    ) -> Result<Scan<EmbeddedMemory, MemoryKey>, StoreError> {
        let memories = locked(&self.memories);
        let above = |embedded: &&EmbeddedMemory| after.is_none_or(|after| embedded.memory.key() > after);
        let items = memories.values().filter(above).take(limit.saturating_add(1)).cloned().collect();
        let page = Page::from_overfull(items, limit, |embedded: &EmbeddedMemory| embedded.memory.key());
        Ok(Page { items: page.items.into_iter().map(Ok).collect(), next: page.next })
    }
}
