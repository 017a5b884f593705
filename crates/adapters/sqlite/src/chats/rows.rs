//! Rows of chats and turns, and the records they stand for.

use crate::{
    columns::{Decoded, Undecodable, bytes, count, from_json, json, number, option, time, uuid},
    errors::{Outcome, readable},
    schema::{chats, turns},
};
use diesel::{prelude::*, sqlite::Sqlite};
use palavra_domain::{
    ActiveTurn, Chat, ChatId, ChatTitle, Entity, FailureCode, InstanceId, JobState, Lease, MemoryJob, Prompt,
    Timestamp, Turn, TurnId, TurnStatus, Usage, Usd, UserId,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chats, check_for_backend(Sqlite), treat_none_as_null = true)]
pub(super) struct ChatRow {
    pub(super) id: Vec<u8>,
    pub(super) user_id: Vec<u8>,
    title: String,
    turns: i64,
    #[diesel(embed)]
    totals: TotalsRow,
    active_turn_id: Option<Vec<u8>>,
    active_owner: Option<Vec<u8>>,
    active_until: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

/// What a chat's answers used. As a change it sets every part, absent ones too.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chats, check_for_backend(Sqlite), treat_none_as_null = true)]
pub(super) struct TotalsRow {
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    total_tokens: Option<i64>,
    cost: Option<String>,
}

impl From<Usage> for TotalsRow {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens.map(count),
            completion_tokens: usage.completion_tokens.map(count),
            total_tokens: usage.total_tokens.map(count),
            cost: usage.cost.map(|cost| cost.to_string()),
        }
    }
}

impl TotalsRow {
    pub(super) fn decode(self, chat: &[u8]) -> Outcome<Usage> {
        readable(Entity::Chat, chat, self.try_decode())
    }

    fn try_decode(self) -> Decoded<Usage> {
        Ok(Usage {
            prompt_tokens: option(self.prompt_tokens, |tokens| number("prompt_tokens", tokens))?,
            completion_tokens: option(self.completion_tokens, |tokens| number("completion_tokens", tokens))?,
            total_tokens: option(self.total_tokens, |tokens| number("total_tokens", tokens))?,
            cost: option(self.cost, |cost| {
                cost.parse::<Usd>().map_err(|error| Undecodable::new("cost", error.message))
            })?,
        })
    }
}

impl From<Chat> for ChatRow {
    fn from(chat: Chat) -> Self {
        Self {
            id: bytes(chat.id.uuid()),
            user_id: bytes(chat.user_id.uuid()),
            title: chat.title.into_string(),
            turns: chat.turns.into(),
            totals: chat.totals.into(),
            active_turn_id: chat.active.map(|active| bytes(active.turn.uuid())),
            active_owner: chat.active.map(|active| bytes(active.lease.owner.uuid())),
            active_until: chat.active.map(|active| active.lease.until.as_millis()),
            created_at: chat.created_at.as_millis(),
            updated_at: chat.updated_at.as_millis(),
        }
    }
}

impl ChatRow {
    pub(super) fn decode(self) -> Outcome<Chat> {
        let id = self.id.clone();
        readable(Entity::Chat, &id, self.try_decode())
    }

    fn try_decode(self) -> Decoded<Chat> {
        let lease = lease(self.active_owner, self.active_until)?;
        let turn = option(self.active_turn_id, |id| uuid("active_turn_id", &id))?;
        Ok(Chat {
            id: ChatId::new(uuid("id", &self.id)?),
            user_id: UserId::new(uuid("user_id", &self.user_id)?),
            title: ChatTitle::parse(self.title).map_err(|error| Undecodable::new("title", error.message))?,
            turns: number("turns", self.turns)?,
            totals: self.totals.try_decode()?,
            active: turn.zip(lease).map(|(turn, lease)| ActiveTurn { turn: TurnId::new(turn), lease }),
            created_at: time("created_at", self.created_at)?,
            updated_at: time("updated_at", self.updated_at)?,
        })
    }
}

fn lease(owner: Option<Vec<u8>>, until: Option<i64>) -> Decoded<Option<Lease>> {
    let owner = option(owner, |owner| uuid("owner", &owner))?;
    let until = option(until, |until| time("until", until))?;
    Ok(owner.zip(until).map(|(owner, until)| Lease { owner: InstanceId::new(owner), until }))
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = turns, check_for_backend(Sqlite), treat_none_as_null = true)]
pub(super) struct TurnRow {
    pub(super) id: Vec<u8>,
    chat_id: Vec<u8>,
    user_id: Vec<u8>,
    pub(super) seq: i64,
    status: String,
    failure: Option<String>,
    memory_allowed: bool,
    created_at: i64,
    finished_at: Option<i64>,
    job_state: Option<String>,
    job_tries: Option<i64>,
    job_next_at: Option<i64>,
    job_owner: Option<Vec<u8>>,
    job_until: Option<i64>,
    prompt: String,
    reply: Option<String>,
    recalled: String,
    attempts: String,
}

impl TurnRow {
    pub(super) fn encode(turn: &Turn) -> Result<Self, serde_json::Error> {
        let job = turn.memory_job;
        let lease = job.and_then(|job| job.lease);
        Ok(Self {
            id: bytes(turn.id.uuid()),
            chat_id: bytes(turn.chat_id.uuid()),
            user_id: bytes(turn.user_id.uuid()),
            seq: turn.seq.into(),
            status: turn.status.as_str().to_owned(),
            failure: turn.failure.map(|code| code.as_str().to_owned()),
            memory_allowed: turn.memory_allowed,
            created_at: turn.created_at.as_millis(),
            finished_at: turn.finished_at.map(Timestamp::as_millis),
            job_state: job.map(|job| job.state.as_str().to_owned()),
            job_tries: job.map(|job| job.tries.into()),
            job_next_at: job.map(|job| job.next_at.as_millis()),
            job_owner: lease.map(|lease| bytes(lease.owner.uuid())),
            job_until: lease.map(|lease| lease.until.as_millis()),
            prompt: turn.prompt.as_str().to_owned(),
            reply: turn.reply.clone(),
            recalled: json(&turn.recalled)?,
            attempts: json(&turn.attempts)?,
        })
    }

    pub(super) fn decode(self) -> Outcome<Turn> {
        let id = self.id.clone();
        readable(Entity::Turn, &id, self.try_decode())
    }

    fn try_decode(self) -> Decoded<Turn> {
        let state = option(self.job_state, |state| {
            JobState::parse(&state).ok_or_else(|| Undecodable::new("job_state", "is unknown"))
        })?;
        let job_lease = lease(self.job_owner, self.job_until)?;
        let memory_job = match (state, self.job_tries, self.job_next_at) {
            (Some(state), Some(tries), Some(next_at)) => Some(MemoryJob {
                state,
                tries: number("job_tries", tries)?,
                next_at: time("job_next_at", next_at)?,
                lease: job_lease,
            }),
            (None, None, None) => None,
            _ => return Err(Undecodable::new("job_state", "has no number of tries or no time")),
        };
        Ok(Turn {
            id: TurnId::new(uuid("id", &self.id)?),
            chat_id: ChatId::new(uuid("chat_id", &self.chat_id)?),
            user_id: UserId::new(uuid("user_id", &self.user_id)?),
            seq: number("seq", self.seq)?,
            prompt: Prompt::stored(self.prompt),
            reply: self.reply,
            status: TurnStatus::parse(&self.status).ok_or_else(|| Undecodable::new("status", "is unknown"))?,
            failure: option(self.failure, |code| {
                code.parse::<FailureCode>().map_err(|error| Undecodable::new("failure", error))
            })?,
            memory_allowed: self.memory_allowed,
            recalled: from_json("recalled", &self.recalled)?,
            attempts: from_json("attempts", &self.attempts)?,
            memory_job,
            created_at: time("created_at", self.created_at)?,
            finished_at: option(self.finished_at, |at| time("finished_at", at))?,
        })
    }
}
