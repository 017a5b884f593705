//! What a [`MemoryRepository`] must do. The adapter's space has few dimensions (the suite is run with 4), at least 3.

mod change;
mod delete;
mod erase;
mod history;
mod read;
mod state;
mod write;

use crate::{
    Make, harness,
    samples::{at, embedded, memory, vector},
};
use libtest_mimic::Trial;
use palavra_domain::{EmbeddedMemory, Memory, MemoryId, StoreError, UserId, ports::MemoryRepository};
use std::{cmp::Reverse, sync::Arc};

type Memories = Arc<dyn MemoryRepository>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn MemoryRepository>) -> Vec<Trial> {
    let cases = [
        write::cases(),
        change::cases(),
        read::cases(),
        state::cases(),
        history::cases(),
        delete::cases(),
        erase::cases(),
    ];
    harness::trials(adapter, "memories", make, cases.into_iter().flatten().collect())
}

/// Saves a memory of `user` with this text, `degrees` away from the first axis.
async fn insert(port: &Memories, user: UserId, text: &str, degrees: f32) -> Memory {
    let embedded = embedded(user, text, port.space().dimensions, degrees);
    port.insert(vec![embedded.clone()]).await.unwrap();
    embedded.memory
}

/// A memory as it is written, in the direction of the first axis.
fn towards_first(port: &Memories, memory: Memory) -> EmbeddedMemory {
    EmbeddedMemory { memory, vector: vector(port.space().dimensions, 0.0) }
}

/// Saves memories as they are, in the direction of the first axis.
async fn save(port: &Memories, memories: &[Memory]) {
    port.insert(memories.iter().map(|memory| towards_first(port, memory.clone())).collect()).await.unwrap();
}

/// Writes memories of `user` together, in the direction of the first axis.
async fn change(port: &Memories, user: UserId, memories: &[Memory]) -> Result<Option<Vec<Memory>>, StoreError> {
    port.change(user, memories.iter().map(|memory| towards_first(port, memory.clone())).collect()).await
}

/// Replaces one memory.
async fn update(port: &Memories, change: EmbeddedMemory) -> Result<Option<Memory>, StoreError> {
    let stored = port.change(change.memory.user_id, vec![change]).await?;
    Ok(stored.map(|stored| stored.into_iter().next().unwrap()))
}

/// The ids of memories, in an order that only they decide.
fn ids<'a>(memories: impl IntoIterator<Item = &'a Memory>) -> Vec<MemoryId> {
    let mut ids: Vec<MemoryId> = memories.into_iter().map(|memory| memory.id).collect();
    ids.sort_unstable();
    ids
}

/// The ids of what is left of the user's deleted memories.
async fn deleted(port: &Memories, user: UserId) -> Vec<MemoryId> {
    let mut ids: Vec<MemoryId> = port.deleted(user).await.unwrap().iter().map(|deleted| deleted.id).collect();
    ids.sort_unstable();
    ids
}

async fn stored(port: &Memories, memory: &Memory) -> Option<Memory> {
    port.find(memory.user_id, memory.id).await.unwrap()
}

/// All memories of a user (of at most a hundred), newest first.
async fn all(port: &Memories, user: UserId) -> Vec<Memory> {
    port.list(user, None, 100).await.unwrap().items
}

/// What is found in the direction of `degrees`, with its score.
async fn search(port: &Memories, user: UserId, degrees: f32, limit: usize, min_score: f32) -> Vec<(String, f32)> {
    let sought = vector(port.space().dimensions, degrees);
    let found = port.search(user, &sought, limit, min_score).await.unwrap();
    found.into_iter().map(|scored| (scored.memory.text.into_string(), scored.score)).collect()
}

/// The texts of what is found in the direction of `degrees`.
async fn texts(port: &Memories, user: UserId, degrees: f32, limit: usize, min_score: f32) -> Vec<String> {
    search(port, user, degrees, limit, min_score).await.into_iter().map(|(text, _)| text).collect()
}

/// Saves memories of `user` made at these times, and returns them newest first.
async fn made_at(port: &Memories, user: UserId, millis: &[i64]) -> Vec<Memory> {
    let mut memories = Vec::new();
    for millis in millis {
        let memory = Memory { created_at: at(*millis), ..memory(user, "dated") };
        let vector = vector(port.space().dimensions, 0.0);
        port.insert(vec![EmbeddedMemory { memory: memory.clone(), vector }]).await.unwrap();
        memories.push(memory);
    }
    memories.sort_by_key(|memory| Reverse(memory.cursor()));
    memories
}
