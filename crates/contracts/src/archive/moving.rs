//! What a [`MemoryArchive`] must do for memories to be moved from one table to another while both are in use.

use super::readable;
use crate::{
    harness::{Case, cases},
    samples::{at, embedded, memory, memory_id, user_id, vector},
    support::{assert_form, race},
};
use palavra_domain::{
    DeletedMemory, EmbeddedMemory, Memory, MemoryId, MemoryKey, MemoryRecord, MemoryText, StoreError, UserId,
    ports::MemoryArchive,
};
use std::sync::Arc;

type Memories = Arc<dyn MemoryArchive>;

pub(super) fn cases() -> Vec<Case<dyn MemoryArchive>> {
    cases![
        what_is_merged_is_as_it_was,
        a_merge_leaves_what_is_as_new_or_newer,
        a_merge_takes_what_is_newer,
        merges_at_once_leave_the_newest,
        a_merge_is_whole_or_nothing,
        removed_records_were_never_there,
        all_records_of_a_user_are_given_without_vectors,
        records_are_counted,
    ]
}

async fn all(port: &Memories) -> Vec<MemoryRecord> {
    readable(port.scan(None, 1000).await.unwrap()).items
}

fn kept(port: &Memories, memory: Memory) -> MemoryRecord {
    MemoryRecord::Kept(EmbeddedMemory { memory, vector: vector(port.space().dimensions, 0.0) })
}

fn left(user: UserId, id: MemoryId, at_millis: i64) -> MemoryRecord {
    let text_hash = MemoryText::parse("gone").unwrap().hash();
    MemoryRecord::Deleted(DeletedMemory { id, user_id: user, text_hash, turn: None, deleted_at: at(at_millis) })
}

/// A memory under this id in some state.
fn state(user: UserId, id: MemoryId, text: &str, revision: u32, millis: i64) -> Memory {
    Memory { id, revision, updated_at: at(millis), ..memory(user, text) }
}

async fn what_is_merged_is_as_it_was(port: Memories) {
    let user = user_id();
    let records = vec![
        kept(&port, Memory { created_at: at(-7), ..state(user, memory_id(), "kept", 5, 9) }),
        kept(&port, memory(user, "past").superseded(memory_id(), at(3))),
        left(user, memory_id(), 4),
    ];
    port.merge(records.clone()).await.unwrap();
    assert_eq!(all(&port).await, records);
    port.merge(records.clone()).await.unwrap();
    port.merge(Vec::new()).await.unwrap();
    assert_eq!(all(&port).await, records);
    assert!(port.has_any(user).await.unwrap());
    assert_eq!(port.deleted(user).await.unwrap().len(), 1);
}

async fn a_merge_leaves_what_is_as_new_or_newer(port: Memories) {
    let user = user_id();
    let ids = [memory_id(), memory_id(), memory_id(), memory_id()];
    let there = vec![
        kept(&port, state(user, ids[0], "two revisions", 2, 10)),
        kept(&port, state(user, ids[1], "later", 1, 20)),
        left(user, ids[2], 5),
        left(user, ids[3], 5),
    ];
    port.import(there.clone()).await.unwrap();
    let others = vec![
        // More revisions count, whatever the clock said.
        kept(&port, state(user, ids[0], "one revision", 1, 99)),
        kept(&port, state(user, ids[1], "as late", 1, 20)),
        // What was deleted does not come back.
        kept(&port, state(user, ids[2], "back", 9, 99)),
        left(user, ids[3], 99),
    ];
    port.merge(others).await.unwrap();
    assert_eq!(all(&port).await, there);
}

async fn a_merge_takes_what_is_newer(port: Memories) {
    let user = user_id();
    let ids = [memory_id(), memory_id(), memory_id()];
    let before: Vec<MemoryRecord> = ids.iter().map(|id| kept(&port, state(user, *id, "before", 1, 10))).collect();
    port.import(before).await.unwrap();
    let after = vec![
        kept(&port, state(user, ids[0], "two revisions", 2, 0)),
        kept(&port, state(user, ids[1], "later", 1, 11)),
        left(user, ids[2], 0),
    ];
    port.merge(after.clone()).await.unwrap();
    assert_eq!(all(&port).await, after);
}

async fn merges_at_once_leave_the_newest(port: Memories) {
    let (user, id, other) = (user_id(), memory_id(), memory_id());
    port.insert(vec![embedded(user, "untouched", port.space().dimensions, 0.0)]).await.unwrap();
    race(8, |index| {
        let port = Arc::clone(&port);
        async move {
            let revision = 1 + index as u32;
            let text = format!("revision {revision}");
            let records = [id, other].map(|id| kept(&port, state(user, id, &text, revision, 0)));
            port.merge(records.into()).await.unwrap();
        }
    })
    .await;
    for id in [id, other] {
        assert_eq!(port.find(user, id).await.unwrap().unwrap().text.as_str(), "revision 8");
    }
    assert_eq!(port.count().await.unwrap(), 3);
}

async fn a_merge_is_whole_or_nothing(port: Memories) {
    let user = user_id();
    let wrong = vec![0.5; port.space().dimensions + 1];
    let bad = MemoryRecord::Kept(EmbeddedMemory { memory: memory(user, "bad"), vector: wrong });
    let outcome = port.merge(vec![kept(&port, memory(user, "good")), bad]).await;
    assert_form!(outcome, Err(StoreError::Unexpected { .. }));
    assert_eq!(all(&port).await, []);
}

async fn removed_records_were_never_there(port: Memories) {
    let (user, other) = (user_id(), user_id());
    let id = memory_id();
    let records =
        [kept(&port, state(user, id, "one", 1, 0)), left(user, memory_id(), 0), kept(&port, memory(user, "stays"))];
    let namesake = kept(&port, state(other, id, "of somebody else", 1, 0));
    port.import(records.iter().cloned().chain([namesake.clone()]).collect()).await.unwrap();
    let unknown = MemoryKey { user, id: memory_id() };
    port.remove(vec![records[0].key(), records[1].key(), unknown]).await.unwrap();
    assert_eq!(all(&port).await, [records[2].clone(), namesake.clone()]);
    port.remove(vec![records[0].key()]).await.unwrap();
    port.remove(Vec::new()).await.unwrap();
    assert_eq!(all(&port).await, [records[2].clone(), namesake]);
    // Under its id there may be something again.
    port.merge(vec![records[0].clone()]).await.unwrap();
    assert!(port.find(user, id).await.unwrap().is_some());
    assert_eq!(port.deleted(user).await.unwrap(), []);
}

async fn all_records_of_a_user_are_given_without_vectors(port: Memories) {
    let user = user_id();
    assert_eq!(port.records(user).await.unwrap(), []);
    let memories = [memory(user, "holds"), memory(user, "past").retracted(at(3))];
    let gone = left(user, memory_id(), 4);
    let kept = memories.each_ref().map(|memory| kept(&port, memory.clone()));
    let others = embedded(user_id(), "of somebody else", port.space().dimensions, 0.0);
    port.import(kept.into_iter().chain([gone.clone(), others.into()]).collect()).await.unwrap();
    let mut found = port.records(user).await.unwrap();
    found.sort_by_key(MemoryRecord::key);
    let bare = |memory| MemoryRecord::Kept(EmbeddedMemory { memory, vector: Vec::new() });
    let mut expected: Vec<MemoryRecord> = memories.into_iter().map(bare).chain([gone]).collect();
    expected.sort_by_key(MemoryRecord::key);
    assert_eq!(found, expected);
}

async fn records_are_counted(port: Memories) {
    assert_eq!(port.count().await.unwrap(), 0);
    let user = user_id();
    let new = embedded(user, "one", port.space().dimensions, 0.0);
    port.insert(vec![new.clone(), embedded(user, "two", port.space().dimensions, 0.0)]).await.unwrap();
    assert_eq!(port.count().await.unwrap(), 2);
    assert!(port.delete(user, new.memory.id, at(1)).await.unwrap());
    assert_eq!(port.count().await.unwrap(), 2);
    port.delete_all(user).await.unwrap();
    assert_eq!(port.count().await.unwrap(), 0);
}
