//! Why a turn has no answer.

use crate::{ModelError, StoreError};
use serde::Serialize;
use std::{fmt, str::FromStr, time::Duration};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why a turn failed, as it is stored with the turn and told to the user.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        pub enum FailureCode { $($(#[$doc])* $name,)* }

        impl FailureCode {
            /// The code as the API writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }

        impl FromStr for FailureCode {
            type Err = UnknownFailure;

            fn from_str(text: &str) -> Result<Self, UnknownFailure> {
                match text { $($code => Ok(Self::$name),)* _ => Err(UnknownFailure(text.to_owned())) }
            }
        }
    };
}

codes! {
    /// OpenRouter did not accept the user's key.
    ApiKeyRejected = "api_key_rejected",
    /// The user's credits are used up.
    OutOfCredits = "out_of_credits",
    /// The provider's policy refused the prompt.
    ContentRefused = "content_refused",
    /// No provider serves this model.
    ModelNotFound = "model_not_found",
    /// The prompt does not fit the model.
    ContextTooLong = "context_too_long",
    /// Too many calls with this key.
    RateLimited = "rate_limited",
    /// The provider's answer could not be understood, or it did not understand the call.
    UpstreamInvalid = "upstream_invalid",
    /// The answer broke off.
    UpstreamInterrupted = "upstream_interrupted",
    /// The provider cannot be reached or is down.
    UpstreamUnavailable = "upstream_unavailable",
    /// The provider did not answer in time.
    UpstreamTimeout = "upstream_timeout",
    /// A store of ours failed.
    StoreUnavailable = "store_unavailable",
    /// A fault of ours.
    Internal = "internal",
}

/// A stored failure code that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown failure code {0:?}")]
pub struct UnknownFailure(String);

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure, and when it may be worth trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnFailure {
    /// Why.
    pub code: FailureCode,
    /// How long the provider asked to wait.
    pub retry_after: Option<Duration>,
}

impl From<&ModelError> for TurnFailure {
    fn from(error: &ModelError) -> Self {
        let code = match error {
            ModelError::RateLimited { .. } => FailureCode::RateLimited,
            ModelError::ContextTooLong => FailureCode::ContextTooLong,
            ModelError::Refused => FailureCode::ContentRefused,
            ModelError::Credentials => FailureCode::ApiKeyRejected,
            ModelError::OutOfCredits => FailureCode::OutOfCredits,
            ModelError::ModelNotFound => FailureCode::ModelNotFound,
            ModelError::Timeout => FailureCode::UpstreamTimeout,
            ModelError::Unavailable { .. } => FailureCode::UpstreamUnavailable,
            ModelError::Rejected { .. } | ModelError::Malformed { .. } => FailureCode::UpstreamInvalid,
            ModelError::Interrupted => FailureCode::UpstreamInterrupted,
        };
        Self { code, retry_after: error.retry_after() }
    }
}

impl From<&StoreError> for TurnFailure {
    fn from(error: &StoreError) -> Self {
        let code = if error.is_transient() { FailureCode::StoreUnavailable } else { FailureCode::Internal };
        Self { code, retry_after: None }
    }
}
