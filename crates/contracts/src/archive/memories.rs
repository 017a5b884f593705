//! What a [`MemoryArchive`] must do. The adapter's space has few dimensions, at least 3.

use super::readable;
use crate::{
    Make,
    harness::{self, cases},
    samples::{at, embedded, memory, memory_id, turn_id, user_id, vector},
    support::{GRACE, Jitter, assert_form},
};
use libtest_mimic::Trial;
use palavra_domain::{
    DeletedMemory, EmbeddedMemory, Memory, MemoryId, MemoryKey, MemoryRecord, MemoryText, StoreError, UserId,
    ports::MemoryArchive,
};
use std::sync::Arc;

type Memories = Arc<dyn MemoryArchive>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn MemoryArchive>) -> Vec<Trial> {
    let cases = cases![
        a_scan_meets_every_memory_once_with_its_vector,
        a_scan_meets_history_and_what_is_left_of_deleted_ones,
        a_scan_goes_on_while_memories_come_and_go,
        what_is_imported_is_as_it_was,
        importing_again_changes_nothing,
        an_import_replaces_what_is_there,
        an_import_is_of_its_users,
        an_import_is_whole_or_nothing,
        what_was_imported_as_deleted_is_not_saved_again,
        dropped_imports_are_whole_or_nothing,
    ];
    let cases = cases.into_iter().chain(super::moving::cases()).collect();
    harness::trials(adapter, "archive-memories", make, cases)
}

/// Memories of several users, by user and id.
async fn inserted(port: &Memories, count: u16) -> Vec<MemoryRecord> {
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
    memories.into_iter().map(MemoryRecord::Kept).collect()
}

async fn scan(port: &Memories, after: Option<MemoryKey>, limit: usize) -> (Vec<MemoryRecord>, Option<MemoryKey>) {
    let page = readable(port.scan(after, limit).await.unwrap());
    (page.items, page.next)
}

fn kept(port: &Memories, memory: Memory, degrees: f32) -> MemoryRecord {
    MemoryRecord::Kept(EmbeddedMemory { memory, vector: vector(port.space().dimensions, degrees) })
}

fn left(user: UserId, id: MemoryId) -> DeletedMemory {
    let text_hash = MemoryText::parse("whatever it said").unwrap().hash();
    DeletedMemory { id, user_id: user, text_hash, turn: Some(turn_id()), deleted_at: at(77) }
}

/// Records of one user in every state, with revisions and times that they got elsewhere, by id.
fn elsewhere(port: &Memories, user: UserId) -> Vec<MemoryRecord> {
    let changed = Memory { revision: 41, updated_at: at(500), created_at: at(-500), ..memory(user, "changed") };
    let past = Memory { revision: 7, ..memory(user, "past").superseded(changed.id, at(3)) };
    let retracted = Memory { revision: 2, ..memory(user, "taken back").retracted(at(4)) };
    let extracted = left(user, memory_id());
    let by_hand = DeletedMemory { turn: None, ..left(user, memory_id()) };
    let deleted = [extracted, by_hand].map(MemoryRecord::Deleted);
    let kept = [kept(port, changed, 10.0), kept(port, past, 20.0), kept(port, retracted, 30.0)];
    kept.into_iter().chain(deleted).collect()
}

async fn a_scan_meets_every_memory_once_with_its_vector(port: Memories) {
    assert_eq!(scan(&port, None, 3).await, (Vec::new(), None));
    let all = inserted(&port, 7).await;
    let key = |index: usize| Some(all[index].key());
    assert_eq!(scan(&port, None, 100).await, (all.clone(), None));
    assert_eq!(scan(&port, None, 7).await, (all.clone(), None));
    assert_eq!(scan(&port, None, 3).await, (all[..3].to_vec(), key(2)));
    assert_eq!(scan(&port, key(2), 3).await, (all[3..6].to_vec(), key(5)));
    assert_eq!(scan(&port, key(5), 3).await, (all[6..].to_vec(), None));
    assert_eq!(scan(&port, key(6), 3).await, (Vec::new(), None));
}

async fn a_scan_meets_history_and_what_is_left_of_deleted_ones(port: Memories) {
    let mut all = inserted(&port, 9).await;
    for (place, record) in all.iter_mut().enumerate() {
        let MemoryRecord::Kept(EmbeddedMemory { memory, vector }) = record.clone() else { continue };
        if place % 3 == 0 {
            let (user, id, text_hash) = (memory.user_id, memory.id, memory.text.hash());
            assert!(port.delete(user, id, at(9)).await.unwrap());
            let turn = memory.source.map(|source| source.turn);
            *record = MemoryRecord::Deleted(DeletedMemory { id, user_id: user, text_hash, turn, deleted_at: at(9) });
        } else if place % 3 == 1 {
            let retracted = EmbeddedMemory { memory: memory.retracted(at(8)), vector: vector.clone() };
            let written = port.change(retracted.memory.user_id, vec![retracted]).await.unwrap().unwrap();
            *record = MemoryRecord::Kept(EmbeddedMemory { memory: written.into_iter().next().unwrap(), vector });
        }
    }
    assert_eq!(scan(&port, None, 100).await, (all.clone(), None));
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let (page, next) = scan(&port, after, 2).await;
        seen.extend(page);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
}

async fn a_scan_goes_on_while_memories_come_and_go(port: Memories) {
    let all = inserted(&port, 8).await;
    let (mut seen, mut next) = scan(&port, None, 3).await;
    let MemoryKey { user, id } = all[0].key();
    assert!(port.delete(user, id, at(9)).await.unwrap());
    port.insert(vec![embedded(user, "between", port.space().dimensions, 1.0)]).await.unwrap();
    while let Some(after) = next {
        let (more, following) = scan(&port, Some(after), 3).await;
        seen.extend(more);
        next = following;
    }
    for record in &all {
        assert_eq!(seen.iter().filter(|met| *met == record).count(), 1);
    }
}

async fn what_is_imported_is_as_it_was(port: Memories) {
    let user = user_id();
    let records = elsewhere(&port, user);
    port.import(records.clone()).await.unwrap();
    assert_eq!(scan(&port, None, 100).await, (records.clone(), None));
    for record in &records {
        let MemoryKey { user, id } = record.key();
        let found = port.find(user, id).await.unwrap();
        match record {
            MemoryRecord::Kept(embedded) => assert_eq!(found.as_ref(), Some(&embedded.memory)),
            MemoryRecord::Deleted(deleted) => {
                assert_eq!(found, None);
                assert!(port.deleted(user).await.unwrap().contains(deleted));
            }
        }
    }
    // It goes on from there as if it had been made here.
    assert!(port.has_any(user).await.unwrap());
    let id = records[0].key().id;
    let history = port.history(user, id).await.unwrap();
    assert_eq!(history.len(), 2);
    let MemoryRecord::Kept(changed) = records[0].clone() else { panic!("{:?}", records[0]) };
    let written = port.change(user, vec![changed]).await.unwrap().unwrap();
    assert_eq!(written[0].revision, 42);
    assert!(port.delete(user, id, at(99)).await.unwrap());
    assert!(!port.has_any(user).await.unwrap());
}

async fn importing_again_changes_nothing(port: Memories) {
    let records = elsewhere(&port, user_id());
    port.import(records.clone()).await.unwrap();
    port.import(records.clone()).await.unwrap();
    assert_eq!(scan(&port, None, 100).await, (records.clone(), None));
    port.import(Vec::new()).await.unwrap();
    assert_eq!(scan(&port, None, 100).await, (records, None));
}

async fn an_import_replaces_what_is_there(port: Memories) {
    let user = user_id();
    let ids = [memory_id(), memory_id(), memory_id(), memory_id()];
    let named = |id, text: &str| Memory { id, ..memory(user, text) };
    let before = vec![
        kept(&port, Memory { revision: 9, ..named(ids[0], "before") }, 0.0),
        kept(&port, named(ids[1], "before"), 0.0),
        MemoryRecord::Deleted(left(user, ids[2])),
        MemoryRecord::Deleted(left(user, ids[3])),
    ];
    port.import(before).await.unwrap();
    let after = vec![
        // Also by an earlier revision, and whatever it was.
        kept(&port, Memory { revision: 3, ..named(ids[0], "after") }, 90.0),
        MemoryRecord::Deleted(left(user, ids[1])),
        kept(&port, named(ids[2], "back"), 90.0),
        MemoryRecord::Deleted(DeletedMemory { deleted_at: at(5), turn: None, ..left(user, ids[3]) }),
    ];
    port.import(after.clone()).await.unwrap();
    assert_eq!(scan(&port, None, 100).await, (after, None));
    let found = port.search(user, &vector(port.space().dimensions, 90.0), 10, 0.9).await.unwrap();
    assert_eq!(found.len(), 2);
}

async fn an_import_is_of_its_users(port: Memories) {
    // One id, and a record of several users under it.
    let id = memory_id();
    let users = [user_id(), user_id(), user_id()];
    let records: Vec<MemoryRecord> =
        users.iter().map(|user| kept(&port, Memory { id, ..memory(*user, &user.to_string()) }, 0.0)).collect();
    port.import(records.clone()).await.unwrap();
    let bystander = kept(&port, memory(users[1], "another id"), 0.0);
    port.import(vec![bystander.clone()]).await.unwrap();
    let changed = kept(&port, Memory { id, revision: 5, ..memory(users[0], "changed") }, 0.0);
    let gone = MemoryRecord::Deleted(left(users[2], id));
    port.import(vec![changed.clone(), gone.clone()]).await.unwrap();
    let expected = vec![changed, records[1].clone(), bystander, gone];
    assert_eq!(scan(&port, None, 100).await, (expected, None));
}

async fn an_import_is_whole_or_nothing(port: Memories) {
    let user = user_id();
    let there = elsewhere(&port, user);
    port.import(there.clone()).await.unwrap();
    for wrong in [0, port.space().dimensions - 1, port.space().dimensions + 1] {
        let good = kept(&port, Memory { id: there[0].key().id, ..memory(user, "good") }, 0.0);
        let bad = MemoryRecord::Kept(EmbeddedMemory { memory: memory(user, "bad"), vector: vec![0.5; wrong] });
        let outcome = port.import(vec![good, MemoryRecord::Deleted(left(user, memory_id())), bad]).await;
        assert_form!(outcome, Err(StoreError::Unexpected { .. }));
        assert_eq!(scan(&port, None, 100).await, (there.clone(), None));
    }
}

async fn what_was_imported_as_deleted_is_not_saved_again(port: Memories) {
    let user = user_id();
    let gone = left(user, memory_id());
    port.import(vec![MemoryRecord::Deleted(gone.clone())]).await.unwrap();
    let mut again = embedded(user, "again", port.space().dimensions, 0.0);
    again.memory.id = gone.id;
    port.insert(vec![again.clone()]).await.unwrap();
    again.memory.revision = 0;
    assert_eq!(port.change(user, vec![again]).await.unwrap(), Some(Vec::new()));
    assert_eq!(scan(&port, None, 100).await, (vec![MemoryRecord::Deleted(gone.clone())], None));
    assert!(port.knows_turn(user, gone.turn.unwrap()).await.unwrap());
    assert!(!port.has_any(user).await.unwrap());
}

async fn dropped_imports_are_whole_or_nothing(port: Memories) {
    let mut jitter = Jitter::default();
    let mut tried = Vec::new();
    for _ in 0..15 {
        let user = user_id();
        let records = elsewhere(&port, user);
        let importing = (Arc::clone(&port), records.clone());
        let done = jitter.cut_short(async move { importing.0.import(importing.1).await.unwrap() }).await;
        tried.push((records, done));
    }
    tokio::time::sleep(GRACE).await;
    let (all, _) = scan(&port, None, 1000).await;
    for (records, done) in tried {
        match records.iter().filter(|record| all.contains(record)).count() {
            0 => assert_eq!(done, None),
            count => assert_eq!(count, records.len()),
        }
    }
}
