//! The use cases, on what is in memory, a clock that stands still, and models that say what they are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are test code")]

mod accounts;
mod cached;
mod context;
mod copying;
mod doctor;
mod failures;
mod flaky;
mod hot;
mod housekeeping;
mod killed;
mod learning;
mod logins;
mod prompts;
mod recall;
mod reembed;
mod remember;
mod retried;
mod world;
