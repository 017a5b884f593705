//! Columns to values.

use palavra_domain::Timestamp;
use std::fmt::Display;

/// What is wrong with a stored value. Never holds a text that a user wrote.
#[derive(Debug, thiserror::Error)]
#[error("{column} {problem}")]
pub(crate) struct Undecodable {
    column: &'static str,
    problem: String,
}

impl Undecodable {
    pub(crate) fn new(column: &'static str, problem: impl Display) -> Self {
        Self { column, problem: problem.to_string() }
    }
}

pub(crate) type Decoded<T> = Result<T, Undecodable>;

pub(crate) fn time(column: &'static str, millis: i64) -> Decoded<Timestamp> {
    let time = Timestamp::from_millis(millis);
    if time.as_millis() == millis { Ok(time) } else { Err(Undecodable::new(column, "is out of the range of times")) }
}

pub(crate) fn number<T: TryFrom<i64, Error: Display>>(column: &'static str, number: i64) -> Decoded<T> {
    T::try_from(number).map_err(|error| Undecodable::new(column, error))
}

/// Parses what is there; nothing stays nothing.
pub(crate) fn option<S, T>(stored: Option<S>, decode: impl FnOnce(S) -> Decoded<T>) -> Decoded<Option<T>> {
    stored.map(decode).transpose()
}

/// How many rows to ask for to fill a page and to know whether more follow.
pub(crate) fn overfull(limit: usize) -> i64 {
    i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)
}
