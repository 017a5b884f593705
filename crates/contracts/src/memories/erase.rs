//! Deleting what came from a chat, or everything; what is still known then; and whose it all is.

use super::{Memories, all, change, deleted, ids, insert, made_at, save, search, stored, texts, towards_first, update};
use crate::{
    harness::{Case, cases},
    samples::{at, chat_id, memory, memory_id, turn_id, user_id},
    support::{GRACE, Jitter, assert_form},
};
use palavra_domain::{
    ChatId, Memory, MemoryOrigin, MemorySource, MemoryState, StoreError, UserId, ports::MemoryRepository,
};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case<dyn MemoryRepository>> {
    cases![
        deleting_from_a_chat_counts_what_held,
        deleting_from_a_chat_leaves_other_chats,
        deleting_from_a_chat_takes_along_what_was_superseded,
        deleting_all_counts,
        deleting_all_leaves_nothing,
        a_turn_is_known_while_anything_is_left_of_it,
        nobody_reaches_another_users_memory,
        dropped_erasures_are_whole_or_nothing,
    ]
}

fn from(user: UserId, text: &str, chat: ChatId) -> Memory {
    Memory { source: Some(MemorySource { chat, turn: turn_id(), span: None }), ..memory(user, text) }
}

async fn deleting_from_a_chat_counts_what_held(port: Memories) {
    let (user, chat) = (user_id(), chat_id());
    assert_eq!(port.delete_from_chat(user, chat, at(9)).await.unwrap(), 0);
    let memories = [
        from(user, "one", chat),
        from(user, "two", chat),
        from(user, "superseded", chat).superseded(memory_id(), at(1)),
        from(user, "retracted", chat).retracted(at(1)),
    ];
    save(&port, &memories).await;
    assert_eq!(port.delete_from_chat(user, chat, at(9)).await.unwrap(), 2);
    assert_eq!(deleted(&port, user).await, ids(&memories));
    assert!(!port.has_any(user).await.unwrap());
    assert_eq!(port.past(user).await.unwrap(), Vec::new());
    let left = port.deleted(user).await.unwrap();
    assert!(left.iter().all(|deleted| deleted.deleted_at == at(9)));
    // What is left does not tell the chat: nothing of it is deleted again.
    assert_eq!(port.delete_from_chat(user, chat, at(10)).await.unwrap(), 0);
    assert_eq!(ids(&memories).len(), port.deleted(user).await.unwrap().len());
    for memory in &memories {
        save(&port, std::slice::from_ref(memory)).await;
        assert_eq!(stored(&port, memory).await, None);
    }
}

async fn deleting_from_a_chat_leaves_other_chats(port: Memories) {
    let (user, other, chat) = (user_id(), user_id(), chat_id());
    let kept = [
        from(user, "of another chat", chat_id()),
        Memory { origin: MemoryOrigin::User, source: None, ..memory(user, "by hand") },
        memory(user, "past of another chat").retracted(at(1)),
    ];
    let theirs = from(other, "of another user", chat);
    let gone = from(user, "gone", chat);
    save(&port, &kept).await;
    save(&port, &[theirs.clone(), gone.clone()]).await;
    assert_eq!(port.delete_from_chat(user, chat, at(9)).await.unwrap(), 1);
    assert_eq!(deleted(&port, user).await, [gone.id]);
    for memory in kept.iter().chain([&theirs]) {
        assert_eq!(stored(&port, memory).await.as_ref(), Some(memory));
    }
    assert_eq!(deleted(&port, other).await, []);
}

async fn deleting_from_a_chat_takes_along_what_was_superseded(port: Memories) {
    let (user, chat) = (user_id(), chat_id());
    let by = from(user, "by", chat);
    let second = memory(user, "of another chat").superseded(by.id, at(2));
    let first = memory(user, "of a third chat").superseded(second.id, at(1));
    // What took the place of something from the chat is not of the chat.
    let successor = memory(user, "successor");
    let replaced = from(user, "replaced", chat).superseded(successor.id, at(3));
    let gone = [by, second, first, replaced];
    save(&port, &gone).await;
    save(&port, std::slice::from_ref(&successor)).await;
    assert_eq!(port.delete_from_chat(user, chat, at(9)).await.unwrap(), 1);
    assert_eq!(deleted(&port, user).await, ids(&gone));
    assert_eq!(all(&port, user).await, [successor]);
}

async fn deleting_all_counts(port: Memories) {
    let (user, other) = (user_id(), user_id());
    made_at(&port, user, &[1, 2, 3]).await;
    save(&port, &[memory(user, "past").retracted(at(1)), memory(user, "past").superseded(memory_id(), at(1))]).await;
    let gone = insert(&port, user, "gone", 0.0).await;
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    let kept = made_at(&port, other, &[1, 2]).await;
    assert_eq!(port.delete_all(user).await.unwrap(), 3);
    assert_eq!(port.delete_all(user).await.unwrap(), 0);
    assert!(!port.has_any(user).await.unwrap());
    assert_eq!(all(&port, user).await, Vec::new());
    assert_eq!(search(&port, user, 0.0, 10, -1.0).await, Vec::new());
    assert_eq!(all(&port, other).await, kept);
}

async fn deleting_all_leaves_nothing(port: Memories) {
    let (user, other) = (user_id(), user_id());
    let [kept, gone, past] = ["kept", "gone", "past"].map(|text| memory(user, text));
    let past = past.superseded(kept.id, at(1));
    save(&port, &[kept.clone(), gone.clone(), past.clone()]).await;
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    let theirs = insert(&port, other, "theirs", 0.0).await;
    assert!(port.delete(other, theirs.id, at(9)).await.unwrap());
    assert_eq!(port.delete_all(user).await.unwrap(), 1);
    assert_eq!(port.deleted(user).await.unwrap(), Vec::new());
    assert_eq!(port.past(user).await.unwrap(), Vec::new());
    for memory in [&kept, &gone, &past] {
        assert_eq!(stored(&port, memory).await, None);
        let turn = memory.source.as_ref().unwrap().turn;
        assert!(!port.knows_turn(user, turn).await.unwrap());
    }
    assert_eq!(deleted(&port, other).await, [theirs.id]);
    // Nothing stands in the way of the same ids.
    save(&port, &[kept.clone(), gone.clone(), past.clone()]).await;
    assert_eq!(ids(&all(&port, user).await), ids([&kept, &gone]));
    assert_eq!(port.past(user).await.unwrap(), [past]);
    // Only history is nothing that held.
    assert_eq!(port.delete_all(user).await.unwrap(), 2);
    save(&port, &[memory(user, "past").retracted(at(1))]).await;
    assert_eq!(port.delete_all(user).await.unwrap(), 0);
    assert_eq!(port.past(user).await.unwrap(), Vec::new());
}

async fn a_turn_is_known_while_anything_is_left_of_it(port: Memories) {
    let (user, other) = (user_id(), user_id());
    let memories = [
        memory(user, "active"),
        memory(user, "superseded").superseded(memory_id(), at(1)),
        memory(user, "retracted").retracted(at(1)),
        memory(user, "deleted"),
    ];
    let turns = memories.clone().map(|memory| memory.source.unwrap().turn);
    for turn in turns {
        assert!(!port.knows_turn(user, turn).await.unwrap());
    }
    save(&port, &memories).await;
    assert!(port.delete(user, memories[3].id, at(9)).await.unwrap());
    let by_hand = Memory { origin: MemoryOrigin::User, source: None, ..memory(user, "by hand") };
    save(&port, &[by_hand]).await;
    for turn in turns {
        assert!(port.knows_turn(user, turn).await.unwrap());
        assert!(!port.knows_turn(other, turn).await.unwrap());
    }
    assert!(!port.knows_turn(user, turn_id()).await.unwrap());
    let chat = memories[0].source.as_ref().unwrap().chat;
    assert_eq!(port.delete_from_chat(user, chat, at(9)).await.unwrap(), 1);
    assert!(port.knows_turn(user, turns[0]).await.unwrap());
    port.delete_all(user).await.unwrap();
    for turn in turns {
        assert!(!port.knows_turn(user, turn).await.unwrap());
    }
}

async fn nobody_reaches_another_users_memory(port: Memories) {
    let user = user_id();
    let first = insert(&port, user, "first", 0.0).await;
    let past = memory(user, "past").superseded(first.id, at(1));
    save(&port, std::slice::from_ref(&past)).await;
    let gone = insert(&port, user, "gone", 0.0).await;
    assert!(port.delete(user, gone.id, at(9)).await.unwrap());
    let source = first.source.clone().unwrap();

    let stranger = user_id();
    for id in [first.id, past.id, gone.id] {
        assert_eq!(port.find(stranger, id).await.unwrap(), None);
        assert_eq!(port.history(stranger, id).await.unwrap(), Vec::new());
        assert!(!port.delete(stranger, id, at(9)).await.unwrap());
    }
    assert_eq!(all(&port, stranger).await, Vec::new());
    assert_eq!(port.past(stranger).await.unwrap(), Vec::new());
    assert_eq!(port.deleted(stranger).await.unwrap(), Vec::new());
    assert!(port.embedded(stranger, 10).await.unwrap().is_empty());
    assert!(port.index(stranger, 0).await.unwrap().is_empty());
    assert!(!port.has_any(stranger).await.unwrap());
    assert!(!port.knows_turn(stranger, source.turn).await.unwrap());
    assert_eq!(search(&port, stranger, 0.0, 10, -1.0).await, Vec::new());
    let theft = Memory { user_id: stranger, ..first.clone() };
    assert_eq!(update(&port, towards_first(&port, theft)).await.unwrap(), None);
    assert_form!(change(&port, stranger, std::slice::from_ref(&first)).await, Err(StoreError::Unexpected { .. }));
    assert_eq!(port.delete_from_chat(stranger, source.chat, at(9)).await.unwrap(), 0);
    assert_eq!(port.delete_all(stranger).await.unwrap(), 0);

    assert_eq!(texts(&port, user, 0.0, 10, 0.9).await, ["first"]);
    assert_eq!(port.past(user).await.unwrap(), [past]);
    assert_eq!(deleted(&port, user).await, [gone.id]);
    assert_eq!(all(&port, stranger).await, Vec::new());
    assert_eq!(stored(&port, &first).await, Some(first));
}

async fn dropped_erasures_are_whole_or_nothing(port: Memories) {
    let mut jitter = Jitter::default();
    let mut tried = Vec::new();
    for index in 0..24 {
        let (user, chat) = (user_id(), chat_id());
        save(&port, &["a", "b", "c"].map(|text| from(user, text, chat))).await;
        let (erasing, of_chat) = (Arc::clone(&port), index % 2 == 0);
        let erase = async move {
            if of_chat { erasing.delete_from_chat(user, chat, at(9)).await } else { erasing.delete_all(user).await }
        };
        let done = jitter.cut_short(async move { erase.await.unwrap() }).await;
        tried.push((user, of_chat, done));
    }
    tokio::time::sleep(GRACE).await;
    for (user, of_chat, done) in tried {
        let left = deleted(&port, user).await.len();
        match all(&port, user).await.as_slice() {
            [] => assert_eq!(left, if of_chat { 3 } else { 0 }),
            holding => {
                assert_eq!((done, holding.len(), left), (None, 3, 0));
                assert!(holding.iter().all(|memory| memory.state == MemoryState::Active));
            }
        }
    }
    insert(&port, user_id(), "afterwards", 0.0).await;
}
