//! The driver's errors as the ports' errors: mapped here and nowhere else.

use crate::columns::{Decoded, Undecodable};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::pooled_connection::deadpool::PoolError;
use palavra_domain::{BoxError, Entity, StoreError};
use uuid::Uuid;

/// A port's error on its way out of an operation, so that `?` works on the driver's.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) StoreError);

pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        Self(if is_transient(&error) { unavailable(error) } else { unexpected(error) })
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        let transient = match &error {
            PoolError::Timeout(_) | PoolError::Backend(_) => true,
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => false,
        };
        Self(if transient { unavailable(error) } else { unexpected(error) })
    }
}

/// Whether the server's state is the reason, and not the statement.
fn is_transient(error: &DieselError) -> bool {
    let DieselError::DatabaseError(kind, about) = error else { return false };
    match kind {
        DatabaseErrorKind::UnableToSendCommand
        | DatabaseErrorKind::ClosedConnection
        | DatabaseErrorKind::SerializationFailure
        // A standby, which will be promoted or left.
        | DatabaseErrorKind::ReadOnlyTransaction => true,
        // Diesel keeps no SQLSTATE. Cancelled, deadlocked, shut down and out of space are among these, and so is a table that
        // is not there: what has a place in the statement's text is not about the server's state.
        DatabaseErrorKind::Unknown => about.statement_position().is_none(),
        _ => false,
    }
}

/// For a write that only one constraint can refuse: what already exists.
pub(crate) fn conflict(entity: Entity) -> impl FnOnce(Failure) -> Failure {
    move |failure| if is_unique_violation(&failure.0) { Failure(StoreError::Conflict(entity)) } else { failure }
}

fn is_unique_violation(error: &StoreError) -> bool {
    let StoreError::Unexpected { source } = error else { return false };
    matches!(source.downcast_ref(), Some(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
}

pub(crate) fn unavailable(source: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { source: source.into() }
}

pub(crate) fn unexpected(source: impl Into<BoxError>) -> StoreError {
    StoreError::Unexpected { source: source.into() }
}

/// Logs a row that cannot be read, with its id: whoever reads a list of them would not tell.
pub(crate) fn readable<T>(entity: Entity, id: Uuid, decoded: Decoded<T>) -> Outcome<T> {
    decoded.map_err(|error| Failure(corrupt(entity, id, error)))
}

fn corrupt(entity: Entity, id: Uuid, error: Undecodable) -> StoreError {
    tracing::error!(entity = entity.as_str(), %id, %error, "a stored record cannot be read");
    StoreError::Corrupt { entity, source: Box::new(error) }
}
