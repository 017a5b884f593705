//! LanceDB's errors as the port's, mapped once.

use lancedb::Error;
use palavra_domain::{BoxError, Entity, StoreError};
use std::{error::Error as StdError, fmt, io, sync::Arc};

/// One error for all the callers whose writes were committed together.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Error>);

impl Shared {
    pub(crate) fn new(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

enum Class {
    Unavailable,
    Corrupt,
    Unexpected,
}

fn classify(error: &Error) -> Class {
    match error {
        Error::ObjectStore { .. } | Error::Timeout { .. } | Error::CreateDir { .. } => Class::Unavailable,
        Error::TableCorrupted { .. } => Class::Corrupt,
        Error::Lance { source } if is_contention(source) => Class::Unavailable,
        // The other variants do not tell a full disk or a lost mount from a fault; what caused them does.
        other if cause::<io::Error>(other).is_some() || cause::<object_store::Error>(other).is_some() => {
            Class::Unavailable
        }
        _ => Class::Unexpected,
    }
}

/// Whether other processes' commits came in between too often, or for too long. Nothing was written.
fn is_contention(error: &lance::Error) -> bool {
    is_conflict(error) || matches!(error, lance::Error::TooMuchWriteContention { .. } | lance::Error::Timeout { .. })
}

/// Whether another process's commit came in between; nothing was written, and another try may do.
pub(crate) fn is_conflict(error: &lance::Error) -> bool {
    matches!(error, lance::Error::RetryableCommitConflict { .. } | lance::Error::CommitConflict { .. })
}

/// What of this kind caused the error, if anything did.
pub(crate) fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(<dyn StdError>::downcast_ref)
}

fn store_error(class: &Class, source: BoxError) -> StoreError {
    match class {
        Class::Unavailable => StoreError::Unavailable { source },
        Class::Corrupt => StoreError::Corrupt { entity: Entity::Memory, source },
        Class::Unexpected => StoreError::Unexpected { source },
    }
}

/// A failed read, or a write that was alone.
pub(crate) fn failed(error: Error) -> StoreError {
    store_error(&classify(&error), error.into())
}

/// A failed commit of several callers' writes.
pub(crate) fn failed_together(error: &Shared) -> StoreError {
    store_error(&classify(&error.0), error.clone().into())
}

/// No answer in time.
pub(crate) fn too_slow() -> StoreError {
    StoreError::Unavailable { source: "LanceDB did not answer in time".into() }
}

/// The repository was closed, or its writer has ended.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable { source: "the memories are closed".into() }
}

/// The writer gave no answer: it failed in a way that is a fault of ours.
pub(crate) fn unanswered() -> StoreError {
    StoreError::Unexpected { source: "the writer gave no answer".into() }
}

/// A vector that does not fit the space.
pub(crate) fn bad_vector(reason: String) -> StoreError {
    StoreError::Unexpected { source: reason.into() }
}

/// A memory among those of a user that is not theirs.
pub(crate) fn of_another_user() -> StoreError {
    StoreError::Unexpected { source: "a memory is of another user".into() }
}

/// A row that is no memory.
pub(crate) fn corrupt(reason: String) -> StoreError {
    StoreError::Corrupt { entity: Entity::Memory, source: reason.into() }
}
