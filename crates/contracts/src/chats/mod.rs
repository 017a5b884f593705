//! What a [`ChatRepository`] must do.

mod begin;
mod cancel;
mod interrupt;
mod jobs;
mod order;
mod own;
mod read;
mod settle;

use crate::{Make, harness, samples};
use libtest_mimic::Trial;
use palavra_domain::{
    BeginOutcome, BeginTurn, Chat, ChatTarget, SettleOutcome, Settlement, Turn, TurnRef, TurnStatus, Usage, UserId,
    ports::ChatRepository,
};
use std::sync::Arc;

type Chats = Arc<dyn ChatRepository>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn ChatRepository>) -> Vec<Trial> {
    let cases = [
        begin::cases(),
        settle::cases(),
        interrupt::cases(),
        read::cases(),
        own::cases(),
        jobs::cases(),
        order::cases(),
        cancel::cases(),
    ];
    harness::trials(adapter, "chats", make, cases.into_iter().flatten().collect())
}

/// The turn as it is to be stored once it has begun.
fn pending(begin: &BeginTurn, seq: u32) -> Turn {
    Turn {
        id: begin.turn,
        chat_id: match &begin.target {
            ChatTarget::New { id, .. } | ChatTarget::Existing(id) => *id,
        },
        user_id: begin.user,
        seq,
        prompt: begin.prompt.clone(),
        reply: None,
        status: TurnStatus::Pending,
        failure: None,
        memory_allowed: begin.memory_allowed,
        recalled: Vec::new(),
        attempts: vec![begin.attempt.clone()],
        memory_job: None,
        created_at: begin.now,
        finished_at: None,
    }
}

/// The turn as it is to be stored once it is settled, apart from its job.
fn ended(turn: &Turn, settlement: &Settlement) -> Turn {
    Turn {
        reply: settlement.reply.clone(),
        status: settlement.status,
        failure: settlement.failure,
        recalled: settlement.recalled.clone(),
        attempts: settlement.attempts.clone(),
        finished_at: Some(settlement.finished_at),
        ..turn.clone()
    }
}

/// Begins a turn that can begin.
async fn begun(port: &Chats, begin: &BeginTurn) -> Turn {
    match port.begin_turn(begin).await.unwrap() {
        BeginOutcome::Begun(turn) => turn,
        other => panic!("expected the turn to begin, got {other:?}"),
    }
}

/// Settles a turn that is pending.
async fn settled(port: &Chats, turn: TurnRef, settlement: &Settlement) -> Turn {
    match port.settle_turn(turn, settlement).await.unwrap() {
        SettleOutcome::Settled(turn) => turn,
        other => panic!("expected the turn to be settled, got {other:?}"),
    }
}

/// A new chat with one turn that is being answered.
async fn busy_chat(port: &Chats, user: UserId) -> (BeginTurn, Turn) {
    let begin = samples::begin_new(user);
    let turn = begun(port, &begin).await;
    (begin, turn)
}

/// A new chat with one turn that was answered, and nothing used.
async fn free_chat(port: &Chats, user: UserId) -> Turn {
    let (begin, turn) = busy_chat(port, user).await;
    settled(port, turn.reference(), &samples::complete(&begin, "An answer.", Usage::default())).await
}

/// Adds an answered turn to a free chat.
async fn answered(port: &Chats, begin: &BeginTurn, reply: &str, usage: Usage) -> Turn {
    let turn = begun(port, begin).await;
    settled(port, turn.reference(), &samples::complete(begin, reply, usage)).await
}

/// The chat of a turn.
async fn chat_of(port: &Chats, turn: &Turn) -> Chat {
    port.find_chat(turn.user_id, turn.chat_id).await.unwrap().unwrap()
}

/// All turns of the chat of a turn (of at most a hundred).
async fn turns_of(port: &Chats, turn: &Turn) -> Vec<Turn> {
    port.list_turns(turn.user_id, turn.chat_id, None, 100).await.unwrap().items
}

/// The turn as it is stored.
async fn stored(port: &Chats, turn: &Turn) -> Turn {
    turns_of(port, turn).await.into_iter().find(|stored| stored.id == turn.id).unwrap()
}
