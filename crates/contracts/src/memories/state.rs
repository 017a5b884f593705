//! Memories that do not hold any more, and what comes back of when they did.

use super::{Memories, all, change, ids, insert, made_at, save, search, stored, texts, towards_first};
use crate::{
    harness::{Case, cases},
    samples::{TEXTS, at, chat_id, embedded, memory, memory_id, turn_id, user_id},
};
use palavra_domain::{Memory, MemorySource, MemoryState, Span, Timestamp, UserId, ports::MemoryRepository};

pub(super) fn cases() -> Vec<Case<dyn MemoryRepository>> {
    cases![
        states_and_times_come_back,
        spans_come_back_byte_for_byte,
        what_does_not_hold_is_history_only,
        a_user_with_nothing_but_history_has_no_memories,
        what_holds_again_is_listed_again,
        pages_count_what_holds,
        a_search_looks_past_what_does_not_hold,
        the_newest_with_vectors_are_those_that_hold,
        an_index_holds_what_holds,
    ]
}

/// One of each state that does not hold.
fn inactive(user: UserId, text: &str) -> [Memory; 2] {
    [memory(user, text).superseded(memory_id(), at(3)), memory(user, text).retracted(at(4))]
}

async fn indexed(port: &Memories, user: UserId) -> Vec<Memory> {
    port.index(user, 0).await.unwrap().memories().to_vec()
}

async fn states_and_times_come_back(port: Memories) {
    let user = user_id();
    let times = [Timestamp::from_millis(0), at(1), at(1_001), Timestamp::MAX];
    let mut memories = Vec::new();
    for state in MemoryState::ALL {
        for valid_from in times {
            for valid_to in [None, Some(valid_from), Some(Timestamp::from_millis(0)), Some(Timestamp::MAX)] {
                for superseded_by in [None, Some(memory_id())] {
                    memories.push(Memory { state, valid_from, valid_to, superseded_by, ..memory(user, "timed") });
                }
            }
        }
    }
    save(&port, &memories).await;
    for memory in &memories {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
    let sorted = |mut memories: Vec<Memory>| {
        memories.sort_by_key(Memory::cursor);
        memories
    };
    let (holding, past) = memories.into_iter().partition(|memory| memory.state == MemoryState::Active);
    assert_eq!(sorted(all(&port, user).await), sorted(holding));
    assert_eq!(sorted(port.past(user).await.unwrap()), sorted(past));
}

async fn spans_come_back_byte_for_byte(port: Memories) {
    let user = user_id();
    let longest = "é日👍🏽\u{202e}".repeat(2_000);
    let spans = TEXTS.into_iter().chain(["", longest.as_str()]).zip([0, 1, 70_000, u32::MAX].into_iter().cycle());
    let spans = spans.map(|(text, start)| Some(Span { start, text: text.into() }));
    let memories: Vec<Memory> = spans
        .chain([None])
        .map(|span| Memory {
            source: Some(MemorySource { chat: chat_id(), turn: turn_id(), span }),
            ..memory(user, "quoted")
        })
        .collect();
    save(&port, &memories).await;
    for memory in &memories {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
    // Replacing keeps them as well.
    let changes: Vec<Memory> = memories.iter().map(|memory| memory.clone().retracted(at(9))).collect();
    let written = change(&port, user, &changes).await.unwrap().unwrap();
    for (memory, before) in written.iter().zip(&memories) {
        assert_eq!(memory.source, before.source);
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
}

async fn what_does_not_hold_is_history_only(port: Memories) {
    let user = user_id();
    let [superseded, retracted] = inactive(user, "past");
    let holding = memory(user, "present");
    save(&port, &[superseded.clone(), holding.clone(), retracted.clone()]).await;
    assert_eq!(all(&port, user).await, std::slice::from_ref(&holding));
    assert_eq!(texts(&port, user, 0.0, 10, -1.0).await, ["present"]);
    assert_eq!(port.embedded(user, 10).await.unwrap(), [towards_first(&port, holding.clone())]);
    assert_eq!(indexed(&port, user).await, [holding]);
    assert_eq!(ids(&port.past(user).await.unwrap()), ids([&superseded, &retracted]));
    for memory in [superseded, retracted] {
        assert_eq!(stored(&port, &memory).await.as_ref(), Some(&memory));
        assert_eq!(port.history(user, memory.id).await.unwrap(), [memory]);
    }
}

async fn a_user_with_nothing_but_history_has_no_memories(port: Memories) {
    let user = user_id();
    save(&port, &inactive(user, "past")).await;
    assert!(!port.has_any(user).await.unwrap());
    let holding = insert(&port, user, "present", 0.0).await;
    assert!(port.has_any(user).await.unwrap());
    let retracted = change(&port, user, &[holding.retracted(at(5))]).await.unwrap().unwrap();
    assert!(!port.has_any(user).await.unwrap());
    assert_eq!(search(&port, user, 0.0, 10, -1.0).await, Vec::new());
    assert!(port.embedded(user, 10).await.unwrap().is_empty());
    assert!(indexed(&port, user).await.is_empty());
    // Saving again what is there brings nothing back.
    save(&port, &retracted).await;
    assert!(!port.has_any(user).await.unwrap());
    let new = Memory { revision: 0, ..memory(user, "new") };
    change(&port, user, &[new]).await.unwrap().unwrap();
    assert!(port.has_any(user).await.unwrap());
    // Nor do other users' memories count.
    assert!(!port.has_any(user_id()).await.unwrap());
}

async fn what_holds_again_is_listed_again(port: Memories) {
    let user = user_id();
    let [superseded, _] = inactive(user, "again");
    save(&port, std::slice::from_ref(&superseded)).await;
    let again = Memory { state: MemoryState::Active, valid_to: None, superseded_by: None, ..superseded };
    let again = change(&port, user, &[again]).await.unwrap().unwrap();
    assert_eq!(all(&port, user).await, again);
    assert_eq!(texts(&port, user, 0.0, 10, 0.9).await, ["again"]);
    assert!(port.has_any(user).await.unwrap());
    assert_eq!(port.past(user).await.unwrap(), Vec::new());
}

async fn pages_count_what_holds(port: Memories) {
    let user = user_id();
    let memories = made_at(&port, user, &[1, 2, 3, 4, 5, 6, 7]).await;
    let (holding, gone): (Vec<_>, Vec<_>) =
        memories.into_iter().partition(|memory| memory.created_at.as_millis() % 2 == 0);
    let changes: Vec<Memory> = gone.into_iter().map(|memory| memory.retracted(at(9))).collect();
    change(&port, user, &changes).await.unwrap().unwrap();
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = port.list(user, before, 2).await.unwrap();
        before = page.next;
        assert_eq!(page.items.len(), if before.is_some() { 2 } else { holding.len() - seen.len() });
        seen.extend(page.items);
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, holding);
}

async fn a_search_looks_past_what_does_not_hold(port: Memories) {
    let user = user_id();
    let mut nearest = Vec::new();
    for index in 0..50 {
        nearest.extend(inactive(user, &format!("past {index}")));
    }
    save(&port, &nearest).await;
    insert(&port, user, "present", 40.0).await;
    insert(&port, user, "farther", 60.0).await;
    assert_eq!(texts(&port, user, 0.0, 1, 0.0).await, ["present"]);
    assert_eq!(texts(&port, user, 0.0, 10, 0.0).await, ["present", "farther"]);
}

async fn the_newest_with_vectors_are_those_that_hold(port: Memories) {
    let (user, dimensions) = (user_id(), port.space().dimensions);
    let mut holding = Vec::new();
    for index in 0..4_i16 {
        let present = embedded(user, &format!("present {index}"), dimensions, f32::from(index) * 10.0);
        port.insert(vec![present.clone()]).await.unwrap();
        save(&port, &inactive(user, "newer")).await;
        holding.insert(0, present);
    }
    assert_eq!(port.embedded(user, 2).await.unwrap(), holding[..2]);
    assert_eq!(port.embedded(user, 100).await.unwrap(), holding);
}

async fn an_index_holds_what_holds(port: Memories) {
    let (user, other) = (user_id(), user_id());
    assert!(port.index(user, 0).await.unwrap().is_empty());
    let mut holding = vec![insert(&port, user, "one", 0.0).await];
    save(&port, &inactive(user, "past")).await;
    insert(&port, other, "of another", 0.0).await;
    assert_eq!(indexed(&port, user).await, holding);
    holding.push(insert(&port, user, "two", 30.0).await);
    assert_eq!(ids(&indexed(&port, user).await), ids(&holding));
    let superseded = holding.remove(0).superseded(holding[0].id, at(4));
    change(&port, user, &[superseded]).await.unwrap().unwrap();
    assert_eq!(indexed(&port, user).await, holding);
    assert!(port.delete(user, holding[0].id, at(9)).await.unwrap());
    assert!(port.index(user, 7).await.unwrap().is_empty());
    assert_eq!(indexed(&port, other).await.len(), 1);
}
