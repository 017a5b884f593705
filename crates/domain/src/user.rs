//! Users.

use crate::{DisplayName, ModelId, PasswordHash, SealedKey, Timestamp, UserId, Username};
use serde::{Deserialize, Serialize};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Counts the updates, from 1; an update names the revision it was made from.
    pub revision: u32,
    /// As the user typed it.
    pub username: Username,
    /// How the user wants to be shown.
    pub display_name: Option<DisplayName>,
    /// The model for prompts that name none.
    pub default_model: Option<ModelId>,
    /// Whether memories are recalled and saved.
    pub memory_enabled: bool,
    /// The password's hash.
    pub password_hash: PasswordHash,
    /// The OpenRouter key, sealed.
    pub api_key: Option<SealedKey>,
    /// Counts the changes to what is remembered, from 0. It moves with every change, and apart from the revision: whoever
    /// keeps a user's memories in process reads them again when it has moved.
    pub memory_version: u64,
    /// When the user last deleted everything that was remembered: what was said until then is not learnt any more.
    pub memories_cleared_at: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the account was last changed.
    pub updated_at: Timestamp,
}
