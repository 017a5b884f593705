//! What is remembered about a user.

use crate::{ChatId, MemoryCursor, MemoryId, MemoryKey, MemoryText, Timestamp, TurnId, UserId};
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
}

/// The turn that a memory was extracted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySource {
    /// The chat; it may have been deleted since.
    pub chat: ChatId,
    /// The turn.
    pub turn: TurnId,
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

/// A memory that was found, and how near it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredMemory {
    /// The memory.
    pub memory: Memory,
    /// Cosine similarity to what was sought, −1 to 1.
    pub score: f32,
}
