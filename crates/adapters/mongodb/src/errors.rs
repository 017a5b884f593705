//! The driver's errors as the ports' errors: mapped here and nowhere else.

use mongodb::error::{Error, ErrorKind, WriteFailure};
use palavra_domain::{BoxError, Entity, StoreError};
use std::fmt;
use thiserror::Error as ThisError;
use uuid::Uuid;

const DUPLICATE_KEY: i32 = 11_000;
/// Codes of servers that stop, step down, recover, or ran out of the time they were given.
const PASSING: [i32; 14] = [6, 7, 50, 89, 91, 112, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436];

fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        _ => None,
    }
}

/// Whether a unique index refused a write.
pub(crate) fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

fn passes(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        // What a proxy or a server says that is about to go away.
        | ErrorKind::InvalidResponse { .. }
        | ErrorKind::Authentication { .. } => true,
        // Written here, and not yet where the write concern wants it: it may or may not stay.
        ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
        _ => {
            error.contains_label("RetryableWriteError")
                || error.contains_label("TransientTransactionError")
                || code(error).is_some_and(|code| PASSING.contains(&code))
        }
    }
}

pub(crate) fn store(error: Error) -> StoreError {
    if passes(&error) {
        StoreError::Unavailable { source: error.into() }
    } else {
        StoreError::Unexpected { source: error.into() }
    }
}

/// For a write that a unique index may refuse because of this entity.
pub(crate) fn conflict(entity: Entity) -> impl Fn(Error) -> StoreError {
    move |error| if is_duplicate(&error) { StoreError::Conflict(entity) } else { store(error) }
}

pub(crate) fn too_slow() -> StoreError {
    StoreError::Unavailable { source: "MongoDB did not answer within the time allowed".into() }
}

pub(crate) fn unexpected(source: impl Into<BoxError>) -> StoreError {
    StoreError::Unexpected { source: source.into() }
}

/// What is wrong with a field, without its value.
#[derive(Debug, ThisError)]
#[error("{field} {problem}")]
pub(crate) struct Undecodable {
    field: &'static str,
    problem: String,
}

impl Undecodable {
    pub(crate) fn new(field: &'static str, problem: impl fmt::Display) -> Self {
        Self { field, problem: problem.to_string() }
    }
}

/// Logs a document that cannot be read, with its id: lists leave it out, so nobody else would tell.
pub(crate) fn corrupt(entity: Entity, id: Option<Uuid>, error: Undecodable) -> StoreError {
    tracing::error!(entity = entity.as_str(), id = %id.unwrap_or_default(), %error, "a stored record cannot be read");
    StoreError::Corrupt { entity, source: error.into() }
}
