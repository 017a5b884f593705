//! Identifiers. All are UUIDs; those made by the server are version 7, so they sort by the time they were made.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that is known to name this kind of thing.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// A user.
    UserId
);
id!(
    /// A login of a user: what an access token's `sid` names.
    SessionId
);
id!(
    /// A conversation.
    ChatId
);
id!(
    /// One prompt and its answer.
    TurnId
);
id!(
    /// Something remembered about a user. Version 5 of its turn when it was extracted, so that a job done twice saves it once.
    MemoryId
);
id!(
    /// One running server process: who holds a lease.
    InstanceId
);

impl MemoryId {
    /// The id of the `index`-th memory extracted from `turn`: always the same one.
    #[must_use]
    pub fn extracted(turn: TurnId, index: usize) -> Self {
        Self(Uuid::new_v5(&turn.uuid(), index.to_string().as_bytes()))
    }

    /// The id under which what this memory said up to `revision` is kept as history: always the same one.
    #[must_use]
    pub fn earlier(self, revision: u32) -> Self {
        Self(Uuid::new_v5(&self.0, revision.to_string().as_bytes()))
    }
}
