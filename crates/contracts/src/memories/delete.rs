//! Deleting a memory: what goes with it, and what is left.

use super::{Memories, all, change, deleted, ids, insert, save, search, stored, texts, towards_first, update};
use crate::{
    harness::{Case, cases},
    samples::{TEXTS, at, chat_id, memory, memory_id, turn_id, user_id},
    support::{GRACE, Jitter, race},
};
use palavra_domain::{
    DeletedMemory, Memory, MemoryId, MemoryOrigin, MemorySource, MemoryState, MemoryText, Timestamp,
    ports::MemoryRepository,
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

pub(super) fn cases() -> Vec<Case<dyn MemoryRepository>> {
    cases![
        deleting_twice_deletes_once,
        of_concurrent_deletions_one_deletes,
        a_deletion_takes_along_what_was_superseded,
        what_took_its_place_stays,
        a_deletion_ends_even_in_a_circle,
        what_is_left_are_hash_turn_and_time,
        a_deleted_memory_is_not_found_again,
        a_deleted_memory_is_not_saved_again,
        dropped_deletions_are_whole_or_nothing,
    ]
}

async fn deleting_twice_deletes_once(port: Memories) {
    let user = user_id();
    let (first, kept) = (insert(&port, user, "first", 0.0).await, insert(&port, user, "kept", 0.0).await);
    assert!(port.delete(user, first.id, at(9)).await.unwrap());
    let left = port.deleted(user).await.unwrap();
    assert!(!port.delete(user, first.id, at(10)).await.unwrap());
    // The time stays that of the first.
    assert_eq!(port.deleted(user).await.unwrap(), left);
    assert_eq!(stored(&port, &first).await, None);
    assert_eq!(all(&port, user).await, vec![kept.clone()]);
    assert_eq!(texts(&port, user, 0.0, 10, -1.0).await, ["kept"]);
    assert!(port.delete(user, kept.id, at(9)).await.unwrap());
    assert!(!port.has_any(user).await.unwrap());
    assert!(!port.delete(user, memory_id(), at(9)).await.unwrap());
}

async fn of_concurrent_deletions_one_deletes(port: Memories) {
    let user = user_id();
    for _ in 0..3 {
        let id = insert(&port, user, "gone", 0.0).await.id;
        let outcomes = race(6, |_| {
            let port = Arc::clone(&port);
            async move { port.delete(user, id, at(9)).await.unwrap() }
        })
        .await;
        assert_eq!(outcomes.into_iter().filter(|deleted| *deleted).count(), 1);
        assert_eq!(port.find(user, id).await.unwrap(), None);
    }
    assert_eq!(deleted(&port, user).await.len(), 3);
}

async fn a_deletion_takes_along_what_was_superseded(port: Memories) {
    let user = user_id();
    let merged = memory(user, "Lives in Recife with a cat");
    let place = memory(user, "Lives in Recife").superseded(merged.id, at(3));
    let cat = memory(user, "Has a cat").superseded(merged.id, at(3));
    let before = memory(user, "Lives in Olinda").superseded(place.id, at(2));
    let lineage = [before, cat, place, merged];
    let aside = [memory(user, "Likes tea"), memory(user, "Liked coffee").retracted(at(1))];
    save(&port, &lineage).await;
    save(&port, &aside).await;
    assert!(port.delete(user, lineage[3].id, at(9)).await.unwrap());
    for memory in &lineage {
        assert_eq!(stored(&port, memory).await, None);
        assert!(!port.delete(user, memory.id, at(10)).await.unwrap());
    }
    assert_eq!(deleted(&port, user).await, ids(&lineage));
    assert_eq!(port.history(user, lineage[3].id).await.unwrap(), Vec::new());
    for memory in &aside {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
    assert_eq!(all(&port, user).await, aside[..1]);
    assert_eq!(port.past(user).await.unwrap(), aside[1..]);
}

async fn what_took_its_place_stays(port: Memories) {
    let user = user_id();
    let third = memory(user, "third");
    let second = memory(user, "second").superseded(third.id, at(2));
    let first = memory(user, "first").superseded(second.id, at(1));
    save(&port, &[first.clone(), second.clone(), third.clone()]).await;
    assert!(port.delete(user, second.id, at(9)).await.unwrap());
    assert_eq!(deleted(&port, user).await, ids([&first, &second]));
    assert_eq!(port.history(user, third.id).await.unwrap(), std::slice::from_ref(&third));
    assert_eq!(all(&port, user).await, [third]);
    assert!(port.has_any(user).await.unwrap());
}

async fn a_deletion_ends_even_in_a_circle(port: Memories) {
    let user = user_id();
    let [a, b, itself]: [MemoryId; 3] = [memory_id(), memory_id(), memory_id()];
    let circle = [(a, b), (b, a), (itself, itself)];
    let circle = circle.map(|(id, by)| Memory { id, ..memory(user, "in a circle").superseded(by, at(1)) });
    save(&port, &circle).await;
    let long = Duration::from_secs(60);
    assert!(timeout(long, port.delete(user, a, at(9))).await.unwrap().unwrap());
    assert_eq!(ids(&port.past(user).await.unwrap()), [itself]);
    assert!(timeout(long, port.delete(user, itself, at(9))).await.unwrap().unwrap());
    assert_eq!(deleted(&port, user).await, ids(&circle));
}

async fn what_is_left_are_hash_turn_and_time(port: Memories) {
    let user = user_id();
    let mut expected = Vec::new();
    for (text, millis) in TEXTS.into_iter().zip(1..) {
        let saved = insert(&port, user, text, 30.0).await;
        let at = at(millis);
        assert!(port.delete(user, saved.id, at).await.unwrap());
        let turn = saved.source.map(|source| source.turn);
        assert!(turn.is_some());
        expected.push(DeletedMemory {
            id: saved.id,
            user_id: user,
            text_hash: saved.text.hash(),
            turn,
            deleted_at: at,
        });
    }
    let by_hand = Memory { origin: MemoryOrigin::User, source: None, ..memory(user, "By hand") };
    let held = memory(user, "What it said").superseded(by_hand.id, at(1));
    save(&port, &[by_hand.clone(), held.clone()]).await;
    assert!(port.delete(user, by_hand.id, Timestamp::MAX).await.unwrap());
    for (memory, turn) in [(by_hand, None), (held.clone(), held.source.map(|source| source.turn))] {
        let (id, text_hash) = (memory.id, memory.text.hash());
        expected.push(DeletedMemory { id, user_id: user, text_hash, turn, deleted_at: Timestamp::MAX });
    }
    let mut left = port.deleted(user).await.unwrap();
    left.sort_by_key(|deleted| deleted.id);
    expected.sort_by_key(|deleted| deleted.id);
    assert_eq!(left, expected);
}

async fn a_deleted_memory_is_not_found_again(port: Memories) {
    let user = user_id();
    let (gone, kept) = (insert(&port, user, "gone", 0.0).await, insert(&port, user, "kept", 90.0).await);
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    assert_eq!(port.find(user, gone.id).await.unwrap(), None);
    assert_eq!(port.list(user, None, 100).await.unwrap().items, std::slice::from_ref(&kept));
    assert_eq!(port.past(user).await.unwrap(), Vec::new());
    assert_eq!(port.history(user, gone.id).await.unwrap(), Vec::new());
    assert_eq!(port.index(user, 0).await.unwrap().memories(), std::slice::from_ref(&kept));
    assert_eq!(port.embedded(user, 10).await.unwrap().len(), 1);
    for degrees in [0.0, 90.0, 180.0] {
        assert_eq!(texts(&port, user, degrees, 10, -1.0).await, ["kept"]);
    }
    assert!(port.delete(user, kept.id, at(9)).await.unwrap());
    assert_eq!(search(&port, user, 0.0, 10, -1.0).await, Vec::new());
    assert!(!port.has_any(user).await.unwrap());
}

async fn a_deleted_memory_is_not_saved_again(port: Memories) {
    let user = user_id();
    let by = memory(user, "by");
    let past = memory(user, "past").superseded(by.id, at(1));
    save(&port, &[past.clone(), by.clone()]).await;
    assert!(port.delete(user, by.id, at(9)).await.unwrap());
    for memory in [past, by] {
        let again = Memory { text: MemoryText::parse("again").unwrap(), ..memory };
        save(&port, std::slice::from_ref(&again)).await;
        let new = Memory { revision: 0, ..again.clone() };
        assert_eq!(change(&port, user, &[new]).await.unwrap(), Some(Vec::new()));
        for revision in [1, 2] {
            let old = towards_first(&port, Memory { revision, ..again.clone() });
            assert_eq!(update(&port, old).await.unwrap(), None);
        }
        assert_eq!(stored(&port, &again).await, None);
    }
    assert_eq!(deleted(&port, user).await.len(), 2);
    assert!(!port.has_any(user).await.unwrap());
    // Others of the same batch are saved all the same.
    let (gone, fresh) = (insert(&port, user, "gone", 0.0).await, memory(user, "fresh"));
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    save(&port, &[gone, fresh.clone()]).await;
    assert_eq!(all(&port, user).await, [fresh]);
    assert!(port.has_any(user).await.unwrap());
}

async fn dropped_deletions_are_whole_or_nothing(port: Memories) {
    let mut jitter = Jitter::default();
    let mut tried = Vec::new();
    for _ in 0..20 {
        let user = user_id();
        let source = Some(MemorySource { chat: chat_id(), turn: turn_id(), span: None });
        let third = Memory { source, ..memory(user, "third") };
        let second = memory(user, "second").superseded(third.id, at(2));
        let first = memory(user, "first").superseded(second.id, at(1));
        save(&port, &[first, second, third.clone()]).await;
        let deleting = Arc::clone(&port);
        let done = jitter.cut_short(async move { deleting.delete(user, third.id, at(9)).await.unwrap() }).await;
        tried.push((user, done));
    }
    tokio::time::sleep(GRACE).await;
    for (user, done) in tried {
        let (holding, past) = (all(&port, user).await, port.past(user).await.unwrap());
        match deleted(&port, user).await.len() {
            0 => assert_eq!((done, holding.len(), past.len()), (None, 1, 2)),
            left => assert_eq!((left, holding.len(), past.len()), (3, 0, 0)),
        }
        assert!(past.iter().all(|memory| memory.state == MemoryState::Superseded));
    }
    insert(&port, user_id(), "afterwards", 0.0).await;
}
