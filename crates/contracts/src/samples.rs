//! Records to test with. Ids are new with each call, and greater than all before.

use palavra_domain::{
    Attempt, BeginTurn, ChatId, ChatTarget, ChatTitle, DisplayName, EmbeddedMemory, FailureCode, InstanceId, Lease,
    Memory, MemoryId, MemoryKind, MemoryOrigin, MemorySource, MemoryState, MemoryText, ModelId, PasswordHash, Prompt,
    RecalledMemory, RefreshHash, SealedKey, Session, SessionId, Settlement, Span, Timestamp, TurnId, TurnStatus, Usage,
    User, UserId, Username,
};
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Texts that stores have been known to damage: none is blank, none is longer than 60 characters.
pub const TEXTS: [&str; 18] = [
    "Mora em Recife, gosta de açaí e de pão de queijo – às 7h",
    "שלום עולם / مرحبا بالعالم",
    "\u{202e}right to left\u{202c}",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽",
    "日本語と한국어",
    "e\u{301} is not é, ﬁ is not fi, Å is not Å",
    "{$gt:''}",
    "{\"$where\": \"1 == 1\"}",
    "$set.a.b",
    "'; DROP TABLE users; --",
    "' OR ''='",
    "\\ \\\\ \" ' ` % _ ? :1 $1 \\u0041",
    "<script>alert(\"x\")</script>&amp;",
    "line\r\nnext\n\ttab",
    "  spaces around  ",
    "\u{feff}mark\u{200b}zero\u{ad}",
    "NULL",
    "\u{1}\u{7f}\u{85}\u{2028}\u{fffd}\u{10ffff}",
];

/// A point in time, `millis` after a fixed one that has milliseconds itself.
#[must_use]
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_007 + millis)
}

/// A UUID of version 7, greater than all before it in this process.
#[must_use]
pub fn uuid() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000 + number, &[0x5a; 10]).into_uuid()
}

/// A new user's id.
#[must_use]
pub fn user_id() -> UserId {
    UserId::new(uuid())
}

/// A new session's id.
#[must_use]
pub fn session_id() -> SessionId {
    SessionId::new(uuid())
}

/// A new chat's id.
#[must_use]
pub fn chat_id() -> ChatId {
    ChatId::new(uuid())
}

/// A new turn's id.
#[must_use]
pub fn turn_id() -> TurnId {
    TurnId::new(uuid())
}

/// A new memory's id.
#[must_use]
pub fn memory_id() -> MemoryId {
    MemoryId::new(uuid())
}

/// A user's name.
///
/// # Panics
/// When it does not keep to the rules.
#[must_use]
pub fn username(name: &str) -> Username {
    Username::parse(name).unwrap()
}

/// A user with every field set, as it is inserted.
///
/// # Panics
/// When the name does not keep to the rules.
#[must_use]
pub fn user(name: &str) -> User {
    User {
        id: user_id(),
        revision: 1,
        username: username(name),
        display_name: Some(DisplayName::parse("Ana Conceição").unwrap()),
        default_model: Some(model("vendor/default-model:free")),
        memory_enabled: true,
        password_hash: PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into()),
        api_key: Some(SealedKey { sealed: (0..=255).collect(), hint: "wxyz".into() }),
        memory_version: 0,
        memories_cleared_at: None,
        created_at: at(1),
        updated_at: at(2),
    }
}

/// A user with nothing but what it needs.
///
/// # Panics
/// When the name does not keep to the rules.
#[must_use]
pub fn bare_user(name: &str) -> User {
    User { display_name: None, default_model: None, memory_enabled: false, api_key: None, ..user(name) }
}

/// A refresh token's hash of thirty-two times the same byte.
#[must_use]
pub fn refresh_hash(byte: u8) -> RefreshHash {
    RefreshHash([byte; 32])
}

/// A live session made at `at(0)`, with `refresh_hash(1)`, that ends at `at(60_000)`.
#[must_use]
pub fn session(user: UserId) -> Session {
    Session {
        id: session_id(),
        user_id: user,
        refresh_hash: refresh_hash(1),
        created_at: at(0),
        last_used_at: at(0),
        expires_at: at(60_000),
        revoked_at: None,
    }
}

/// A model.
///
/// # Panics
/// When it is no model's id.
#[must_use]
pub fn model(id: &str) -> ModelId {
    ModelId::parse(id).unwrap()
}

/// A chat's title.
///
/// # Panics
/// When it does not keep to the rules.
#[must_use]
pub fn title(text: &str) -> ChatTitle {
    ChatTitle::parse(text).unwrap()
}

/// A prompt.
///
/// # Panics
/// When it is blank.
#[must_use]
pub fn prompt(text: &str) -> Prompt {
    Prompt::parse(text, 100_000).unwrap()
}

/// A claim of a new process until `until`.
#[must_use]
pub fn lease(until: Timestamp) -> Lease {
    Lease { owner: InstanceId::new(uuid()), until }
}

/// A turn to begin at `at(0)` in a new chat of `user`, leased until `at(30_000)`.
#[must_use]
pub fn begin_new(user: UserId) -> BeginTurn {
    begin(user, ChatTarget::New { id: chat_id(), title: title("A new chat") })
}

/// A turn to begin at `at(0)` in a chat, leased until `at(30_000)`.
#[must_use]
pub fn begin_in(user: UserId, chat: ChatId) -> BeginTurn {
    begin(user, ChatTarget::Existing(chat))
}

fn begin(user: UserId, target: ChatTarget) -> BeginTurn {
    BeginTurn {
        user,
        target,
        turn: turn_id(),
        prompt: prompt("What is a monad?"),
        memory_allowed: true,
        attempt: Attempt::new(uuid(), model("vendor/asked")),
        lease: lease(at(30_000)),
        now: at(0),
    }
}

/// What an answer used; `cost` in US dollars.
///
/// # Panics
/// When the cost is no amount.
#[must_use]
pub fn usage(prompt: u64, completion: u64, cost: &str) -> Usage {
    Usage {
        prompt_tokens: Some(prompt),
        completion_tokens: Some(completion),
        total_tokens: Some(prompt + completion),
        cost: Some(cost.parse().unwrap()),
    }
}

/// The attempt of a turn, answered with every field set.
#[must_use]
pub fn answered(attempt: &Attempt, usage: Usage) -> Attempt {
    Attempt {
        generation_id: Some("gen-1700000000-AbC".into()),
        model_answered: Some("vendor/answered-2026".into()),
        finish_reason: Some("stop".into()),
        usage,
        ..attempt.clone()
    }
}

/// A memory as it was given to a model.
///
/// # Panics
/// When the text does not keep to the rules.
#[must_use]
pub fn recalled(text: &str, score: f32) -> RecalledMemory {
    RecalledMemory { id: memory_id(), text: MemoryText::parse(text).unwrap(), score }
}

/// The turn that `begin` began, answered with `reply` at `at(2_000)`, with nothing to remember.
#[must_use]
pub fn complete(begin: &BeginTurn, reply: &str, usage: Usage) -> Settlement {
    Settlement {
        status: TurnStatus::Complete,
        reply: Some(reply.into()),
        failure: None,
        attempts: vec![answered(&begin.attempt, usage)],
        recalled: Vec::new(),
        remember_at: None,
        finished_at: at(2_000),
    }
}

/// The turn that `begin` began, failed at `at(2_000)` without an answer.
#[must_use]
pub fn failed(begin: &BeginTurn, failure: FailureCode) -> Settlement {
    Settlement {
        status: TurnStatus::Failed,
        reply: None,
        failure: Some(failure),
        attempts: vec![begin.attempt.clone()],
        ..complete(begin, "", Usage::default())
    }
}

/// A memory that was extracted from some turn, made at `at(0)`.
///
/// # Panics
/// When the text does not keep to the rules.
#[must_use]
pub fn memory(user: UserId, text: &str) -> Memory {
    Memory {
        id: memory_id(),
        user_id: user,
        revision: 1,
        text: MemoryText::parse(text).unwrap(),
        kind: MemoryKind::Profile,
        origin: MemoryOrigin::Extracted,
        source: Some(MemorySource { chat: chat_id(), turn: turn_id(), span: Some(span("Moro em Recife")) }),
        state: MemoryState::Active,
        valid_from: at(0),
        valid_to: None,
        superseded_by: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A part of a prompt, at its beginning.
#[must_use]
pub fn span(text: &str) -> Span {
    Span { start: 0, text: text.into() }
}

/// A vector of length 1 in the plane of the first two dimensions, `degrees` away from the first axis.
///
/// # Panics
/// With fewer than two dimensions.
#[must_use]
pub fn vector(dimensions: usize, degrees: f32) -> Vec<f32> {
    let mut vector = vec![0.0; dimensions];
    (vector[1], vector[0]) = degrees.to_radians().sin_cos();
    vector
}

/// A memory of `user` whose vector is `vector(dimensions, degrees)`.
///
/// # Panics
/// When the text does not keep to the rules, or with fewer than two dimensions.
#[must_use]
pub fn embedded(user: UserId, text: &str, dimensions: usize, degrees: f32) -> EmbeddedMemory {
    EmbeddedMemory { memory: memory(user, text), vector: vector(dimensions, degrees) }
}
