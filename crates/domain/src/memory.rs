//! What is remembered about a user.

use crate::{ChatId, MemoryCursor, MemoryId, MemoryKey, MemoryText, TextHash, Timestamp, TurnId, UserId};
use serde::{Deserialize, Serialize};

/// One thing remembered about a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Which.
    pub id: MemoryId,
    /// About whom, and whose.
    pub user_id: UserId,
    /// Counts the updates, from 1; an update names the revision it was made from.
    pub revision: u32,
    /// What it says.
    pub text: MemoryText,
    /// What kind of thing it is.
    pub kind: MemoryKind,
    /// Who saved it.
    pub origin: MemoryOrigin,
    /// What it came from, when it was extracted.
    pub source: Option<MemorySource>,
    /// Whether it holds.
    pub state: MemoryState,
    /// Since when it holds: when it was said, or saved by hand.
    pub valid_from: Timestamp,
    /// When it ceased to hold; `Some` when it is superseded or retracted.
    pub valid_to: Option<Timestamp>,
    /// What took its place; `Some` when it is superseded.
    pub superseded_by: Option<MemoryId>,
    /// When it was saved.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Memory {
    /// Its place in a list of memories.
    #[must_use]
    pub fn cursor(&self) -> MemoryCursor {
        MemoryCursor { created_at: self.created_at, id: self.id }
    }

    /// Its place among all memories.
    #[must_use]
    pub fn key(&self) -> MemoryKey {
        MemoryKey { user: self.user_id, id: self.id }
    }

    /// Its place in a history: the oldest first, and what does not hold any more before what does.
    #[must_use]
    pub fn time_line(&self) -> (Timestamp, Timestamp, MemoryCursor) {
        (self.valid_from, self.valid_to.unwrap_or(Timestamp::MAX), self.cursor())
    }

    /// The same memory, which another one took the place of.
    #[must_use]
    pub fn superseded(self, by: MemoryId, at: Timestamp) -> Self {
        let state = MemoryState::Superseded;
        Self { state, valid_to: Some(at), superseded_by: Some(by), updated_at: at, ..self }
    }

    /// The same memory, which its user took back.
    #[must_use]
    pub fn retracted(self, at: Timestamp) -> Self {
        Self { state: MemoryState::Retracted, valid_to: Some(at), updated_at: at, ..self }
    }
}

/// The turn that a memory was extracted from, and the words in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySource {
    /// The chat; it may have been deleted since.
    pub chat: ChatId,
    /// The turn.
    pub turn: TurnId,
    /// The words that it rests on; `None` for memories from before they were kept.
    pub span: Option<Span>,
}

/// A part of a prompt, verbatim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it begins in the prompt, in bytes.
    pub start: u32,
    /// Its text.
    pub text: String,
}

/// Whether a memory holds. Only active ones are listed, searched and recalled; the others are history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryState {
    /// It holds.
    Active,
    /// Another memory took its place.
    Superseded,
    /// Its user took it back.
    Retracted,
}

impl MemoryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Superseded, Self::Retracted];

    /// The state as the API and stores write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Retracted => "retracted",
        }
    }

    /// The state that is written so, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What kind of thing a memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryKind {
    /// Who the user is: work, place, family, skills.
    Profile,
    /// What the user likes or dislikes.
    Preference,
    /// How the user wants to be answered.
    Instruction,
    /// Anything else that lasts.
    Fact,
}

impl MemoryKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Profile, Self::Preference, Self::Instruction, Self::Fact];

    /// The kind as the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Preference => "preference",
            Self::Instruction => "instruction",
            Self::Fact => "fact",
        }
    }

    /// The kind that is written so, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Who saved a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryOrigin {
    /// The user, by hand.
    User,
    /// The server, from a prompt.
    Extracted,
}

impl MemoryOrigin {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::User, Self::Extracted];

    /// The origin as stores write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Extracted => "extracted",
        }
    }

    /// The origin that is written so, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == text)
    }
}

/// A memory with its embedding as a passage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EmbeddedMemory {
    /// The memory.
    pub memory: Memory,
    /// Its embedding, of the dimensions of the repository's space.
    pub vector: Vec<f32>,
}

/// What is left of a memory that its user deleted: enough not to learn it again, nothing that tells what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeletedMemory {
    /// Which.
    pub id: MemoryId,
    /// Whose it was.
    pub user_id: UserId,
    /// The hash of its text.
    pub text_hash: TextHash,
    /// The turn that it was extracted from.
    pub turn: Option<TurnId>,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// What a store keeps under a memory's id.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(clippy::large_enum_variant, reason = "the large variant is the usual one")]
pub enum MemoryRecord {
    /// A memory, in any state.
    Kept(EmbeddedMemory),
    /// A deleted one.
    Deleted(DeletedMemory),
}

impl MemoryRecord {
    /// Its place among all records.
    #[must_use]
    pub fn key(&self) -> MemoryKey {
        match self {
            Self::Kept(embedded) => embedded.memory.key(),
            Self::Deleted(deleted) => MemoryKey { user: deleted.user_id, id: deleted.id },
        }
    }

    /// The memory, unless it was deleted.
    #[must_use]
    pub fn kept(&self) -> Option<&EmbeddedMemory> {
        match self {
            Self::Kept(embedded) => Some(embedded),
            Self::Deleted(_) => None,
        }
    }

    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> RecordStage {
        match self {
            Self::Kept(EmbeddedMemory { memory, .. }) => RecordStage::Kept(memory.revision, memory.updated_at),
            Self::Deleted(_) => RecordStage::Deleted,
        }
    }

    /// Whether this is a later state of what `other`, under the same key elsewhere, is a state of.
    #[must_use]
    pub fn supersedes(&self, other: &Self) -> bool {
        self.stage() > other.stage()
    }
}

/// How far a record has come, of which there are several states in several places: the greater is the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordStage {
    /// Kept: more revisions are later, whatever the clocks said, then the later change.
    Kept(u32, Timestamp),
    /// Deleted: nothing comes after that.
    Deleted,
}

impl From<EmbeddedMemory> for MemoryRecord {
    fn from(embedded: EmbeddedMemory) -> Self {
        Self::Kept(embedded)
    }
}

/// A memory that was found, and how near it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredMemory {
    /// The memory.
    pub memory: Memory,
    /// Cosine similarity to what was sought, −1 to 1.
    pub score: f32,
}
