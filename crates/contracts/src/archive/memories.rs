//! What a [`MemoryArchive`] must do. The adapter's space has few dimensions, at least 3.

use super::readable;
use crate::{
    Make,
    harness::{self, cases},
    samples::{at, embedded, user_id},
};
use libtest_mimic::Trial;
use palavra_domain::{EmbeddedMemory, MemoryKey, MemoryRecord, ports::MemoryArchive};
use std::sync::Arc;

type Memories = Arc<dyn MemoryArchive>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn MemoryArchive>) -> Vec<Trial> {
    let cases = cases![
        a_scan_meets_every_memory_once_with_its_vector,
        a_scan_goes_on_while_memories_come_and_go,
        what_was_scanned_can_be_inserted_again,
    ];
    let cases = cases.into_iter().chain(super::moving::cases()).collect();
    harness::trials(adapter, "archive-memories", make, cases)
}

/// Memories of several users, by user and id.
async fn inserted(port: &Memories, count: u16) -> Vec<EmbeddedMemory> {
    let users = [user_id(), user_id(), user_id()];
    let dimensions = port.space().dimensions;
    let mut memories: Vec<EmbeddedMemory> = (0..count)
        .map(|index| {
            let user = users[usize::from(index) % users.len()];
            embedded(user, &format!("memory {index}"), dimensions, f32::from(index) * 7.0)
        })
        .collect();
    port.insert(memories.iter().rev().cloned().collect()).await.unwrap();
    memories.sort_by_key(|embedded| embedded.memory.key());
    memories
}

async fn scan(port: &Memories, after: Option<MemoryKey>, limit: usize) -> (Vec<EmbeddedMemory>, Option<MemoryKey>) {
    let page = readable(port.scan(after, limit).await.unwrap());
    let kept = page.items.into_iter().filter_map(|record| match record {
        MemoryRecord::Kept(embedded) => Some(embedded),
        MemoryRecord::Deleted(_) => None,
    });
    (kept.collect(), page.next)
}

async fn a_scan_meets_every_memory_once_with_its_vector(port: Memories) {
    assert_eq!(scan(&port, None, 3).await, (Vec::new(), None));
    let all = inserted(&port, 7).await;
    let key = |index: usize| Some(all[index].memory.key());
    assert_eq!(scan(&port, None, 100).await, (all.clone(), None));
    assert_eq!(scan(&port, None, 7).await, (all.clone(), None));
    assert_eq!(scan(&port, None, 3).await, (all[..3].to_vec(), key(2)));
    assert_eq!(scan(&port, key(2), 3).await, (all[3..6].to_vec(), key(5)));
    assert_eq!(scan(&port, key(5), 3).await, (all[6..].to_vec(), None));
    assert_eq!(scan(&port, key(6), 3).await, (Vec::new(), None));
}

async fn a_scan_goes_on_while_memories_come_and_go(port: Memories) {
    let all = inserted(&port, 8).await;
    let (mut seen, mut next) = scan(&port, None, 3).await;
    let first = &all[0].memory;
    assert!(port.delete(first.user_id, first.id, at(9)).await.unwrap());
    port.insert(vec![embedded(first.user_id, "between", port.space().dimensions, 1.0)]).await.unwrap();
    while let Some(after) = next {
        let (more, following) = scan(&port, Some(after), 3).await;
        seen.extend(more);
        next = following;
    }
    for memory in &all {
        assert_eq!(seen.iter().filter(|met| *met == memory).count(), 1);
    }
}

async fn what_was_scanned_can_be_inserted_again(port: Memories) {
    let all = inserted(&port, 5).await;
    port.insert(all.clone()).await.unwrap();
    assert_eq!(scan(&port, None, 100).await, (all.clone(), None));
    for embedded in &all {
        port.delete(embedded.memory.user_id, embedded.memory.id, at(9)).await.unwrap();
    }
    port.insert(all.clone()).await.unwrap();
    assert_eq!(scan(&port, None, 100).await, (all, None));
}
