//! Chats and their turns.

use crate::{
    ChatId, ChatTitle, FailureCode, InstanceId, MemoryId, MemoryText, ModelId, Prompt, Timestamp, TurnId, Usage, UserId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A conversation, without its turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chat {
    /// Which.
    pub id: ChatId,
    /// Whose.
    pub user_id: UserId,
    /// Made from the first prompt, until its owner changes it.
    pub title: ChatTitle,
    /// The number of turns begun so far; the next turn has one more.
    pub turns: u32,
    /// What all its answers used.
    pub totals: Usage,
    /// The turn that is being answered now.
    pub active: Option<ActiveTurn>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When a turn of it last began or ended, or its title changed.
    pub updated_at: Timestamp,
}

/// The one turn of a chat that is being answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ActiveTurn {
    /// Which.
    pub turn: TurnId,
    /// Who answers it, and until when it may be taken for alive.
    pub lease: Lease,
}

/// A claim of one process on a piece of work. When it ends without being renewed, the process is taken for dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Whose claim.
    pub owner: InstanceId,
    /// When it ends.
    pub until: Timestamp,
}

/// Where a turn stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum TurnStatus {
    /// Being answered.
    Pending,
    /// Answered.
    Complete,
    /// Stopped by its user; the reply is what had come.
    Stopped,
    /// Without an answer, or with a part of one; the failure code says why.
    Failed,
    /// Its process died while it was being answered.
    Interrupted,
}

impl TurnStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Complete, Self::Stopped, Self::Failed, Self::Interrupted];

    /// The status as the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The status that is written so, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// One call to a model for a turn. `call_id` is written down before the call is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Ours.
    pub call_id: Uuid,
    /// The provider's, under which a call without a usage report can be settled later.
    pub generation_id: Option<String>,
    /// The model that was asked for.
    pub model_asked: ModelId,
    /// The model that answered, as the provider wrote it.
    pub model_answered: Option<String>,
    /// Why the answer ended, in the provider's word.
    pub finish_reason: Option<String>,
    /// What it used, as billed.
    pub usage: Usage,
}

impl Attempt {
    /// An attempt that is about to be made.
    #[must_use]
    pub fn new(call_id: Uuid, model_asked: ModelId) -> Self {
        Self {
            call_id,
            generation_id: None,
            model_asked,
            model_answered: None,
            finish_reason: None,
            usage: Usage::default(),
        }
    }
}

/// A memory as it was given to a model with a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecalledMemory {
    /// Which.
    pub id: MemoryId,
    /// Its text at that time.
    pub text: MemoryText,
    /// Cosine similarity to the prompt, −1 to 1.
    pub score: f32,
}

/// One prompt and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// Which.
    pub id: TurnId,
    /// Of which chat.
    pub chat_id: ChatId,
    /// Whose.
    pub user_id: UserId,
    /// Its place in the chat, from 1.
    pub seq: u32,
    /// What was asked, as it was typed.
    pub prompt: Prompt,
    /// The answer, or the part of it that came.
    pub reply: Option<String>,
    /// Where it stands.
    pub status: TurnStatus,
    /// Why it failed.
    pub failure: Option<FailureCode>,
    /// Whether something may be remembered from it.
    pub memory_allowed: bool,
    /// The memories that were given to the model.
    pub recalled: Vec<RecalledMemory>,
    /// The calls made for it; at least one.
    pub attempts: Vec<Attempt>,
    /// The work of remembering, if there is any.
    pub memory_job: Option<MemoryJob>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Turn {
    /// What all calls for it used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.attempts.iter().fold(Usage::default(), |sum, attempt| sum.plus(attempt.usage))
    }

    /// The model that answered; the one that was asked while none has.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        let last = self.attempts.last()?;
        Some(last.model_answered.as_deref().unwrap_or(last.model_asked.as_str()))
    }

    /// What names it in the port's methods.
    #[must_use]
    pub fn reference(&self) -> TurnRef {
        TurnRef { user: self.user_id, chat: self.chat_id, turn: self.id }
    }
}

/// A turn that can go into a later context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its place in the chat.
    pub seq: u32,
    /// What was asked.
    pub prompt: String,
    /// What was answered.
    pub reply: String,
}

/// Names one turn, with its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TurnRef {
    /// Whose.
    pub user: UserId,
    /// Of which chat.
    pub chat: ChatId,
    /// Which.
    pub turn: TurnId,
}

/// Where a turn goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatTarget {
    /// Into a new chat with this id and title.
    New {
        /// Not used before.
        id: ChatId,
        /// Its title.
        title: ChatTitle,
    },
    /// Into a chat of the same user.
    Existing(ChatId),
}

/// A turn to be written down as pending.
#[derive(Clone, Debug, PartialEq)]
pub struct BeginTurn {
    /// Whose.
    pub user: UserId,
    /// Where it goes.
    pub target: ChatTarget,
    /// Its id, not used before.
    pub turn: TurnId,
    /// What is asked.
    pub prompt: Prompt,
    /// Whether something may be remembered from it.
    pub memory_allowed: bool,
    /// The call that is about to be made.
    pub attempt: Attempt,
    /// Who answers it.
    pub lease: Lease,
    /// The time.
    pub now: Timestamp,
}

/// What became of a [`BeginTurn`].
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "the large variant is the usual one, and it is moved once")]
pub enum BeginOutcome {
    /// It is written down, and its chat is busy with it.
    Begun(Turn),
    /// The chat is busy with another turn; nothing was written.
    Busy,
    /// The user has no such chat; nothing was written.
    NotFound,
}

/// What is known of a turn while it is being answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The reply so far.
    pub reply: String,
    /// The calls so far.
    pub attempts: Vec<Attempt>,
    /// The memories that were given to the model.
    pub recalled: Vec<RecalledMemory>,
    /// Until when the process may be taken for alive.
    pub lease_until: Timestamp,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// Complete, stopped or failed.
    pub status: TurnStatus,
    /// The answer, or the part of it that came.
    pub reply: Option<String>,
    /// Why it failed.
    pub failure: Option<FailureCode>,
    /// The calls that were made, with what they used: what is added to the chat's totals.
    pub attempts: Vec<Attempt>,
    /// The memories that were given to the model.
    pub recalled: Vec<RecalledMemory>,
    /// When the work of remembering may begin, if there is to be any.
    pub remember_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// What became of a [`Settlement`].
#[derive(Clone, Debug, PartialEq)]
pub enum SettleOutcome {
    /// The turn now stands like this, its usage is in the chat's totals and the chat is free.
    Settled(Turn),
    /// The turn had ended before, like this; nothing was counted again, the chat is free.
    AlreadySettled(Turn),
    /// The chat was deleted meanwhile.
    Gone,
}

/// The work of remembering what a prompt said, recorded in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryJob {
    /// Where it stands.
    pub state: JobState,
    /// How often it was taken up.
    pub tries: u32,
    /// Not before this.
    pub next_at: Timestamp,
    /// Who is at it.
    pub lease: Option<Lease>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum JobState {
    /// To be done.
    Waiting,
    /// Somebody is at it, while the lease lasts.
    Claimed,
    /// Done.
    Done,
    /// Given up after some failures; kept to be seen.
    Parked,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Claimed, Self::Done, Self::Parked];

    /// The state as stores write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Parked => "parked",
        }
    }

    /// The state that is written so, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A job that was claimed, with what it takes to do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberTask {
    /// Of which turn.
    pub turn: TurnRef,
    /// What the user typed.
    pub prompt: Prompt,
    /// When the turn was written down.
    pub said_at: Timestamp,
    /// The model that the turn asked for.
    pub model: ModelId,
    /// How often it was taken up, this time included.
    pub tries: u32,
}

/// How work on a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// Done; there is nothing more to do.
    Done,
    /// It failed and may be tried again from this time.
    Retry(Timestamp),
    /// It failed for good.
    Parked,
}
