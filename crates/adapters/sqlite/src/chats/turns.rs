//! How turns begin, go on and end. Each function is one unit of the writer.

use super::rows::{ChatRow, TotalsRow, TurnRow};
use crate::{
    columns::{bytes, from_json, json},
    errors::{Failure, Outcome, conflict, readable},
    schema::{chats, turns},
};
use diesel::prelude::*;
use palavra_domain::{
    ActiveTurn, Attempt, BeginOutcome, BeginTurn, Chat, ChatId, ChatTarget, Checkpoint, Entity, FailureCode, JobState,
    Lease, SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnId, TurnRef, TurnStatus, Usage, UserId,
};

pub(super) fn begin(connection: &mut SqliteConnection, begin: BeginTurn) -> Outcome<BeginOutcome> {
    let (chat, seq) = match begin.target {
        ChatTarget::New { id, title } => {
            let chat = Chat {
                id,
                user_id: begin.user,
                title,
                turns: 1,
                totals: Usage::default(),
                active: Some(ActiveTurn { turn: begin.turn, lease: begin.lease }),
                created_at: begin.now,
                updated_at: begin.now,
            };
            diesel::insert_into(chats::table)
                .values(ChatRow::from(chat))
                .execute(connection)
                .map_err(conflict(Entity::Chat))?;
            (id, 1)
        }
        ChatTarget::Existing(id) => match occupy(connection, begin.user, id, begin.turn, begin.lease, begin.now)? {
            Occupied::With(seq) => (id, seq),
            Occupied::Busy => return Ok(BeginOutcome::Busy),
            Occupied::NotFound => return Ok(BeginOutcome::NotFound),
        },
    };
    let turn = Turn {
        id: begin.turn,
        chat_id: chat,
        user_id: begin.user,
        seq,
        prompt: begin.prompt,
        reply: None,
        status: TurnStatus::Pending,
        failure: None,
        memory_allowed: begin.memory_allowed,
        recalled: Vec::new(),
        attempts: vec![begin.attempt],
        memory_job: None,
        created_at: begin.now,
        finished_at: None,
    };
    diesel::insert_into(turns::table)
        .values(TurnRow::encode(&turn)?)
        .execute(connection)
        .map_err(conflict(Entity::Turn))?;
    Ok(BeginOutcome::Begun(turn))
}

enum Occupied {
    With(u32),
    Busy,
    NotFound,
}

fn occupy(
    connection: &mut SqliteConnection,
    user: UserId,
    chat: ChatId,
    turn: TurnId,
    lease: Lease,
    now: Timestamp,
) -> Outcome<Occupied> {
    let (id, turn, owner) = (bytes(chat.uuid()), bytes(turn.uuid()), bytes(user.uuid()));
    let free = chats::table
        .filter(chats::id.eq(&id))
        .filter(chats::user_id.eq(&owner))
        .filter(chats::active_turn_id.is_null());
    let seq = diesel::update(free)
        .set((
            chats::turns.eq(chats::turns + 1),
            chats::active_turn_id.eq(&turn),
            chats::active_owner.eq(bytes(lease.owner.uuid())),
            chats::active_until.eq(lease.until.as_millis()),
            chats::updated_at.eq(now.as_millis()),
        ))
        .returning(chats::turns)
        .get_result::<i64>(connection)
        .optional()?;
    if let Some(seq) = seq {
        return readable(Entity::Chat, &id, crate::columns::number("turns", seq)).map(Occupied::With);
    }
    let active = chats::table
        .filter(chats::id.eq(&id))
        .filter(chats::user_id.eq(&owner))
        .select(chats::active_turn_id)
        .first::<Option<Vec<u8>>>(connection)
        .optional()?;
    match active {
        None => Ok(Occupied::NotFound),
        // `Busy` means another turn; this one was written down before.
        Some(Some(active)) if active == turn => Err(Failure(StoreError::Conflict(Entity::Turn))),
        Some(_) => Ok(Occupied::Busy),
    }
}

/// Selects a turn of its owner's chat.
macro_rules! only {
    ($turn:expr) => {
        turns::table
            .filter(turns::id.eq(bytes($turn.turn.uuid())))
            .filter(turns::chat_id.eq(bytes($turn.chat.uuid())))
            .filter(turns::user_id.eq(bytes($turn.user.uuid())))
    };
}
pub(super) use only;

pub(super) fn checkpoint(connection: &mut SqliteConnection, turn: TurnRef, checkpoint: Checkpoint) -> Outcome<bool> {
    let pending = only!(turn).filter(turns::status.eq(TurnStatus::Pending.as_str()));
    let saved = diesel::update(pending)
        .set((
            turns::reply.eq(checkpoint.reply),
            turns::recalled.eq(json(&checkpoint.recalled)?),
            turns::attempts.eq(json(&checkpoint.attempts)?),
        ))
        .execute(connection)?;
    if saved == 0 {
        return Ok(false);
    }
    diesel::update(busy_with(turn))
        .set(chats::active_until.eq(checkpoint.lease_until.as_millis()))
        .execute(connection)?;
    Ok(true)
}

pub(super) fn settle(
    connection: &mut SqliteConnection,
    turn: TurnRef,
    settlement: Settlement,
) -> Outcome<SettleOutcome> {
    let job = settlement.remember_at.map(Timestamp::as_millis);
    let pending = only!(turn).filter(turns::status.eq(TurnStatus::Pending.as_str()));
    let settled = diesel::update(pending)
        .set((
            turns::status.eq(settlement.status.as_str()),
            turns::reply.eq(settlement.reply),
            turns::failure.eq(settlement.failure.map(FailureCode::as_str)),
            turns::recalled.eq(json(&settlement.recalled)?),
            turns::attempts.eq(json(&settlement.attempts)?),
            turns::job_state.eq(job.map(|_| JobState::Waiting.as_str())),
            turns::job_tries.eq(job.map(|_| 0)),
            turns::job_next_at.eq(job),
            turns::finished_at.eq(settlement.finished_at.as_millis()),
        ))
        .returning(TurnRow::as_returning())
        .get_result(connection)
        .optional()?;
    if let Some(settled) = settled {
        let settled = settled.decode()?;
        count_and_free(connection, turn, settled.usage(), settlement.finished_at)?;
        return Ok(SettleOutcome::Settled(settled));
    }
    match only!(turn).select(TurnRow::as_select()).first(connection).optional()? {
        Some(before) => {
            free(connection, turn)?;
            Ok(SettleOutcome::AlreadySettled(before.decode()?))
        }
        None => Ok(SettleOutcome::Gone),
    }
}

pub(super) fn interrupt(connection: &mut SqliteConnection, turn: TurnRef, now: Timestamp) -> Outcome<bool> {
    let pending = only!(turn).filter(turns::status.eq(TurnStatus::Pending.as_str()));
    let attempts = diesel::update(pending)
        .set((turns::status.eq(TurnStatus::Interrupted.as_str()), turns::finished_at.eq(now.as_millis())))
        .returning(turns::attempts)
        .get_result::<String>(connection)
        .optional()?;
    let Some(attempts) = attempts else {
        free(connection, turn)?;
        return Ok(false);
    };
    // A turn whose attempts cannot be read is logged and counts for nothing: its chat must not stay busy for ever.
    let attempts: Outcome<Vec<Attempt>> =
        readable(Entity::Turn, turn.turn.uuid().as_bytes(), from_json("attempts", &attempts));
    let attempts = attempts.unwrap_or_default();
    let usage = attempts.iter().fold(Usage::default(), |sum, attempt| sum.plus(attempt.usage));
    count_and_free(connection, turn, usage, now)?;
    Ok(true)
}

/// Its owner's chat, while it is busy with this turn.
#[diesel::dsl::auto_type(no_type_alias)]
fn busy_with(turn: TurnRef) -> _ {
    let chat: Vec<u8> = bytes(turn.chat.uuid());
    let user: Vec<u8> = bytes(turn.user.uuid());
    let active: Vec<u8> = bytes(turn.turn.uuid());
    chats::table.filter(chats::id.eq(chat)).filter(chats::user_id.eq(user)).filter(chats::active_turn_id.eq(active))
}

/// None of the three columns that tell which turn a chat is busy with.
#[derive(AsChangeset)]
#[diesel(table_name = chats, treat_none_as_null = true)]
struct Idle {
    active_turn_id: Option<Vec<u8>>,
    active_owner: Option<Vec<u8>>,
    active_until: Option<i64>,
}

const IDLE: Idle = Idle { active_turn_id: None, active_owner: None, active_until: None };

fn free(connection: &mut SqliteConnection, turn: TurnRef) -> Outcome<()> {
    diesel::update(busy_with(turn)).set(IDLE).execute(connection)?;
    Ok(())
}

/// Adds what a turn used to its chat's totals and frees the chat. In the same unit as the turn's end, hence once.
fn count_and_free(connection: &mut SqliteConnection, turn: TurnRef, usage: Usage, at: Timestamp) -> Outcome<()> {
    let id = bytes(turn.chat.uuid());
    let totals = chats::table.filter(chats::id.eq(&id)).select(TotalsRow::as_select()).first(connection)?;
    let totals = TotalsRow::from(totals.decode(&id)?.plus(usage));
    diesel::update(busy_with(turn)).set((totals, IDLE, chats::updated_at.eq(at.as_millis()))).execute(connection)?;
    Ok(())
}
