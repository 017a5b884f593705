//! What is saved, and for whom.

use super::{Memories, all, insert, search, stored, texts, update};
use crate::{
    harness::{Case, cases},
    samples::{TEXTS, at, embedded, memory, memory_id, user_id, vector},
    support::{GRACE, Jitter, assert_form, race},
};
use palavra_domain::{
    EmbeddedMemory, Memory, MemoryKind, MemoryOrigin, StoreError, Timestamp, ports::MemoryRepository,
};
use std::{collections::HashSet, sync::Arc};

pub(super) fn cases() -> Vec<Case<dyn MemoryRepository>> {
    cases![
        every_field_comes_back,
        texts_come_back_byte_for_byte,
        what_is_missing_is_not_found,
        other_dimensions_are_refused_as_a_whole,
        inserting_nothing_is_nothing,
        a_known_id_is_left_as_it_is,
        an_id_of_another_user_is_not_in_the_way,
        of_concurrent_inserts_of_one_id_one_is_kept,
        fifty_concurrent_inserts_are_all_found,
        dropped_inserts_are_whole_or_nothing,
    ]
}

async fn every_field_comes_back(port: Memories) {
    let dimensions = port.space().dimensions;
    let (user, other) = (user_id(), user_id());
    let mut memories = Vec::new();
    for (kind, millis) in MemoryKind::ALL.into_iter().zip(1..) {
        memories.push(Memory { kind, created_at: at(millis), updated_at: at(millis + 1_001), ..memory(user, "x") });
    }
    let by_hand = memory(other, "y");
    let by_hand = Memory { origin: MemoryOrigin::User, source: None, updated_at: Timestamp::MAX, ..by_hand };
    memories.push(by_hand);
    let batch = memories.iter().zip(0_u8..).map(|(memory, index)| EmbeddedMemory {
        memory: memory.clone(),
        vector: vector(dimensions, f32::from(index) * 10.0),
    });
    port.insert(batch.collect()).await.unwrap();
    for memory in &memories {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
    let own = memories.pop().unwrap();
    let found = port.search(user, &vector(dimensions, 0.0), 10, -1.0).await.unwrap();
    assert_eq!(found.into_iter().map(|scored| scored.memory).collect::<Vec<_>>(), memories);
    memories.reverse();
    assert_eq!(all(&port, user).await, memories);
    assert_eq!(all(&port, other).await, vec![own]);
}

async fn texts_come_back_byte_for_byte(port: Memories) {
    let user = user_id();
    for text in TEXTS {
        let saved = insert(&port, user, text, 0.0).await;
        assert_eq!(stored(&port, &saved).await.unwrap().text.as_str(), text);
    }
    let listed: HashSet<String> = all(&port, user).await.into_iter().map(|memory| memory.text.into_string()).collect();
    let found: HashSet<String> = texts(&port, user, 0.0, 100, 0.9).await.into_iter().collect();
    let expected = HashSet::from(TEXTS.map(String::from));
    assert_eq!(listed, expected);
    assert_eq!(found, expected);
}

async fn what_is_missing_is_not_found(port: Memories) {
    let user = user_id();
    assert_eq!(port.find(user, memory_id()).await.unwrap(), None);
    assert_eq!(all(&port, user).await, Vec::new());
    assert!(!port.has_any(user).await.unwrap());
    assert_eq!(search(&port, user, 0.0, 10, -1.0).await, Vec::new());
    assert!(!port.delete(user, memory_id(), at(9)).await.unwrap());
    assert_eq!(port.delete_all(user).await.unwrap(), 0);
    insert(&port, user, "something", 0.0).await;
    assert_eq!(port.find(user, memory_id()).await.unwrap(), None);
    assert!(port.has_any(user).await.unwrap());
}

async fn other_dimensions_are_refused_as_a_whole(port: Memories) {
    let (user, dimensions) = (user_id(), port.space().dimensions);
    for wrong in [0, dimensions - 1, dimensions + 1] {
        let good = embedded(user, "good", dimensions, 0.0);
        let bad = EmbeddedMemory { memory: memory(user, "bad"), vector: vec![0.5; wrong] };
        assert_form!(port.insert(vec![good, bad]).await, Err(StoreError::Unexpected { .. }));
        assert_eq!(all(&port, user).await, Vec::new());
    }
    assert!(!port.has_any(user).await.unwrap());
    insert(&port, user, "good", 0.0).await;
    assert_eq!(all(&port, user).await.len(), 1);
}

async fn inserting_nothing_is_nothing(port: Memories) {
    port.insert(Vec::new()).await.unwrap();
}

async fn a_known_id_is_left_as_it_is(port: Memories) {
    let (user, dimensions) = (user_id(), port.space().dimensions);
    let first = insert(&port, user, "first", 0.0).await;
    let again = EmbeddedMemory {
        memory: Memory { id: first.id, created_at: at(99), ..memory(user, "again") },
        vector: vector(dimensions, 90.0),
    };
    port.insert(vec![again.clone()]).await.unwrap();
    assert_eq!(all(&port, user).await, vec![first.clone()]);
    // The others of its batch are saved all the same.
    let new = embedded(user, "new", dimensions, 90.0);
    port.insert(vec![again.clone(), new.clone()]).await.unwrap();
    assert_eq!(stored(&port, &first).await.as_ref(), Some(&first));
    assert_eq!(stored(&port, &new.memory).await.as_ref(), Some(&new.memory));
    assert_eq!(texts(&port, user, 90.0, 10, 0.5).await, ["new"]);
    let change = EmbeddedMemory { memory: first, vector: vector(dimensions, 0.0) };
    let changed = update(&port, change).await.unwrap().unwrap();
    port.insert(vec![again]).await.unwrap();
    assert_eq!(stored(&port, &changed).await, Some(changed));
    assert_eq!(all(&port, user).await.len(), 2);
}

async fn an_id_of_another_user_is_not_in_the_way(port: Memories) {
    let first = insert(&port, user_id(), "first", 0.0).await;
    let other = Memory { id: first.id, ..memory(user_id(), "other") };
    let vector = vector(port.space().dimensions, 0.0);
    port.insert(vec![EmbeddedMemory { memory: other.clone(), vector: vector.clone() }]).await.unwrap();
    for memory in [&first, &other] {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
        assert_eq!(all(&port, memory.user_id).await, vec![memory.clone()]);
    }
    let updated = update(&port, EmbeddedMemory { memory: other.clone(), vector }).await.unwrap().unwrap();
    assert_eq!(updated.text.as_str(), "other");
    assert_eq!(stored(&port, &first).await.as_ref(), Some(&first));
    assert!(port.delete(other.user_id, other.id, at(9)).await.unwrap());
    assert_eq!(stored(&port, &first).await, Some(first));
}

async fn of_concurrent_inserts_of_one_id_one_is_kept(port: Memories) {
    let user = user_id();
    for round in 1..4 {
        let id = memory_id();
        race(8, |index| {
            let mut embedded = embedded(user, &format!("{index}"), port.space().dimensions, 0.0);
            embedded.memory.id = id;
            let port = Arc::clone(&port);
            async move { port.insert(vec![embedded]).await.unwrap() }
        })
        .await;
        assert_eq!(all(&port, user).await.len(), round);
        assert_eq!(search(&port, user, 0.0, 100, 0.5).await.len(), round);
    }
}

async fn fifty_concurrent_inserts_are_all_found(port: Memories) {
    let (user, other) = (user_id(), user_id());
    let memories = race(50, |index| {
        let port = Arc::clone(&port);
        let owner = if index % 5 == 0 { other } else { user };
        async move { insert(&port, owner, &format!("memory {index}"), 0.0).await }
    })
    .await;
    for memory in &memories {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
    for (owner, count) in [(user, 40), (other, 10)] {
        assert_eq!(all(&port, owner).await.len(), count);
        assert_eq!(search(&port, owner, 0.0, 100, 0.9).await.len(), count);
    }
}

async fn dropped_inserts_are_whole_or_nothing(port: Memories) {
    let mut jitter = Jitter::default();
    let mut users = Vec::new();
    for _ in 0..20 {
        let user = user_id();
        let batch = ["a", "b", "c"].map(|text| embedded(user, text, port.space().dimensions, 0.0));
        let inserting = Arc::clone(&port);
        let done = jitter.cut_short(async move { inserting.insert(batch.to_vec()).await.unwrap() }).await;
        users.push((user, done));
    }
    tokio::time::sleep(GRACE).await;
    for (user, done) in users {
        match all(&port, user).await.len() {
            0 => assert_eq!(done, None),
            count => assert_eq!(count, 3),
        }
    }
    insert(&port, user_id(), "afterwards", 0.0).await;
}
