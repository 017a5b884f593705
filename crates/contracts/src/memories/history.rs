//! What a memory took the place of.

use super::{Memories, ids, insert, save};
use crate::{
    harness::{Case, cases},
    samples::{at, memory, memory_id, user_id},
};
use palavra_domain::{Memory, MemoryId, UserId, ports::MemoryRepository};
use std::time::Duration;
use tokio::time::timeout;

pub(super) fn cases() -> Vec<Case<dyn MemoryRepository>> {
    cases![
        a_memory_alone_is_its_history,
        a_chain_is_told_from_its_beginning,
        history_branches_where_memories_were_merged,
        history_is_in_the_order_of_validity,
        history_ends_even_in_a_circle,
        a_missing_memory_has_no_history,
        history_stays_with_its_user,
    ]
}

/// A memory that holds since `millis`, or held until another one took its place.
fn since(user: UserId, text: &str, millis: i64, by: Option<MemoryId>) -> Memory {
    let memory = Memory { valid_from: at(millis), ..memory(user, text) };
    match by {
        Some(by) => memory.superseded(by, at(millis + 10)),
        None => memory,
    }
}

async fn history(port: &Memories, user: UserId, id: MemoryId) -> Vec<Memory> {
    // One that goes round in a circle would never answer.
    timeout(Duration::from_secs(60), port.history(user, id)).await.unwrap().unwrap()
}

async fn a_memory_alone_is_its_history(port: Memories) {
    let user = user_id();
    let alone = insert(&port, user, "alone", 0.0).await;
    insert(&port, user, "another", 0.0).await;
    assert_eq!(history(&port, user, alone.id).await, [alone]);
    let retracted = memory(user, "taken back").retracted(at(3));
    save(&port, std::slice::from_ref(&retracted)).await;
    assert_eq!(history(&port, user, retracted.id).await, [retracted]);
}

async fn a_chain_is_told_from_its_beginning(port: Memories) {
    let user = user_id();
    let third = since(user, "Lives in Olinda", 30, None);
    let second = since(user, "Lives in Caruaru", 20, Some(third.id));
    let first = since(user, "Lives in Recife", 10, Some(second.id));
    let chain = [first, second, third];
    save(&port, &[chain[2].clone(), chain[0].clone(), memory(user, "aside"), chain[1].clone()]).await;
    // Each up to itself: what came later is not its history.
    for (place, memory) in chain.iter().enumerate() {
        assert_eq!(history(&port, user, memory.id).await, chain[..=place]);
    }
}

async fn history_branches_where_memories_were_merged(port: Memories) {
    let user = user_id();
    let merged = since(user, "Lives in Recife with a cat", 50, None);
    let place = since(user, "Lives in Recife", 30, Some(merged.id));
    let cat = since(user, "Has a cat", 20, Some(merged.id));
    let before = since(user, "Lives in Olinda", 10, Some(place.id));
    let all = [before, cat, place, merged];
    save(&port, &all).await;
    assert_eq!(history(&port, user, all[3].id).await, all);
    assert_eq!(history(&port, user, all[2].id).await, [all[0].clone(), all[2].clone()]);
    assert_eq!(history(&port, user, all[1].id).await, [all[1].clone()]);
}

async fn history_is_in_the_order_of_validity(port: Memories) {
    let user = user_id();
    let newest = memory(user, "newest");
    let earlier = |from: i64, to: i64, created: i64| Memory {
        valid_from: at(from),
        created_at: at(created),
        ..memory(user, "earlier").superseded(newest.id, at(to))
    };
    // By when they began to hold, then by when they ceased to, then by when they were saved, then by id.
    let first = [earlier(1, 99, 90), earlier(2, 50, 80), earlier(2, 60, 10), earlier(2, 60, 20), earlier(2, 60, 20)];
    let newest = Memory { valid_from: at(2), ..newest };
    // One that still holds comes after those that began with it.
    let expected: Vec<Memory> = first.into_iter().chain([newest.clone(), earlier(3, 40, 0)]).collect();
    let mut shuffled = expected.clone();
    shuffled.rotate_left(3);
    shuffled.swap(0, 1);
    save(&port, &shuffled).await;
    assert_eq!(history(&port, user, newest.id).await, expected);
}

async fn history_ends_even_in_a_circle(port: Memories) {
    let user = user_id();
    let itself = memory_id();
    let round = Memory { id: itself, ..since(user, "by itself", 5, Some(itself)) };
    let [a, b, c] = [memory_id(), memory_id(), memory_id()];
    let circle = [(a, b), (b, c), (c, a)].map(|(id, by)| Memory { id, ..since(user, "in a circle", 7, Some(by)) });
    save(&port, &circle).await;
    save(&port, std::slice::from_ref(&round)).await;
    assert_eq!(history(&port, user, itself).await, [round]);
    for memory in &circle {
        assert_eq!(ids(&history(&port, user, memory.id).await), ids(&circle));
    }
}

async fn a_missing_memory_has_no_history(port: Memories) {
    let user = user_id();
    let missing = memory_id();
    save(&port, &[since(user, "by a missing one", 1, Some(missing))]).await;
    assert_eq!(history(&port, user, missing).await, Vec::new());
    let gone = insert(&port, user, "gone", 0.0).await;
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    assert_eq!(history(&port, user, gone.id).await, Vec::new());
}

async fn history_stays_with_its_user(port: Memories) {
    let (user, stranger) = (user_id(), user_id());
    let own = insert(&port, user, "own", 0.0).await;
    let earlier = since(user, "earlier", -5, Some(own.id));
    // Theirs say that it took their place, too, and one has its id.
    let theirs = since(stranger, "theirs", -9, Some(own.id));
    let same = Memory { id: own.id, ..memory(stranger, "same id") };
    save(&port, &[earlier.clone(), theirs.clone(), same.clone()]).await;
    assert_eq!(history(&port, user, own.id).await, [earlier.clone(), own]);
    assert_eq!(history(&port, stranger, same.id).await, [theirs, same]);
    assert_eq!(history(&port, stranger, earlier.id).await, Vec::new());
}
