//! Bodies, queries and tokens, read so that what is wrong with them has the shape of every other error.

mod auth;
mod body;
mod query;
mod serde_words;

pub(crate) use auth::Authenticated;
pub(crate) use body::{Body, LoginBody};
pub(crate) use query::{PathId, Query, page_limit};
