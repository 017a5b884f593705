//! Several memories of one user written together.

use super::{Memories, all, change, deleted, ids, insert, save, search, stored, texts, towards_first, update};
use crate::{
    harness::{Case, cases},
    samples::{TEXTS, at, chat_id, embedded, memory, memory_id, span, turn_id, user_id, vector},
    support::{GRACE, Jitter, assert_form, race},
};
use palavra_domain::{
    EmbeddedMemory, Entity, Memory, MemoryKind, MemoryOrigin, MemorySource, MemoryState, MemoryText, StoreError,
    Timestamp, ports::MemoryRepository,
};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case<dyn MemoryRepository>> {
    cases![
        what_is_changed_together_is_there_together,
        a_change_replaces_and_counts_the_revision,
        a_change_leaves_where_a_memory_came_from,
        a_new_memory_gets_the_first_revision,
        a_new_memory_whose_id_is_there_is_left,
        changing_nothing_is_nothing,
        one_old_revision_stops_all,
        one_missing_memory_stops_all,
        one_memory_of_another_user_stops_all,
        one_vector_of_other_dimensions_stops_all,
        many_memories_are_changed_together,
        of_concurrent_changes_from_one_revision_one_succeeds,
        concurrent_changes_do_not_mix,
        of_concurrent_changes_with_one_new_memory_one_writes_it,
        a_change_and_a_deletion_at_once_leave_nothing,
        dropped_changes_are_whole_or_nothing,
    ]
}

fn text(text: &str) -> MemoryText {
    MemoryText::parse(text).unwrap()
}

/// A memory that is not there yet.
fn new(memory: Memory) -> Memory {
    Memory { revision: 0, ..memory }
}

async fn what_is_changed_together_is_there_together(port: Memories) {
    let user = user_id();
    let [old, other] = [insert(&port, user, "Lives in Recife", 0.0).await, insert(&port, user, "Likes tea", 0.0).await];
    let bystander = insert(&port, user, "Has a cat", 0.0).await;
    let by = new(memory(user, "Lives in Olinda"));
    let edited = Memory { text: text("Likes coffee"), updated_at: at(9), ..other.clone() };
    let replaced = old.clone().superseded(by.id, at(8));
    let written = change(&port, user, &[replaced.clone(), by.clone(), edited.clone()]).await.unwrap().unwrap();
    // In the order given, each with the revision that it has now.
    let expected = [Memory { revision: 2, ..replaced }, Memory { revision: 1, ..by }, Memory { revision: 2, ..edited }];
    assert_eq!(written, expected);
    for memory in &expected {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
    assert_eq!(ids(&all(&port, user).await), ids([&bystander, &expected[1], &expected[2]]));
    assert_eq!(stored(&port, &bystander).await, Some(bystander));
}

async fn a_change_replaces_and_counts_the_revision(port: Memories) {
    let (user, dimensions) = (user_id(), port.space().dimensions);
    let first = insert(&port, user, "Lives in Recife", 0.0).await;
    let bystander = insert(&port, user, "Likes tea", 45.0).await;
    let changed = Memory { text: text("Lives in Olinda"), updated_at: at(7_007), ..first.clone() };
    let expected = Memory { revision: 2, ..changed.clone() };
    let changed = EmbeddedMemory { memory: changed, vector: vector(dimensions, 90.0) };
    assert_eq!(update(&port, changed).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(stored(&port, &first).await.as_ref(), Some(&expected));
    assert_eq!(all(&port, user).await.len(), 2);
    assert_eq!(texts(&port, user, 90.0, 10, 0.9).await, ["Lives in Olinda"]);
    assert_eq!(texts(&port, user, 0.0, 10, 0.9).await, [""; 0]);
    assert_eq!(update(&port, towards_first(&port, expected)).await.unwrap().unwrap().revision, 3);
    assert_eq!(stored(&port, &bystander).await, Some(bystander));
    for (odd, revision) in TEXTS.into_iter().zip(3..) {
        let memory = Memory { revision, text: text(odd), ..first.clone() };
        let updated = update(&port, towards_first(&port, memory)).await.unwrap();
        assert_eq!(updated.unwrap().text.as_str(), odd);
        assert_eq!(stored(&port, &first).await.unwrap().text.as_str(), odd);
    }
}

async fn a_change_leaves_where_a_memory_came_from(port: Memories) {
    let user = user_id();
    let first = insert(&port, user, "first", 0.0).await;
    let changed = Memory {
        text: text("changed"),
        kind: MemoryKind::Instruction,
        state: MemoryState::Superseded,
        valid_from: at(-77),
        valid_to: Some(at(1)),
        superseded_by: Some(memory_id()),
        updated_at: at(2),
        ..first.clone()
    };
    let expected = Memory { revision: 2, ..changed.clone() };
    let source =
        MemorySource { chat: chat_id(), turn: turn_id(), span: Some(span("Moro em 東京 👩‍👩‍👧‍👦")) };
    let odd = Memory { origin: MemoryOrigin::User, source: Some(source), created_at: Timestamp::MAX, ..changed };
    assert_eq!(change(&port, user, &[odd]).await.unwrap(), Some(vec![expected.clone()]));
    assert_eq!(stored(&port, &first).await.as_ref(), Some(&expected));
    // And all of it back, as if it had come from nowhere.
    let back = Memory { source: None, revision: 2, ..first.clone() };
    let expected = Memory { revision: 3, ..first.clone() };
    assert_eq!(change(&port, user, &[back]).await.unwrap(), Some(vec![expected.clone()]));
    assert_eq!(all(&port, user).await, [expected]);
    // What came from no turn stays so.
    let by_hand = Memory { origin: MemoryOrigin::User, source: None, ..memory(user, "by hand") };
    save(&port, std::slice::from_ref(&by_hand)).await;
    let sourced = Memory { source: first.source, origin: MemoryOrigin::Extracted, ..by_hand.clone() };
    change(&port, user, &[sourced]).await.unwrap().unwrap();
    assert_eq!(stored(&port, &by_hand).await, Some(Memory { revision: 2, ..by_hand }));
}

async fn a_new_memory_gets_the_first_revision(port: Memories) {
    let user = user_id();
    let active = memory(user, "new");
    let past = memory(user, "what it said before").superseded(active.id, at(3));
    let by_hand = Memory { origin: MemoryOrigin::User, source: None, created_at: at(5), ..memory(user, "by hand") };
    let given = [active.clone(), past.clone(), by_hand.clone()];
    let written = change(&port, user, &given.clone().map(new)).await.unwrap().unwrap();
    assert_eq!(written, given);
    for memory in &given {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
    assert_eq!(all(&port, user).await, [by_hand, active]);
    assert!(port.has_any(user).await.unwrap());
}

async fn a_new_memory_whose_id_is_there_is_left(port: Memories) {
    let user = user_id();
    let [there, gone] = [insert(&port, user, "there", 0.0).await, insert(&port, user, "gone", 0.0).await];
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    let again = |id| new(Memory { id, ..memory(user, "again") });
    let fresh = new(memory(user, "fresh"));
    let written = change(&port, user, &[again(there.id), fresh.clone(), again(gone.id)]).await.unwrap().unwrap();
    let fresh = Memory { revision: 1, ..fresh };
    assert_eq!(written, std::slice::from_ref(&fresh));
    assert_eq!(stored(&port, &there).await.as_ref(), Some(&there));
    assert_eq!(stored(&port, &gone).await, None);
    assert_eq!(ids(&all(&port, user).await), ids([&there, &fresh]));
    assert_eq!(deleted(&port, user).await, [gone.id]);
    assert_eq!(change(&port, user, &[again(there.id), again(gone.id)]).await.unwrap(), Some(Vec::new()));
    assert_eq!(ids(&all(&port, user).await), ids([&there, &fresh]));
    // An id of another user is not in the way.
    let other = user_id();
    let same = new(Memory { id: there.id, ..memory(other, "of another") });
    assert_eq!(change(&port, other, &[same]).await.unwrap().unwrap().len(), 1);
    assert_eq!(stored(&port, &there).await.as_ref(), Some(&there));
}

async fn changing_nothing_is_nothing(port: Memories) {
    assert_eq!(change(&port, user_id(), &[]).await.unwrap(), Some(Vec::new()));
}

/// Three memories that are there, and a new one: all that a change which fails must not have touched.
async fn known(port: &Memories) -> ([Memory; 3], Memory) {
    let user = user_id();
    let known = ["a", "b", "c"].map(|text| memory(user, text));
    save(port, &known).await;
    (known, new(memory(user, "new")))
}

async fn untouched(port: &Memories, known: &[Memory; 3], new: &Memory) {
    for memory in known {
        assert_eq!(stored(port, memory).await.as_ref(), Some(memory));
    }
    assert_eq!(stored(port, new).await, None);
    assert_eq!(ids(&all(port, new.user_id).await), ids(known));
    assert_eq!(texts(port, new.user_id, 0.0, 10, 0.9).await.len(), 3);
}

async fn one_old_revision_stops_all(port: Memories) {
    for place in 0..3 {
        for revision in [2, 7] {
            let (known, new) = known(&port).await;
            let mut changes: Vec<Memory> =
                known.iter().map(|memory| Memory { text: text("changed"), ..memory.clone() }).collect();
            changes[place].revision = revision;
            changes.insert(1, new.clone());
            assert_form!(change(&port, new.user_id, &changes).await, Err(StoreError::Stale(Entity::Memory)));
            untouched(&port, &known, &new).await;
        }
    }
    // What was read before another change is old, too.
    let (known, new) = known(&port).await;
    let [a, b, c] = known;
    let changed = change(&port, new.user_id, std::slice::from_ref(&b)).await.unwrap().unwrap();
    let late = [new.clone(), a.clone(), b];
    assert_form!(change(&port, new.user_id, &late).await, Err(StoreError::Stale(Entity::Memory)));
    untouched(&port, &[a, changed.into_iter().next().unwrap(), c], &new).await;
}

async fn one_missing_memory_stops_all(port: Memories) {
    let (known, new) = known(&port).await;
    let user = new.user_id;
    let gone = insert(&port, user, "gone", 0.0).await;
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    let of_another = insert(&port, user_id(), "of another", 0.0).await;
    for missing in [memory(user, "never there"), gone, Memory { user_id: user, ..of_another.clone() }] {
        for place in 0..3 {
            let mut changes = vec![new.clone(), Memory { text: text("changed"), ..known[0].clone() }];
            changes.insert(place, missing.clone());
            assert_eq!(change(&port, user, &changes).await.unwrap(), None);
            untouched(&port, &known, &new).await;
        }
        assert_eq!(change(&port, user, &[missing]).await.unwrap(), None);
    }
    assert_eq!(stored(&port, &of_another).await, Some(of_another));
}

async fn one_memory_of_another_user_stops_all(port: Memories) {
    let (known, new) = known(&port).await;
    let theirs = insert(&port, user_id(), "theirs", 0.0).await;
    let unknown = Memory { revision: 0, ..memory(user_id(), "theirs and new") };
    for foreign in [theirs.clone(), unknown.clone()] {
        for place in 0..2 {
            let mut changes = vec![new.clone()];
            changes.insert(place, foreign.clone());
            assert_form!(change(&port, new.user_id, &changes).await, Err(StoreError::Unexpected { .. }));
            untouched(&port, &known, &new).await;
        }
        assert_form!(change(&port, new.user_id, &[foreign]).await, Err(StoreError::Unexpected { .. }));
    }
    assert_eq!(stored(&port, &theirs).await, Some(theirs));
    assert_eq!(stored(&port, &unknown).await, None);
}

async fn one_vector_of_other_dimensions_stops_all(port: Memories) {
    let (known, new) = known(&port).await;
    let dimensions = port.space().dimensions;
    for wrong in [0, dimensions - 1, dimensions + 1] {
        let bad = EmbeddedMemory { memory: known[1].clone(), vector: vec![0.5; wrong] };
        let good = towards_first(&port, new.clone());
        assert_form!(port.change(new.user_id, vec![good, bad]).await, Err(StoreError::Unexpected { .. }));
        untouched(&port, &known, &new).await;
    }
}

async fn many_memories_are_changed_together(port: Memories) {
    let (user, dimensions) = (user_id(), port.space().dimensions);
    let known: Vec<EmbeddedMemory> =
        (0..150).map(|index| embedded(user, &format!("memory {index}"), dimensions, 0.0)).collect();
    port.insert(known.clone()).await.unwrap();
    let by = memory_id();
    let superseded = known.iter().map(|known| known.memory.clone().superseded(by, at(5)));
    let fresh = (0..150).map(|index| new(memory(user, &format!("fresh {index}"))));
    let changes: Vec<Memory> = superseded.chain(fresh).collect();
    let written = change(&port, user, &changes).await.unwrap().unwrap();
    let expected: Vec<Memory> =
        changes.into_iter().map(|memory| Memory { revision: memory.revision + 1, ..memory }).collect();
    assert_eq!(written, expected);
    assert_eq!(ids(&port.list(user, None, 1000).await.unwrap().items), ids(&expected[150..]));
    assert_eq!(ids(&port.past(user).await.unwrap()), ids(&expected[..150]));
    assert_eq!(search(&port, user, 0.0, 1000, 0.9).await.len(), 150);
}

/// Of several outcomes, those that succeeded; the others have to be stale.
fn winners(outcomes: Vec<Result<Option<Vec<Memory>>, StoreError>>) -> Vec<Vec<Memory>> {
    let mut winners = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(Some(written)) => winners.push(written),
            Err(StoreError::Stale(Entity::Memory)) => (),
            other => panic!("expected a success or Stale, got {other:?}"),
        }
    }
    winners
}

async fn of_concurrent_changes_from_one_revision_one_succeeds(port: Memories) {
    let user = user_id();
    let first = insert(&port, user, "first", 0.0).await;
    let outcomes = race(8, |index| {
        let by = new(memory(user, &format!("change {index}")));
        let changes = [first.clone().superseded(by.id, at(1)), by];
        let port = Arc::clone(&port);
        async move { change(&port, user, &changes).await }
    })
    .await;
    let winners = winners(outcomes);
    assert_eq!(winners.len(), 1);
    assert_eq!(winners[0][0].revision, 2);
    assert_eq!(stored(&port, &first).await.as_ref(), Some(&winners[0][0]));
    // Of the others nothing is there.
    assert_eq!(all(&port, user).await, [winners[0][1].clone()]);
}

async fn concurrent_changes_do_not_mix(port: Memories) {
    let user = user_id();
    for _ in 0..3 {
        let pair = ["a", "b"].map(|text| memory(user, text));
        save(&port, &pair).await;
        let outcomes = race(6, |index| {
            let mut changes = pair.clone().map(|memory| Memory { text: text(&format!("by {index}")), ..memory });
            if index % 2 == 0 {
                changes.reverse();
            }
            let port = Arc::clone(&port);
            async move { change(&port, user, &changes).await }
        })
        .await;
        let winners = winners(outcomes);
        assert_eq!(winners.len(), 1);
        for memory in &pair {
            let now = stored(&port, memory).await.unwrap();
            assert_eq!((now.revision, &now.text), (2, &winners[0][0].text));
        }
    }
}

async fn of_concurrent_changes_with_one_new_memory_one_writes_it(port: Memories) {
    let user = user_id();
    let id = memory_id();
    let outcomes = race(8, |index| {
        let fresh = new(Memory { id, ..memory(user, &format!("by {index}")) });
        let port = Arc::clone(&port);
        async move { change(&port, user, &[fresh]).await }
    })
    .await;
    let written: Vec<Memory> = outcomes.into_iter().flat_map(|outcome| outcome.unwrap().unwrap()).collect();
    assert_eq!(written.len(), 1);
    assert_eq!(all(&port, user).await, written);
    assert_eq!(search(&port, user, 0.0, 100, 0.5).await.len(), 1);
}

async fn a_change_and_a_deletion_at_once_leave_nothing(port: Memories) {
    let user = user_id();
    for _ in 0..4 {
        let first = insert(&port, user, "first", 0.0).await;
        let outcomes = race(4, |index| {
            let (port, first) = (Arc::clone(&port), first.clone());
            async move {
                if index == 0 {
                    assert!(port.delete(user, first.id, at(9)).await.unwrap());
                    return None;
                }
                let earlier = Memory { id: first.id.earlier(1), revision: 0, ..first.clone() };
                let earlier = earlier.superseded(first.id, at(1));
                let changed = Memory { text: text(&format!("change {index}")), ..first };
                Some(change(&port, user, &[changed, earlier]).await)
            }
        })
        .await;
        for outcome in outcomes.into_iter().flatten() {
            assert_form!(outcome, Ok(_) | Err(StoreError::Stale(Entity::Memory)));
        }
        // Whatever came first, the memory is gone with what it said before.
        assert_eq!(stored(&port, &first).await, None);
        assert_eq!(all(&port, user).await, Vec::new());
        assert_eq!(port.past(user).await.unwrap(), Vec::new());
    }
}

async fn dropped_changes_are_whole_or_nothing(port: Memories) {
    let mut jitter = Jitter::default();
    let mut tried = Vec::new();
    for _ in 0..20 {
        let user = user_id();
        let old = insert(&port, user, "old", 0.0).await;
        let by = new(memory(user, "new"));
        let changes = [old.clone().superseded(by.id, at(1)), by.clone()];
        let changing = Arc::clone(&port);
        let done = jitter.cut_short(async move { change(&changing, user, &changes).await.unwrap() }).await;
        tried.push((old, by, done));
    }
    tokio::time::sleep(GRACE).await;
    for (old, by, done) in tried {
        let (old, by) = (stored(&port, &old).await.unwrap(), stored(&port, &by).await);
        match by {
            None => assert_eq!((done, old.state, old.revision), (None, MemoryState::Active, 1)),
            Some(by) => assert_eq!((old.superseded_by, old.revision, by.revision), (Some(by.id), 2, 1)),
        }
    }
    insert(&port, user_id(), "afterwards", 0.0).await;
}
