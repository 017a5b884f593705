//! Checkpoints, leases, and turns whose process died.

use super::{Chats, begun, busy_chat, chat_of, ended, free_chat, settled, stored, turns_of};
use crate::{
    harness::{Case, cases},
    samples::{self, TEXTS, at, begin_in, begin_new, complete, recalled, usage, user_id},
    support::race,
};
use palavra_domain::{
    BeginTurn, Checkpoint, Lease, SettleOutcome, Timestamp, Turn, TurnRef, TurnStatus, Usage, ports::ChatRepository,
};
use std::{collections::HashSet, sync::Arc};

pub(super) fn cases() -> Vec<Case<dyn ChatRepository>> {
    cases![
        a_checkpoint_saves_what_is_known,
        a_later_checkpoint_replaces_an_earlier_one,
        checkpointed_texts_come_back_byte_for_byte,
        a_turn_that_ended_takes_no_checkpoint,
        an_interrupted_turn_keeps_its_checkpoint,
        a_turn_without_checkpoint_is_interrupted_as_it_began,
        interrupting_twice_counts_once,
        interrupting_an_ended_turn_changes_nothing,
        interrupting_an_old_turn_leaves_the_active_one_alone,
        of_an_interruption_and_settlements_at_once_one_counts,
        turns_expire_with_their_lease,
        expired_turns_are_limited,
    ]
}

fn checkpoint(begin: &BeginTurn, reply: &str) -> Checkpoint {
    Checkpoint {
        reply: reply.into(),
        attempts: vec![samples::answered(&begin.attempt, usage(3, 4, "0.07"))],
        recalled: vec![recalled("Likes tea", 0.25)],
        lease_until: at(45_000),
    }
}

fn checkpointed(turn: &Turn, checkpoint: &Checkpoint) -> Turn {
    Turn {
        reply: Some(checkpoint.reply.clone()),
        attempts: checkpoint.attempts.clone(),
        recalled: checkpoint.recalled.clone(),
        ..turn.clone()
    }
}

async fn a_checkpoint_saves_what_is_known(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let so_far = checkpoint(&begin, "So far, so g");
    assert!(port.checkpoint(turn.reference(), &so_far).await.unwrap());
    assert_eq!(stored(&port, &turn).await, checkpointed(&turn, &so_far));
    let chat = chat_of(&port, &turn).await;
    let active = chat.active.unwrap();
    assert_eq!(active.turn, turn.id);
    assert_eq!(active.lease, Lease { until: at(45_000), ..begin.lease });
    assert_eq!(chat.totals, Usage::default());
    let settlement = complete(&begin, "So far, so good.", usage(3, 9, "0.09"));
    assert_eq!(settled(&port, turn.reference(), &settlement).await, ended(&turn, &settlement));
    assert_eq!(chat_of(&port, &turn).await.totals, usage(3, 9, "0.09"));
}

async fn a_later_checkpoint_replaces_an_earlier_one(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    assert!(port.checkpoint(turn.reference(), &checkpoint(&begin, "First")).await.unwrap());
    let bare = Checkpoint {
        reply: String::new(),
        attempts: vec![begin.attempt.clone()],
        recalled: Vec::new(),
        lease_until: at(60_000),
    };
    assert!(port.checkpoint(turn.reference(), &bare).await.unwrap());
    assert_eq!(stored(&port, &turn).await, checkpointed(&turn, &bare));
    assert_eq!(chat_of(&port, &turn).await.active.unwrap().lease.until, at(60_000));
}

async fn checkpointed_texts_come_back_byte_for_byte(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    for text in TEXTS {
        let so_far = Checkpoint { recalled: vec![recalled(text, 0.1)], ..checkpoint(&begin, text) };
        assert!(port.checkpoint(turn.reference(), &so_far).await.unwrap());
        assert_eq!(stored(&port, &turn).await, checkpointed(&turn, &so_far));
    }
}

async fn a_turn_that_ended_takes_no_checkpoint(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let done = settled(&port, turn.reference(), &complete(&begin, "Done.", usage(1, 1, "1"))).await;
    let before = chat_of(&port, &turn).await;
    let late = checkpoint(&begin, "Late");
    assert!(!port.checkpoint(turn.reference(), &late).await.unwrap());
    assert_eq!(stored(&port, &turn).await, done);
    assert_eq!(chat_of(&port, &turn).await, before);
    // Nor does it renew the lease of the turn that is active now.
    let second = begin_in(turn.user_id, turn.chat_id);
    begun(&port, &second).await;
    assert!(!port.checkpoint(turn.reference(), &late).await.unwrap());
    assert_eq!(chat_of(&port, &turn).await.active.unwrap().lease, second.lease);
    let missing = TurnRef { turn: samples::turn_id(), ..turn.reference() };
    assert!(!port.checkpoint(missing, &late).await.unwrap());
}

async fn an_interrupted_turn_keeps_its_checkpoint(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let so_far = checkpoint(&begin, "Half an answ");
    assert!(port.checkpoint(turn.reference(), &so_far).await.unwrap());
    assert!(port.interrupt_turn(turn.reference(), at(70_007)).await.unwrap());
    let interrupted =
        Turn { status: TurnStatus::Interrupted, finished_at: Some(at(70_007)), ..checkpointed(&turn, &so_far) };
    assert_eq!(stored(&port, &turn).await, interrupted);
    let chat = chat_of(&port, &turn).await;
    assert_eq!((chat.totals, chat.active, chat.updated_at), (usage(3, 4, "0.07"), None, at(70_007)));
    assert_eq!(begun(&port, &begin_in(turn.user_id, turn.chat_id)).await.seq, 2);
}

async fn a_turn_without_checkpoint_is_interrupted_as_it_began(port: Chats) {
    let (_, turn) = busy_chat(&port, user_id()).await;
    assert!(port.interrupt_turn(turn.reference(), at(70_007)).await.unwrap());
    let interrupted = Turn { status: TurnStatus::Interrupted, finished_at: Some(at(70_007)), ..turn.clone() };
    assert_eq!(stored(&port, &turn).await, interrupted);
    let chat = chat_of(&port, &turn).await;
    assert_eq!((chat.totals, chat.active), (Usage::default(), None));
}

async fn interrupting_twice_counts_once(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    assert!(port.checkpoint(turn.reference(), &checkpoint(&begin, "Half")).await.unwrap());
    let results = race(6, |_| {
        let (port, turn) = (Arc::clone(&port), turn.reference());
        async move { port.interrupt_turn(turn, at(70_000)).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|interrupted| **interrupted).count(), 1);
    assert!(!port.interrupt_turn(turn.reference(), at(80_000)).await.unwrap());
    let chat = chat_of(&port, &turn).await;
    assert_eq!((chat.totals, chat.active), (usage(3, 4, "0.07"), None));
    let done = stored(&port, &turn).await;
    assert_eq!(done.finished_at, Some(at(70_000)));
    // The process was not dead after all: it is told how the turn stands.
    let late = complete(&begin, "The whole answer.", usage(9, 9, "9"));
    let outcome = port.settle_turn(turn.reference(), &late).await.unwrap();
    assert_eq!(outcome, SettleOutcome::AlreadySettled(done));
    assert_eq!(chat_of(&port, &turn).await.totals, usage(3, 4, "0.07"));
}

async fn interrupting_an_ended_turn_changes_nothing(port: Chats) {
    let turn = free_chat(&port, user_id()).await;
    let before = chat_of(&port, &turn).await;
    assert!(!port.interrupt_turn(turn.reference(), at(70_000)).await.unwrap());
    let missing = TurnRef { turn: samples::turn_id(), ..turn.reference() };
    assert!(!port.interrupt_turn(missing, at(70_000)).await.unwrap());
    assert_eq!(chat_of(&port, &turn).await, before);
    assert_eq!(turns_of(&port, &turn).await, vec![turn]);
}

async fn interrupting_an_old_turn_leaves_the_active_one_alone(port: Chats) {
    let turn = free_chat(&port, user_id()).await;
    let active = begun(&port, &begin_in(turn.user_id, turn.chat_id)).await;
    assert!(!port.interrupt_turn(turn.reference(), at(70_000)).await.unwrap());
    assert_eq!(chat_of(&port, &turn).await.active.unwrap().turn, active.id);
    assert_eq!(stored(&port, &active).await, active);
}

async fn of_an_interruption_and_settlements_at_once_one_counts(port: Chats) {
    let user = user_id();
    for _ in 0..5 {
        let (begin, turn) = busy_chat(&port, user).await;
        assert!(port.checkpoint(turn.reference(), &checkpoint(&begin, "Half")).await.unwrap());
        let winners = race(4, |index| {
            let (port, turn) = (Arc::clone(&port), turn.reference());
            let settlement = complete(&begin, "Whole", usage(30, 40, "0.7"));
            async move {
                if index == 0 {
                    port.interrupt_turn(turn, at(70_000)).await.unwrap()
                } else {
                    matches!(port.settle_turn(turn, &settlement).await.unwrap(), SettleOutcome::Settled(_))
                }
            }
        })
        .await;
        assert_eq!(winners.iter().filter(|won| **won).count(), 1, "{winners:?}");
        let done = stored(&port, &turn).await;
        let expected = if winners[0] { TurnStatus::Interrupted } else { TurnStatus::Complete };
        assert_eq!(done.status, expected);
        let chat = chat_of(&port, &turn).await;
        assert_eq!((chat.totals, chat.active), (done.usage(), None));
    }
}

async fn expired(port: &Chats, as_of: Timestamp, limit: usize) -> HashSet<TurnRef> {
    let turns = port.expired_turns(as_of, limit).await.unwrap();
    let distinct: HashSet<TurnRef> = turns.iter().copied().collect();
    assert_eq!(distinct.len(), turns.len(), "a turn is listed twice");
    distinct
}

async fn turns_expire_with_their_lease(port: Chats) {
    let (first, second) = (begin_new(user_id()), begin_new(user_id()));
    let later = BeginTurn { lease: samples::lease(at(50_000)), ..second };
    let (one, other) = (begun(&port, &first).await.reference(), begun(&port, &later).await.reference());
    free_chat(&port, user_id()).await;
    assert_eq!(expired(&port, at(29_999), 10).await, HashSet::new());
    assert_eq!(expired(&port, at(30_000), 10).await, HashSet::from([one]));
    assert_eq!(expired(&port, at(50_000), 10).await, HashSet::from([one, other]));
    assert_eq!(expired(&port, Timestamp::MAX, 10).await, HashSet::from([one, other]));
    assert!(port.checkpoint(one, &checkpoint(&first, "Alive")).await.unwrap());
    assert_eq!(expired(&port, at(44_999), 10).await, HashSet::new());
    assert_eq!(expired(&port, at(45_000), 10).await, HashSet::from([one]));
    assert!(port.interrupt_turn(one, at(60_000)).await.unwrap());
    settled(&port, other, &complete(&later, "In time.", Usage::default())).await;
    assert_eq!(expired(&port, Timestamp::MAX, 10).await, HashSet::new());
}

async fn expired_turns_are_limited(port: Chats) {
    let mut turns = HashSet::new();
    for _ in 0..5 {
        let (_, turn) = busy_chat(&port, user_id()).await;
        turns.insert(turn.reference());
    }
    let mut seen = HashSet::new();
    // As recovery goes: a part at a time, until nothing is left.
    for expected in [2, 2, 1, 0] {
        let part = expired(&port, at(30_000), 2).await;
        assert_eq!(part.len(), expected);
        for turn in part {
            assert!(port.interrupt_turn(turn, at(30_001)).await.unwrap());
            seen.insert(turn);
        }
    }
    assert_eq!(seen, turns);
}
