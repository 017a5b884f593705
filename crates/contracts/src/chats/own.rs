//! Nobody reaches another user's chats, whichever method is tried.

use super::{Chats, busy_chat, chat_of, free_chat, settled, turns_of};
use crate::{
    harness::{Case, cases},
    samples::{at, complete, lease, recalled, title, usage, user_id},
};
use palavra_domain::{Checkpoint, JobOutcome, SettleOutcome, Settlement, TurnRef, Usage, ports::ChatRepository};

pub(super) fn cases() -> Vec<Case<dyn ChatRepository>> {
    cases![
        nobody_reads_another_users_chat,
        nobody_ends_another_users_turn,
        nobody_changes_another_users_chat,
        nobody_finishes_another_users_job,
        a_turn_is_reached_through_its_own_chat_only,
    ]
}

async fn nobody_reads_another_users_chat(port: Chats) {
    let turn = free_chat(&port, user_id()).await;
    let stranger = user_id();
    let own = free_chat(&port, stranger).await;
    assert_eq!(port.find_chat(stranger, turn.chat_id).await.unwrap(), None);
    let page = port.list_turns(stranger, turn.chat_id, None, 10).await.unwrap();
    assert_eq!((page.items, page.next), (Vec::new(), None));
    assert_eq!(port.recent_exchanges(stranger, turn.chat_id, 100, 10).await.unwrap(), Vec::new());
    let chats = port.list_chats(stranger, None, 10).await.unwrap().items;
    assert_eq!(chats, vec![chat_of(&port, &own).await]);
}

async fn nobody_ends_another_users_turn(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let before = chat_of(&port, &turn).await;
    let stranger = TurnRef { user: user_id(), ..turn.reference() };
    let so_far = Checkpoint {
        reply: "Mine now".into(),
        attempts: vec![begin.attempt.clone()],
        recalled: vec![recalled("x", 0.0)],
        lease_until: at(90_000),
    };
    assert!(!port.checkpoint(stranger, &so_far).await.unwrap());
    let settlement = complete(&begin, "Mine now", usage(1, 2, "0.1"));
    assert_eq!(port.settle_turn(stranger, &settlement).await.unwrap(), SettleOutcome::Gone);
    assert!(!port.interrupt_turn(stranger, at(1)).await.unwrap());
    assert_eq!(chat_of(&port, &turn).await, before);
    assert_eq!(turns_of(&port, &turn).await, vec![turn.clone()]);
    let done = settled(&port, turn.reference(), &settlement).await;
    assert_eq!(port.settle_turn(stranger, &settlement).await.unwrap(), SettleOutcome::Gone);
    assert_eq!(turns_of(&port, &turn).await, vec![done]);
}

async fn nobody_changes_another_users_chat(port: Chats) {
    let turn = free_chat(&port, user_id()).await;
    let before = chat_of(&port, &turn).await;
    let stranger = user_id();
    assert_eq!(port.rename_chat(stranger, turn.chat_id, &title("Mine now"), at(9)).await.unwrap(), None);
    assert!(!port.delete_chat(stranger, turn.chat_id).await.unwrap());
    assert_eq!(chat_of(&port, &turn).await, before);
    assert_eq!(turns_of(&port, &turn).await, vec![turn]);
}

async fn nobody_finishes_another_users_job(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let remember = Settlement { remember_at: Some(at(0)), ..complete(&begin, "Noted.", Usage::default()) };
    settled(&port, turn.reference(), &remember).await;
    assert_eq!(port.claim_memory_jobs(lease(at(100)), at(1), 10).await.unwrap().len(), 1);
    let stranger = TurnRef { user: user_id(), ..turn.reference() };
    for outcome in [JobOutcome::Done, JobOutcome::Parked, JobOutcome::Retry(at(0))] {
        assert!(!port.finish_memory_job(stranger, outcome).await.unwrap());
    }
    assert!(port.finish_memory_job(turn.reference(), JobOutcome::Done).await.unwrap());
}

async fn a_turn_is_reached_through_its_own_chat_only(port: Chats) {
    let user = user_id();
    let (begin, turn) = busy_chat(&port, user).await;
    let (_, other) = busy_chat(&port, user).await;
    let crossed = TurnRef { chat: other.chat_id, ..turn.reference() };
    assert!(!port.interrupt_turn(crossed, at(1)).await.unwrap());
    let so_far = Checkpoint {
        reply: "Crossed".into(),
        attempts: vec![begin.attempt.clone()],
        recalled: Vec::new(),
        lease_until: at(90_000),
    };
    assert!(!port.checkpoint(crossed, &so_far).await.unwrap());
    for turn in [turn, other] {
        assert_eq!(chat_of(&port, &turn).await.active.unwrap().turn, turn.id);
        assert_eq!(turns_of(&port, &turn).await, vec![turn]);
    }
}
