//! Queries and paths.

use super::serde_words::in_words;
use crate::problem::{Code, Problem};
use actix_web::{FromRequest, HttpRequest, dev::Payload, error::QueryPayloadError, web};
use serde::de::DeserializeOwned;
use std::{
    future::{Ready, ready},
    str::FromStr,
};

/// How many items a page has when nothing is asked.
const DEFAULT_LIMIT: usize = 50;
/// The most items a page has.
const MAX_LIMIT: usize = 100;

/// The query string. U+0000 is refused in it.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string());
        ready(match parsed {
            Ok(query) => Ok(Self(query.into_inner())),
            Err(QueryPayloadError::Deserialize(error)) => {
                let (field, message) = in_words(".", &error.to_string());
                Err(Problem::parameter(if field == "body" { "query".to_owned() } else { field }, message))
            }
            Err(_) => Err(Problem::new(Code::InvalidParameter)),
        })
    }
}

/// An id in the path, as `{id}`.
pub(crate) struct PathId<T>(pub(crate) T);

impl<T: FromStr + 'static> FromRequest for PathId<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|id| id.parse().ok());
        ready(id.map(Self).ok_or_else(|| Problem::parameter("id", "must be a UUID")))
    }
}

/// How many items a page is to have.
pub(crate) fn page_limit(limit: Option<&str>) -> Result<usize, Problem> {
    let Some(limit) = limit else {
        return Ok(DEFAULT_LIMIT);
    };
    match limit.parse() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(Problem::parameter("limit", format!("must be a number from 1 to {MAX_LIMIT}"))),
    }
}
