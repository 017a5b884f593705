//! How turns begin.

use super::{Chats, answered, begun, busy_chat, chat_of, free_chat, pending, settled, turns_of};
use crate::{
    harness::{Case, cases},
    samples::{TEXTS, at, begin_in, begin_new, chat_id, complete, prompt, title, turn_id, user_id},
    support::{assert_form, race},
};
use palavra_domain::{
    ActiveTurn, BeginOutcome, BeginTurn, Chat, ChatTarget, Entity, StoreError, Turn, Usage, ports::ChatRepository,
};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case<dyn ChatRepository>> {
    cases![
        a_new_chat_has_its_first_turn,
        begun_texts_come_back_byte_for_byte,
        the_next_turn_counts_on,
        a_busy_chat_begins_no_other_turn,
        there_is_no_beginning_in_a_chat_one_does_not_have,
        a_taken_chat_id_conflicts,
        a_taken_turn_id_conflicts,
        of_concurrent_begins_in_a_free_chat_one_begins,
        of_concurrent_new_chats_with_one_id_one_begins,
        fifty_concurrent_new_chats_are_all_found,
    ]
}

async fn a_new_chat_has_its_first_turn(port: Chats) {
    for memory_allowed in [true, false] {
        let begin = BeginTurn { memory_allowed, now: at(123), ..begin_new(user_id()) };
        let turn = begun(&port, &begin).await;
        assert_eq!(turn, pending(&begin, 1));
        assert_eq!(turns_of(&port, &turn).await, vec![turn.clone()]);
        let chat = Chat {
            id: turn.chat_id,
            user_id: begin.user,
            title: title("A new chat"),
            turns: 1,
            totals: Usage::default(),
            active: Some(ActiveTurn { turn: turn.id, lease: begin.lease }),
            created_at: at(123),
            updated_at: at(123),
        };
        assert_eq!(chat_of(&port, &turn).await, chat);
    }
}

async fn begun_texts_come_back_byte_for_byte(port: Chats) {
    let user = user_id();
    for text in TEXTS {
        let id = chat_id();
        let target = ChatTarget::New { id, title: title(text) };
        let turn = begun(&port, &BeginTurn { target, prompt: prompt(text), ..begin_new(user) }).await;
        assert_eq!(turn.prompt.as_str(), text);
        assert_eq!(chat_of(&port, &turn).await.title.as_str(), text);
        assert_eq!(turns_of(&port, &turn).await[0].prompt.as_str(), text);
    }
    let long = "é\n😀".repeat(33_333);
    let turn = begun(&port, &BeginTurn { prompt: prompt(&long), ..begin_new(user) }).await;
    assert_eq!(turns_of(&port, &turn).await[0].prompt.as_str(), long);
}

async fn the_next_turn_counts_on(port: Chats) {
    let first = free_chat(&port, user_id()).await;
    let begin = BeginTurn { now: at(5_000), ..begin_in(first.user_id, first.chat_id) };
    let second = begun(&port, &begin).await;
    assert_eq!(second, pending(&begin, 2));
    let chat = chat_of(&port, &first).await;
    assert_eq!(chat.turns, 2);
    assert_eq!(chat.active, Some(ActiveTurn { turn: second.id, lease: begin.lease }));
    assert_eq!((chat.created_at, chat.updated_at), (at(0), at(5_000)));
    assert_eq!(turns_of(&port, &first).await, vec![first, second]);
}

async fn a_busy_chat_begins_no_other_turn(port: Chats) {
    let (_, turn) = busy_chat(&port, user_id()).await;
    let before = chat_of(&port, &turn).await;
    // Not even long after the lease ended: that is for whoever interrupts the turn.
    for now in [at(1), at(100_000)] {
        let late = BeginTurn { now, ..begin_in(turn.user_id, turn.chat_id) };
        assert_eq!(port.begin_turn(&late).await.unwrap(), BeginOutcome::Busy);
    }
    assert_eq!(chat_of(&port, &turn).await, before);
    assert_eq!(turns_of(&port, &turn).await, vec![turn]);
}

async fn there_is_no_beginning_in_a_chat_one_does_not_have(port: Chats) {
    let (_, busy) = busy_chat(&port, user_id()).await;
    let free = free_chat(&port, user_id()).await;
    let stranger = user_id();
    for chat in [busy.chat_id, free.chat_id, chat_id()] {
        let begin = begin_in(stranger, chat);
        assert_eq!(port.begin_turn(&begin).await.unwrap(), BeginOutcome::NotFound);
        assert_eq!(port.find_chat(stranger, chat).await.unwrap(), None);
    }
    assert_eq!(chat_of(&port, &free).await.active, None);
    assert_eq!(turns_of(&port, &free).await, vec![free]);
    assert_eq!(turns_of(&port, &busy).await, vec![busy]);
    assert!(port.list_chats(stranger, None, 10).await.unwrap().items.is_empty());
}

async fn a_taken_chat_id_conflicts(port: Chats) {
    let (_, busy) = busy_chat(&port, user_id()).await;
    let free = free_chat(&port, user_id()).await;
    for turn in [&busy, &free] {
        let before = chat_of(&port, turn).await;
        for user in [turn.user_id, user_id()] {
            let target = ChatTarget::New { id: turn.chat_id, title: title("Another") };
            let begin = BeginTurn { target, ..begin_new(user) };
            assert_form!(port.begin_turn(&begin).await, Err(StoreError::Conflict(Entity::Chat)));
        }
        assert_eq!(chat_of(&port, turn).await, before);
        assert_eq!(turns_of(&port, turn).await, vec![turn.clone()]);
    }
}

async fn a_taken_turn_id_conflicts(port: Chats) {
    let taken = free_chat(&port, user_id()).await;
    let free = free_chat(&port, user_id()).await;
    for chat in [&taken, &free] {
        let begin = BeginTurn { turn: taken.id, ..begin_in(chat.user_id, chat.chat_id) };
        assert_form!(port.begin_turn(&begin).await, Err(StoreError::Conflict(Entity::Turn)));
        let again = begin_in(chat.user_id, chat.chat_id);
        assert_eq!(begun(&port, &again).await.seq, 2);
        assert_eq!(turns_of(&port, chat).await[0], *chat);
    }
    let new = BeginTurn { turn: taken.id, ..begin_new(user_id()) };
    assert_form!(port.begin_turn(&new).await, Err(StoreError::Conflict(Entity::Turn)));
    assert!(port.list_chats(new.user, None, 10).await.unwrap().items.is_empty());
    assert_eq!(begun(&port, &BeginTurn { turn: turn_id(), ..new }).await.seq, 1);
}

async fn of_concurrent_begins_in_a_free_chat_one_begins(port: Chats) {
    let first = free_chat(&port, user_id()).await;
    for round in 2..8 {
        let results = race(8, |_| {
            let (port, begin) = (Arc::clone(&port), begin_in(first.user_id, first.chat_id));
            async move {
                let outcome = port.begin_turn(&begin).await.unwrap();
                (begin, outcome)
            }
        })
        .await;
        let mut winners = Vec::new();
        for (begin, outcome) in results {
            match outcome {
                BeginOutcome::Begun(turn) => winners.push((begin, turn)),
                BeginOutcome::Busy => (),
                BeginOutcome::NotFound => panic!("the chat is there"),
            }
        }
        let (begin, turn) = winners.pop().unwrap();
        assert!(winners.is_empty(), "two turns began");
        assert_eq!(turn, pending(&begin, round));
        assert_eq!(chat_of(&port, &turn).await.active.map(|active| active.turn), Some(turn.id));
        settled(&port, turn.reference(), &complete(&begin, "", Usage::default())).await;
    }
    let turns: Vec<u32> = turns_of(&port, &first).await.iter().map(|turn| turn.seq).collect();
    assert_eq!(turns, (1..8).collect::<Vec<u32>>());
}

async fn of_concurrent_new_chats_with_one_id_one_begins(port: Chats) {
    let id = chat_id();
    let outcomes = race(8, |_| {
        let target = ChatTarget::New { id, title: title("Contended") };
        let (port, begin) = (Arc::clone(&port), BeginTurn { target, ..begin_new(user_id()) });
        async move { port.begin_turn(&begin).await }
    })
    .await;
    let mut winners: Vec<Turn> = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(BeginOutcome::Begun(turn)) => winners.push(turn),
            Err(StoreError::Conflict(Entity::Chat)) => (),
            other => panic!("expected a conflict, got {other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(turns_of(&port, &winners[0]).await, winners);
}

async fn fifty_concurrent_new_chats_are_all_found(port: Chats) {
    let user = user_id();
    let turns = race(50, |_| {
        let (port, begin) = (Arc::clone(&port), begin_new(user));
        async move { answered(&port, &begin, "yes", Usage::default()).await }
    })
    .await;
    for turn in &turns {
        assert_eq!(chat_of(&port, turn).await.turns, 1);
        assert_eq!(turns_of(&port, turn).await, vec![turn.clone()]);
    }
    assert_eq!(port.list_chats(user, None, 100).await.unwrap().items.len(), 50);
}
