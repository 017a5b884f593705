//! Calls that are dropped on their way, as when a request times out.

use super::{Chats, begun, chat_of, free_chat, turns_of};
use crate::{
    harness::{Case, cases},
    samples::{at, begin_in, begin_new, complete, usage, user_id},
    support::{GRACE, Jitter},
};
use palavra_domain::{
    BeginOutcome, BeginTurn, SettleOutcome, Turn, TurnRef, TurnStatus, Usage, UserId, ports::ChatRepository,
};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case<dyn ChatRepository>> {
    cases![dropped_new_chats_are_whole_or_missing, a_chat_survives_dropped_begins_and_settlements]
}

async fn dropped_new_chats_are_whole_or_missing(port: Chats) {
    let (user, mut jitter) = (user_id(), Jitter::default());
    for _ in 0..40 {
        let (beginning, begin) = (Arc::clone(&port), begin_new(user));
        let _ = jitter.cut_short(async move { beginning.begin_turn(&begin).await.unwrap() }).await;
    }
    tokio::time::sleep(GRACE).await;
    for chat in port.list_chats(user, None, 100).await.unwrap().items {
        let turns = port.list_turns(user, chat.id, None, 10).await.unwrap().items;
        assert_eq!((chat.turns, turns.len(), turns[0].seq), (1, 1, 1));
        assert_eq!(turns[0].status, TurnStatus::Pending);
        assert_eq!(chat.active.map(|active| active.turn), Some(turns[0].id));
        assert!(port.interrupt_turn(turns[0].reference(), at(1)).await.unwrap());
    }
    // What holds locks would be felt here.
    free_chat(&port, user).await;
}

/// Interrupts whatever the chat is busy with, as recovery does.
async fn recover(port: &Chats, user: UserId, turn: &Turn) {
    let chat = chat_of(port, turn).await;
    if let Some(active) = chat.active {
        let active = TurnRef { user, chat: chat.id, turn: active.turn };
        port.interrupt_turn(active, at(1)).await.unwrap();
    }
}

/// Begins a turn, after as many recoveries as calls that were dropped may still need.
async fn begin_at_last(port: &Chats, begin: &BeginTurn, first: &Turn) -> Turn {
    for _ in 0..20 {
        match port.begin_turn(begin).await.unwrap() {
            BeginOutcome::Begun(turn) => return turn,
            BeginOutcome::Busy => recover(port, begin.user, first).await,
            BeginOutcome::NotFound => panic!("the chat is there"),
        }
    }
    panic!("the chat stays busy: {:?}", chat_of(port, first).await);
}

async fn a_chat_survives_dropped_begins_and_settlements(port: Chats) {
    let first = free_chat(&port, user_id()).await;
    let (user, chat) = (first.user_id, first.chat_id);
    let mut jitter = Jitter::default();
    for round in 0..30 {
        let (beginning, begin) = (Arc::clone(&port), begin_in(user, chat));
        let _ = jitter.cut_short(async move { beginning.begin_turn(&begin).await.unwrap() }).await;

        let begin = begin_in(user, chat);
        let turn = begin_at_last(&port, &begin, &first).await;
        let settlement = complete(&begin, &format!("{round}"), usage(1, 1, "0.1"));
        let (settling, dropped) = (Arc::clone(&port), settlement.clone());
        let reference = turn.reference();
        let cut = jitter.cut_short(async move { settling.settle_turn(reference, &dropped).await.unwrap() }).await;
        match (cut, port.settle_turn(reference, &settlement).await.unwrap()) {
            (None, SettleOutcome::Settled(done)) | (_, SettleOutcome::AlreadySettled(done)) => {
                assert_eq!(done.status, TurnStatus::Complete);
            }
            other => panic!("expected the turn to be settled once, got {other:?}"),
        }
    }
    tokio::time::sleep(GRACE).await;
    recover(&port, user, &first).await;

    let turns = turns_of(&port, &first).await;
    let numbers: Vec<u32> = turns.iter().map(|turn| turn.seq).collect();
    assert_eq!(numbers, (1..=u32::try_from(turns.len()).unwrap()).collect::<Vec<u32>>());
    let complete = turns.iter().filter(|turn| turn.status == TurnStatus::Complete).count();
    assert_eq!(complete, 31);
    assert!(turns.iter().all(|turn| turn.status != TurnStatus::Pending), "a turn is left pending");
    let chat = chat_of(&port, &first).await;
    assert_eq!((chat.turns, chat.active), (u32::try_from(turns.len()).unwrap(), None));
    assert_eq!(chat.totals, turns.iter().fold(Usage::default(), |sum, turn| sum.plus(turn.usage())));
    assert_eq!(chat.totals, usage(30, 30, "3"));
    begun(&port, &begin_in(user, chat.id)).await;
}
