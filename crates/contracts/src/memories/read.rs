//! Lists and searches.

use super::{Memories, insert, made_at, search, texts};
use crate::{
    harness::{Case, cases},
    samples::{TEXTS, at, embedded, user_id},
};
use palavra_domain::{EmbeddedMemory, MemoryCursor, MemoryId, UserId, ports::MemoryRepository};

pub(super) fn cases() -> Vec<Case<dyn MemoryRepository>> {
    cases![
        memories_are_listed_newest_first,
        pages_are_stable_under_inserts,
        a_list_goes_on_below_a_deleted_memory,
        embedded_memories_come_newest_first_with_their_vectors,
        the_nearest_are_found_first,
        length_does_not_count,
        a_search_finds_ones_own_among_many,
    ]
}

async fn page(
    port: &Memories,
    user: UserId,
    before: Option<MemoryCursor>,
    limit: usize,
) -> (Vec<MemoryId>, Option<MemoryCursor>) {
    let page = port.list(user, before, limit).await.unwrap();
    (page.items.iter().map(|memory| memory.id).collect(), page.next)
}

async fn memories_are_listed_newest_first(port: Memories) {
    let user = user_id();
    made_at(&port, user_id(), &[1, 3, 5]).await;
    // Their times count, then their ids, not the order in which they came.
    let memories = made_at(&port, user, &[5, 3, 3, 9, 3, 1, 5]).await;
    let ids: Vec<MemoryId> = memories.iter().map(|memory| memory.id).collect();
    let cursor = |index: usize| Some(memories[index].cursor());
    assert_eq!(page(&port, user, None, 100).await, (ids.clone(), None));
    assert_eq!(page(&port, user, None, 7).await, (ids.clone(), None));
    assert_eq!(page(&port, user, None, 4).await, (ids[..4].to_vec(), cursor(3)));
    assert_eq!(page(&port, user, cursor(3), 2).await, (ids[4..6].to_vec(), cursor(5)));
    assert_eq!(page(&port, user, cursor(5), 2).await, (ids[6..].to_vec(), None));
    assert_eq!(page(&port, user, cursor(6), 2).await, (Vec::new(), None));
}

async fn pages_are_stable_under_inserts(port: Memories) {
    let user = user_id();
    let memories = made_at(&port, user, &[1, 2, 2, 2, 3, 4]).await;
    let (mut seen, mut next) = page(&port, user, None, 2).await;
    let mut millis = 100;
    while let Some(before) = next {
        millis += 1;
        made_at(&port, user, &[millis]).await;
        let (more, after) = page(&port, user, Some(before), 2).await;
        seen.extend(more);
        next = after;
    }
    assert_eq!(seen, memories.iter().map(|memory| memory.id).collect::<Vec<_>>());
}

async fn a_list_goes_on_below_a_deleted_memory(port: Memories) {
    let user = user_id();
    let memories = made_at(&port, user, &[1, 2, 3, 4]).await;
    let (_, next) = page(&port, user, None, 2).await;
    assert!(port.delete(user, memories[1].id, at(9)).await.unwrap());
    assert_eq!(page(&port, user, next, 2).await, (vec![memories[2].id, memories[3].id], None));
}

async fn embedded_memories_come_newest_first_with_their_vectors(port: Memories) {
    let user = user_id();
    assert!(port.embedded(user, 10).await.unwrap().is_empty());
    let mut all: Vec<EmbeddedMemory> = Vec::new();
    for (text, degrees) in TEXTS.into_iter().zip([0.0, 17.0, 90.0, 179.0]) {
        let embedded = embedded(user, text, port.space().dimensions, degrees);
        port.insert(vec![embedded.clone()]).await.unwrap();
        insert(&port, user_id(), "of another", degrees).await;
        all.insert(0, embedded);
    }
    assert_eq!(port.embedded(user, 10).await.unwrap(), all);
    assert_eq!(port.embedded(user, 2).await.unwrap(), all[..2]);
    let gone = &all[1].memory;
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    all.remove(1);
    assert_eq!(port.embedded(user, 10).await.unwrap(), all);
}

async fn the_nearest_are_found_first(port: Memories) {
    let user = user_id();
    for degrees in [60.0_f32, 0.0, 180.0, 30.0, 90.0] {
        insert(&port, user, &format!("{degrees}"), degrees).await;
    }
    let found = search(&port, user, 0.0, 10, -1.0).await;
    let order: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(order, ["0", "30", "60", "90", "180"]);
    for (text, score) in &found {
        let expected = text.parse::<f32>().unwrap().to_radians().cos();
        assert!((score - expected).abs() < 1e-3, "{text} has {score}, not {expected}");
    }
    assert_eq!(texts(&port, user, 0.0, 2, -1.0).await, ["0", "30"]);
    assert_eq!(texts(&port, user, 0.0, 10, 0.4).await, ["0", "30", "60"]);
    assert_eq!(texts(&port, user, 180.0, 10, 0.4).await, ["180"]);
    assert_eq!(texts(&port, user, 0.0, 1, 0.4).await, ["0"]);
    assert_eq!(texts(&port, user, 45.0, 10, 0.99).await, [""; 0]);
}

async fn length_does_not_count(port: Memories) {
    let (user, dimensions) = (user_id(), port.space().dimensions);
    let scaled = |text: &str, degrees, factor: f32| {
        let mut embedded = embedded(user, text, dimensions, degrees);
        embedded.vector.iter_mut().for_each(|part| *part *= factor);
        embedded
    };
    port.insert(vec![scaled("near", 10.0, 0.01), scaled("far", 50.0, 100.0)]).await.unwrap();
    let found = port.search(user, &scaled("sought", 0.0, 7.0).vector, 10, 0.0).await.unwrap();
    let order: Vec<&str> = found.iter().map(|scored| scored.memory.text.as_str()).collect();
    assert_eq!(order, ["near", "far"]);
    assert!((found[0].score - 10.0_f32.to_radians().cos()).abs() < 1e-3, "{found:?}");
}

async fn a_search_finds_ones_own_among_many(port: Memories) {
    let (user, other, dimensions) = (user_id(), user_id(), port.space().dimensions);
    let crowd = (0..200).map(|index| embedded(other, &format!("other {index}"), dimensions, 0.0));
    port.insert(crowd.collect()).await.unwrap();
    insert(&port, user, "own", 40.0).await;
    assert_eq!(texts(&port, user, 0.0, 3, 0.5).await, ["own"]);
}
