//! What ports can fail with. Sources are kept for the log and are never shown to a user.

use std::time::Duration;
use thiserror::Error;

/// A driver's error, kept as the source of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a store error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A user's name.
    Username,
    /// A user.
    User,
    /// A session.
    Session,
    /// A chat.
    Chat,
    /// A turn.
    Turn,
    /// A memory.
    Memory,
}

impl Entity {
    /// Its name in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::User => "user",
            Self::Session => "session",
            Self::Chat => "chat",
            Self::Turn => "turn",
            Self::Memory => "memory",
        }
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another record already has this identity.
    #[error("this {} exists already", .0.as_str())]
    Conflict(Entity),
    /// The record was changed since it was read.
    #[error("the {} was changed meanwhile", .0.as_str())]
    Stale(Entity),
    /// The store cannot be reached, is busy or did not answer in time; later may work.
    #[error("the store is unavailable")]
    Unavailable {
        /// What the driver said.
        source: BoxError,
    },
    /// A stored record cannot be read.
    #[error("a stored {} cannot be read", .entity.as_str())]
    Corrupt {
        /// What it should have been.
        entity: Entity,
        /// What is wrong with it.
        source: BoxError,
    },
    /// Anything else: a fault of ours or of the store.
    #[error("the store failed unexpectedly")]
    Unexpected {
        /// What the driver said.
        source: BoxError,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Conflict(_) | Self::Stale(_) | Self::Corrupt { .. } | Self::Unexpected { .. } => false,
        }
    }
}

/// Why a model or the service before it did not answer.
#[derive(Debug, Error)]
pub enum ModelError {
    /// Too many calls with this key.
    #[error("the provider limits the rate of calls")]
    RateLimited {
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// The messages do not fit the model's window.
    #[error("the messages are longer than the model's context")]
    ContextTooLong,
    /// Moderation, a guardrail or a permission.
    #[error("the provider refused the content")]
    Refused,
    /// A bad or disabled key.
    #[error("the provider did not accept the key")]
    Credentials,
    /// The credits of the account or the key are used up.
    #[error("the credits of the key are used up")]
    OutOfCredits,
    /// Nobody serves this model, or not with what was asked of it.
    #[error("no provider serves this model")]
    ModelNotFound,
    /// The provider did not accept the call; asking again would not help.
    #[error("the provider rejected the call with status {status}: {reason}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// What it said, for the log.
        reason: String,
    },
    /// No answer, or no next part of one, within the time allowed.
    #[error("the provider did not answer in time")]
    Timeout,
    /// Not reachable, down or overloaded.
    #[error("the provider is unavailable")]
    Unavailable {
        /// How long it asked to wait.
        retry_after: Option<Duration>,
        /// What the transport or the provider said, for the log.
        source: BoxError,
    },
    /// An answer that is not what the protocol says.
    #[error("the provider's answer could not be read")]
    Malformed {
        /// What is wrong with it.
        source: BoxError,
    },
    /// The answer broke off before its end.
    #[error("the provider's answer broke off")]
    Interrupted,
}

impl ModelError {
    /// Whether the same call may succeed soon without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } => true,
            Self::ContextTooLong
            | Self::Refused
            | Self::Credentials
            | Self::OutOfCredits
            | Self::ModelNotFound
            | Self::Rejected { .. }
            | Self::Timeout
            | Self::Malformed { .. }
            | Self::Interrupted => false,
        }
    }

    /// How long the provider asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why the vault did not do what it was asked.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The sealed key names a master key that this deployment does not have.
    #[error("the key was sealed with master key {0:?}, which is not in security.master_keys")]
    UnknownMasterKey(String),
    /// The sealed bytes are not what the vault wrote for this user.
    #[error("the sealed key does not open for this user")]
    Tampered,
    /// The operating system or a library failed.
    #[error("the vault failed")]
    Failed {
        /// What it said.
        source: BoxError,
    },
}
