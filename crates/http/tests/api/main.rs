//! The API over real sockets, on what is in memory and models that say what they are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are test code")]

mod bodies;
mod failures;
mod logins;
mod memories;
mod nul;
mod operations;
mod owners;
mod paging;
mod profile;
mod server;
mod shapes;
mod streams;
mod texts;
