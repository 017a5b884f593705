//! Memories.

use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{
    ChatId, DeletedMemory, EmbeddedMemory, EmbeddingSpace, Entity, Memory, MemoryCursor, MemoryId, MemoryKey,
    MemoryRecord, MemorySource, MemoryState, Page, ScoredMemory, StoreError, Timestamp, TurnId, UserId,
    ports::{MemoryArchive, MemoryRepository, Scan},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

type Records = BTreeMap<MemoryKey, MemoryRecord>;

/// Memories in memory: every search looks at all of a user's.
pub struct InMemoryMemoryRepository {
    space: EmbeddingSpace,
    records: Mutex<Records>,
}

impl InMemoryMemoryRepository {
    /// A repository without memories, for vectors of `space`.
    #[must_use]
    pub fn new(space: EmbeddingSpace) -> Self {
        Self { space, records: Mutex::default() }
    }

    fn check(&self, vector: &[f32]) -> Result<(), StoreError> {
        if vector.len() == self.space.dimensions {
            return Ok(());
        }
        let message = format!("a vector of {} dimensions does not belong to {}", vector.len(), self.space);
        Err(StoreError::Unexpected { source: message.into() })
    }
}

/// A user's records, by id.
fn own(records: &Records, user: UserId) -> impl Iterator<Item = &MemoryRecord> {
    let least = MemoryKey { user, id: MemoryId::new(Default::default()) };
    records.range(least..).map(|(_, record)| record).take_while(move |record| record.key().user == user)
}

/// A user's memories in any state.
fn kept(records: &Records, user: UserId) -> impl Iterator<Item = &EmbeddedMemory> {
    own(records, user).filter_map(MemoryRecord::kept)
}

fn active(records: &Records, user: UserId) -> impl Iterator<Item = &EmbeddedMemory> {
    kept(records, user).filter(|embedded| embedded.memory.state == MemoryState::Active)
}

/// These memories of a user, and all that they took the place of.
fn lineage(records: &Records, user: UserId, ids: impl IntoIterator<Item = MemoryId>) -> BTreeSet<MemoryId> {
    let mut met: BTreeSet<MemoryId> = ids.into_iter().collect();
    loop {
        let before = met.len();
        let superseded = kept(records, user).map(|embedded| &embedded.memory);
        let superseded = superseded.filter(|memory| memory.superseded_by.is_some_and(|by| met.contains(&by)));
        let more: Vec<MemoryId> = superseded.map(|memory| memory.id).collect();
        met.extend(more);
        if met.len() == before {
            return met;
        }
    }
}

/// Leaves of these memories of a user what is left of deleted ones; tells how many were there, and how many were active.
fn forget(records: &mut Records, user: UserId, ids: BTreeSet<MemoryId>, now: Timestamp) -> (u64, u64) {
    let (mut there, mut active) = (0, 0);
    for id in ids {
        let Some(record) = records.get_mut(&MemoryKey { user, id }) else { continue };
        let MemoryRecord::Kept(EmbeddedMemory { memory, .. }) = record else { continue };
        there += 1;
        active += u64::from(memory.state == MemoryState::Active);
        *record = MemoryRecord::Deleted(DeletedMemory {
            id,
            user_id: user,
            text_hash: memory.text.hash(),
            turn: memory.source.as_ref().map(|source| source.turn),
            deleted_at: now,
        });
    }
    (there, active)
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
        let mut records = locked(&self.records);
        for embedded in memories {
            records.entry(embedded.memory.key()).or_insert(MemoryRecord::Kept(embedded));
        }
        Ok(())
    }

    async fn change(&self, user: UserId, memories: Vec<EmbeddedMemory>) -> Result<Option<Vec<Memory>>, StoreError> {
        for embedded in &memories {
            self.check(&embedded.vector)?;
            if embedded.memory.user_id != user {
                return Err(StoreError::Unexpected { source: "a memory is of another user".into() });
            }
        }
        let mut records = locked(&self.records);
        for EmbeddedMemory { memory, .. } in memories.iter().filter(|embedded| embedded.memory.revision > 0) {
            match records.get(&memory.key()) {
                Some(MemoryRecord::Kept(stored)) if stored.memory.revision == memory.revision => {}
                Some(MemoryRecord::Kept(_)) => return Err(StoreError::Stale(Entity::Memory)),
                Some(MemoryRecord::Deleted(_)) | None => return Ok(None),
            }
        }
        let mut written = Vec::new();
        for mut embedded in memories {
            let key = embedded.memory.key();
            match records.get(&key) {
                Some(_) if embedded.memory.revision == 0 => continue,
                Some(MemoryRecord::Kept(stored)) => {
                    embedded.memory.created_at = stored.memory.created_at;
                    embedded.memory.origin = stored.memory.origin;
                    embedded.memory.source = stored.memory.source.clone();
                }
                Some(MemoryRecord::Deleted(_)) | None => {}
            }
            embedded.memory.revision += 1;
            written.push(embedded.memory.clone());
            records.insert(key, MemoryRecord::Kept(embedded));
        }
        Ok(Some(written))
    }

    async fn find(&self, user: UserId, id: MemoryId) -> Result<Option<Memory>, StoreError> {
        Ok(match locked(&self.records).get(&MemoryKey { user, id }) {
            Some(MemoryRecord::Kept(embedded)) => Some(embedded.memory.clone()),
            Some(MemoryRecord::Deleted(_)) | None => None,
        })
    }

    async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, StoreError> {
        let records = locked(&self.records);
        let below = |memory: &&Memory| before.is_none_or(|before| memory.cursor() < before);
        let mut items: Vec<Memory> =
            active(&records, user).map(|embedded| &embedded.memory).filter(below).cloned().collect();
        items.sort_by_key(|memory| Reverse(memory.cursor()));
        items.truncate(limit.saturating_add(1));
        Ok(Page::from_overfull(items, limit, Memory::cursor))
    }

    async fn history(&self, user: UserId, id: MemoryId) -> Result<Vec<Memory>, StoreError> {
        let records = locked(&self.records);
        let ids = lineage(&records, user, [id]);
        let memories = kept(&records, user).map(|embedded| &embedded.memory);
        let mut found: Vec<Memory> = memories.filter(|memory| ids.contains(&memory.id)).cloned().collect();
        if !found.iter().any(|memory| memory.id == id) {
            return Ok(Vec::new());
        }
        found.sort_by_key(Memory::time_line);
        Ok(found)
    }

    async fn past(&self, user: UserId) -> Result<Vec<Memory>, StoreError> {
        let records = locked(&self.records);
        let memories = kept(&records, user).map(|embedded| &embedded.memory);
        Ok(memories.filter(|memory| memory.state != MemoryState::Active).cloned().collect())
    }

    async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError> {
        let mut found: Vec<EmbeddedMemory> = active(&locked(&self.records), user).cloned().collect();
        found.sort_by_key(|embedded| Reverse(embedded.memory.cursor()));
        found.truncate(limit);
        Ok(found)
    }

    async fn has_any(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(active(&locked(&self.records), user).next().is_some())
    }

    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError> {
        self.check(vector)?;
        let records = locked(&self.records);
        let mut found: Vec<(f32, &Memory)> = active(&records, user)
            .map(|embedded| (cosine(vector, &embedded.vector), &embedded.memory))
            .filter(|(score, _)| *score >= min_score)
            .collect();
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        found.truncate(limit);
        Ok(found.into_iter().map(|(score, memory)| ScoredMemory { memory: memory.clone(), score }).collect())
    }

    async fn knows_turn(&self, user: UserId, turn: TurnId) -> Result<bool, StoreError> {
        Ok(own(&locked(&self.records), user).any(|record| match record {
            MemoryRecord::Kept(embedded) => embedded.memory.source.as_ref().is_some_and(|source| source.turn == turn),
            MemoryRecord::Deleted(deleted) => deleted.turn == Some(turn),
        }))
    }

    async fn deleted(&self, user: UserId) -> Result<Vec<DeletedMemory>, StoreError> {
        let records = locked(&self.records);
        let deleted = own(&records, user).filter_map(|record| match record {
            MemoryRecord::Deleted(deleted) => Some(deleted.clone()),
            MemoryRecord::Kept(_) => None,
        });
        Ok(deleted.collect())
    }

    async fn delete(&self, user: UserId, id: MemoryId, now: Timestamp) -> Result<bool, StoreError> {
        let mut records = locked(&self.records);
        if !matches!(records.get(&MemoryKey { user, id }), Some(MemoryRecord::Kept(_))) {
            return Ok(false);
        }
        let ids = lineage(&records, user, [id]);
        Ok(forget(&mut records, user, ids, now).0 > 0)
    }

    async fn delete_from_chat(&self, user: UserId, chat: ChatId, now: Timestamp) -> Result<u64, StoreError> {
        let mut records = locked(&self.records);
        let of_chat = |source: &MemorySource| source.chat == chat;
        let memories = kept(&records, user).map(|embedded| &embedded.memory);
        let ids: Vec<MemoryId> =
            memories.filter(|memory| memory.source.as_ref().is_some_and(of_chat)).map(|memory| memory.id).collect();
        let ids = lineage(&records, user, ids);
        Ok(forget(&mut records, user, ids, now).1)
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        let mut records = locked(&self.records);
        let count = active(&records, user).count() as u64;
        records.retain(|key, _| key.user != user);
        Ok(count)
    }
}

#[async_trait]
impl MemoryArchive for InMemoryMemoryRepository {
    async fn scan(&self, after: Option<MemoryKey>, limit: usize) -> Result<Scan<MemoryRecord, MemoryKey>, StoreError> {
        let records = locked(&self.records);
        let above = |record: &&MemoryRecord| after.is_none_or(|after| record.key() > after);
        let items = records.values().filter(above).take(limit.saturating_add(1)).cloned().collect();
        let page = Page::from_overfull(items, limit, MemoryRecord::key);
        Ok(Page { items: page.items.into_iter().map(Ok).collect(), next: page.next })
    }

    async fn import(&self, imported: Vec<MemoryRecord>) -> Result<(), StoreError> {
        imported.iter().filter_map(MemoryRecord::kept).try_for_each(|kept| self.check(&kept.vector))?;
        locked(&self.records).extend(imported.into_iter().map(|record| (record.key(), record)));
        Ok(())
    }

    async fn merge(&self, merged: Vec<MemoryRecord>) -> Result<(), StoreError> {
        merged.iter().filter_map(MemoryRecord::kept).try_for_each(|kept| self.check(&kept.vector))?;
        let mut records = locked(&self.records);
        for record in merged {
            if records.get(&record.key()).is_none_or(|there| record.supersedes(there)) {
                records.insert(record.key(), record);
            }
        }
        Ok(())
    }

    async fn remove(&self, keys: Vec<MemoryKey>) -> Result<(), StoreError> {
        let mut records = locked(&self.records);
        keys.iter().for_each(|key| drop(records.remove(key)));
        Ok(())
    }

    async fn records(&self, user: UserId) -> Result<Vec<MemoryRecord>, StoreError> {
        let records = locked(&self.records);
        let without_vector = |record: &MemoryRecord| match record {
            MemoryRecord::Kept(EmbeddedMemory { memory, .. }) => {
                EmbeddedMemory { memory: memory.clone(), vector: Vec::new() }.into()
            }
            MemoryRecord::Deleted(_) => record.clone(),
        };
        Ok(own(&records, user).map(without_vector).collect())
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(locked(&self.records).len() as u64)
    }
}
