//! Chats and turns as documents.
//!
//! Ids are UUIDs (binary subtype 4), which sort as the UUIDs do. Times are milliseconds since 1970 as 64-bit integers: BSON's
//! dates end before [`Timestamp::MAX`] does. Money is an exact decimal as text.

use crate::errors::{Undecodable, corrupt, unexpected};
use mongodb::bson::{self, Bson, Document, Uuid, deserialize_from_bson, deserialize_from_document, doc};
use palavra_domain::{
    ActiveTurn, Attempt, Chat, ChatId, ChatTitle, Entity, FailureCode, InstanceId, JobState, Lease, MemoryJob, Prompt,
    StoreError, Timestamp, Turn, TurnId, TurnStatus, Usage, UserId,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

type Decoded<T> = Result<T, Undecodable>;

/// A UUID as it is stored.
pub(crate) fn id(id: uuid::Uuid) -> Uuid {
    Uuid::from_bytes(id.into_bytes())
}

pub(crate) fn uuid(id: Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(id.bytes())
}

/// The id of a document, if it has one.
fn id_of(document: &Document) -> Option<uuid::Uuid> {
    match document.get("_id") {
        Some(Bson::Binary(binary)) => binary.to_uuid().ok().map(uuid),
        Some(_) | None => None,
    }
}

/// A value as BSON.
pub(crate) fn to_bson<T: Serialize>(value: &T) -> Result<Bson, StoreError> {
    bson::serialize_to_bson(value).map_err(unexpected)
}

fn from_bson<T: DeserializeOwned>(field: &'static str, value: Bson) -> Decoded<T> {
    // The driver's own message may quote the value.
    deserialize_from_bson(value).map_err(|_| Undecodable::new(field, "is not what it should be"))
}

fn number<T: TryFrom<i64>>(field: &'static str, value: i64) -> Decoded<T> {
    T::try_from(value).map_err(|_| Undecodable::new(field, "is out of range"))
}

/// Counts as 64-bit integers hold them: more than that no provider reports.
fn storable(usage: Usage) -> Usage {
    let most = |count: Option<u64>| count.map(|count| count.min(i64::MAX.unsigned_abs()));
    Usage {
        prompt_tokens: most(usage.prompt_tokens),
        completion_tokens: most(usage.completion_tokens),
        total_tokens: most(usage.total_tokens),
        cost: usage.cost,
    }
}

pub(crate) fn usage(usage: Usage) -> Result<Bson, StoreError> {
    to_bson(&storable(usage))
}

pub(crate) fn attempts(attempts: &[Attempt]) -> Result<Bson, StoreError> {
    let storable: Vec<Attempt> =
        attempts.iter().map(|attempt| Attempt { usage: storable(attempt.usage), ..attempt.clone() }).collect();
    to_bson(&storable)
}

/// The attempts of a turn's document.
pub(crate) fn attempts_of(turn: &Document) -> Decoded<Vec<Attempt>> {
    from_bson("attempts", turn.get("attempts").cloned().unwrap_or(Bson::Null))
}

/// What a chat's answers used so far.
pub(crate) fn totals_of(chat: &Document) -> Result<Usage, StoreError> {
    let totals = from_bson("totals", chat.get("totals").cloned().unwrap_or(Bson::Null));
    totals.map_err(|error| corrupt(Entity::Chat, id_of(chat), error))
}

#[derive(Deserialize)]
struct LeaseDocument {
    owner: Uuid,
    until: i64,
}

impl From<LeaseDocument> for Lease {
    fn from(lease: LeaseDocument) -> Self {
        Self { owner: InstanceId::new(uuid(lease.owner)), until: Timestamp::from_millis(lease.until) }
    }
}

#[derive(Deserialize)]
struct ActiveDocument {
    turn: Uuid,
    #[serde(flatten)]
    lease: LeaseDocument,
}

#[derive(Deserialize)]
struct ChatDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    user_id: Uuid,
    title: String,
    turns: i64,
    totals: Bson,
    active: Option<ActiveDocument>,
    created_at: i64,
    updated_at: i64,
}

/// A chat as a document; `begun` is what its active turn began with, if it has one.
pub(crate) fn chat(chat: &Chat, begun: Option<Document>) -> Result<Document, StoreError> {
    Ok(doc! {
        "_id": id(chat.id.uuid()),
        "user_id": id(chat.user_id.uuid()),
        "title": chat.title.as_str(),
        "turns": i64::from(chat.turns),
        "totals": usage(chat.totals)?,
        "active": chat.active.map(|active| active_document(active.turn, active.lease, begun)),
        "created_at": chat.created_at.as_millis(),
        "updated_at": chat.updated_at.as_millis(),
    })
}

/// The turn that a chat is busy with. `begun` is the turn itself, until it has a document of its own.
pub(crate) fn active_document(turn: TurnId, lease: Lease, begun: Option<Document>) -> Document {
    let mut active = doc! {
        "turn": id(turn.uuid()),
        "owner": id(lease.owner.uuid()),
        "until": lease.until.as_millis(),
    };
    if let Some(begun) = begun {
        active.insert("begun", begun);
    }
    active
}

/// The chat that a document holds.
pub(crate) fn decode_chat(document: Document) -> Result<Chat, StoreError> {
    let at = id_of(&document);
    let decode = || {
        let chat: ChatDocument = deserialize_from_document(document)
            .map_err(|_| Undecodable::new("document", "lacks a field, or has one of another type"))?;
        Ok(Chat {
            id: ChatId::new(uuid(chat.id)),
            user_id: UserId::new(uuid(chat.user_id)),
            title: ChatTitle::parse(chat.title).map_err(|error| Undecodable::new("title", error.message))?,
            turns: number("turns", chat.turns)?,
            totals: from_bson("totals", chat.totals)?,
            active: chat
                .active
                .map(|active| ActiveTurn { turn: TurnId::new(uuid(active.turn)), lease: active.lease.into() }),
            created_at: Timestamp::from_millis(chat.created_at),
            updated_at: Timestamp::from_millis(chat.updated_at),
        })
    };
    decode().map_err(|error| corrupt(Entity::Chat, at, error))
}

#[derive(Deserialize)]
struct JobDocument {
    state: String,
    tries: i64,
    next_at: i64,
    lease: Option<LeaseDocument>,
}

#[derive(Deserialize)]
struct TurnDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    chat_id: Uuid,
    user_id: Uuid,
    seq: i64,
    prompt: String,
    reply: Option<String>,
    status: String,
    failure: Option<String>,
    memory_allowed: bool,
    recalled: Bson,
    attempts: Bson,
    job: Option<JobDocument>,
    created_at: i64,
    finished_at: Option<i64>,
}

/// A claim on a job.
pub(crate) fn lease(lease: Lease) -> Document {
    doc! { "owner": id(lease.owner.uuid()), "until": lease.until.as_millis() }
}

/// When a job may be taken up; absent when it may not.
fn due_at(job: &MemoryJob) -> Option<i64> {
    match job.state {
        JobState::Waiting => Some(job.next_at.as_millis()),
        JobState::Claimed => Some(job.lease.map_or(job.next_at, |lease| lease.until).as_millis()),
        JobState::Done | JobState::Parked => None,
    }
}

fn job(job: &MemoryJob) -> Document {
    doc! {
        "state": job.state.as_str(),
        "tries": i64::from(job.tries),
        "next_at": job.next_at.as_millis(),
        "lease": job.lease.map(lease),
    }
}

/// A turn as a document. `due_at` stands beside the job: it is in an index of open jobs only because it is absent otherwise.
pub(crate) fn turn(turn: &Turn) -> Result<Document, StoreError> {
    let mut document = doc! {
        "_id": id(turn.id.uuid()),
        "chat_id": id(turn.chat_id.uuid()),
        "user_id": id(turn.user_id.uuid()),
        "seq": i64::from(turn.seq),
        "prompt": turn.prompt.as_str(),
        "reply": turn.reply.as_deref(),
        "status": turn.status.as_str(),
        "failure": turn.failure.map(FailureCode::as_str),
        "memory_allowed": turn.memory_allowed,
        "recalled": to_bson(&turn.recalled)?,
        "attempts": attempts(&turn.attempts)?,
        "job": turn.memory_job.as_ref().map(job),
        "created_at": turn.created_at.as_millis(),
        "finished_at": turn.finished_at.map(Timestamp::as_millis),
    };
    if let Some(due_at) = turn.memory_job.as_ref().and_then(due_at) {
        document.insert("due_at", due_at);
    }
    Ok(document)
}

/// The turn that a document holds.
pub(crate) fn decode_turn(document: Document) -> Result<Turn, StoreError> {
    let at = id_of(&document);
    let decode = || {
        let turn: TurnDocument = deserialize_from_document(document)
            .map_err(|_| Undecodable::new("document", "lacks a field, or has one of another type"))?;
        let failure = turn.failure.map(|code| code.parse::<FailureCode>()).transpose();
        let job = turn.job.map(|job| {
            Ok(MemoryJob {
                state: JobState::parse(&job.state).ok_or_else(|| Undecodable::new("job.state", "is unknown"))?,
                tries: number("job.tries", job.tries)?,
                next_at: Timestamp::from_millis(job.next_at),
                lease: job.lease.map(Lease::from),
            })
        });
        Ok(Turn {
            id: TurnId::new(uuid(turn.id)),
            chat_id: ChatId::new(uuid(turn.chat_id)),
            user_id: UserId::new(uuid(turn.user_id)),
            seq: number("seq", turn.seq)?,
            prompt: Prompt::stored(turn.prompt),
            reply: turn.reply,
            status: TurnStatus::parse(&turn.status).ok_or_else(|| Undecodable::new("status", "is unknown"))?,
            failure: failure.map_err(|error| Undecodable::new("failure", error))?,
            memory_allowed: turn.memory_allowed,
            recalled: from_bson("recalled", turn.recalled)?,
            attempts: from_bson("attempts", turn.attempts)?,
            memory_job: job.transpose()?,
            created_at: Timestamp::from_millis(turn.created_at),
            finished_at: turn.finished_at.map(Timestamp::from_millis),
        })
    };
    decode().map_err(|error| corrupt(Entity::Turn, at, error))
}
