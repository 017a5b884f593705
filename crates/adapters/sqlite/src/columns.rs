//! Values to columns and back.

use palavra_domain::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Display;
use uuid::Uuid;

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

pub(crate) fn bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

pub(crate) fn uuid(column: &'static str, bytes: &[u8]) -> Decoded<Uuid> {
    Uuid::from_slice(bytes).map_err(|error| Undecodable::new(column, error))
}

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

/// A count as SQLite holds it: beyond `i64::MAX` no provider reports.
pub(crate) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How many rows to ask for to fill a page and to know whether more follow.
pub(crate) fn overfull(limit: usize) -> i64 {
    i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)
}

pub(crate) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

pub(crate) fn from_json<T: DeserializeOwned>(column: &'static str, text: &str) -> Decoded<T> {
    // The parser's own message may quote the text.
    serde_json::from_str(text).map_err(|error| {
        let (line, at) = (error.line(), error.column());
        Undecodable::new(column, format_args!("is not the JSON it should be from line {line}, column {at}"))
    })
}
