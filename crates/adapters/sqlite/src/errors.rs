//! The driver's errors as the ports' errors: mapped here and nowhere else.

use crate::columns::{Decoded, Undecodable};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use palavra_domain::{BoxError, Entity, StoreError};
use uuid::Uuid;

/// A port's error on its way out of an operation, so that `?` works on the driver's.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) StoreError);

pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        let transient = is_transient(&error);
        let source = Box::new(error);
        Self(if transient { StoreError::Unavailable { source } } else { StoreError::Unexpected { source } })
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self(unexpected(error))
    }
}

/// SQLite reports a lock, a full disk and a failing one by message only: Diesel keeps no code for them.
fn is_transient(error: &DieselError) -> bool {
    const MESSAGES: [&str; 6] = [
        "database is locked",
        "database table is locked",
        "database schema is locked",
        "database or disk is full",
        "disk I/O error",
        "unable to open database file",
    ];
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection, _) => {
            true
        }
        DieselError::DatabaseError(_, about) => MESSAGES.iter().any(|message| about.message().starts_with(message)),
        _ => false,
    }
}

/// For an insert: what already exists when a key is taken.
pub(crate) fn conflict(entity: Entity) -> impl FnOnce(DieselError) -> Failure {
    move |error| match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Failure(StoreError::Conflict(entity)),
        other => Failure::from(other),
    }
}

pub(crate) fn unavailable(source: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { source: source.into() }
}

pub(crate) fn unexpected(source: impl Into<BoxError>) -> StoreError {
    StoreError::Unexpected { source: source.into() }
}

/// Logs a row that cannot be read, with its id: lists leave it out, so nobody else would tell.
pub(crate) fn readable<T>(entity: Entity, id: &[u8], decoded: Decoded<T>) -> Outcome<T> {
    decoded.map_err(|error| Failure(corrupt(entity, id, error)))
}

fn corrupt(entity: Entity, id: &[u8], error: Undecodable) -> StoreError {
    let id = Uuid::from_slice(id).unwrap_or_default();
    tracing::error!(entity = entity.as_str(), %id, %error, "a stored record cannot be read");
    StoreError::Corrupt { entity, source: Box::new(error) }
}
