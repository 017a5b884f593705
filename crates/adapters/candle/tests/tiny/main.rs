//! The adapter over a tiny model that the tests write themselves: what does not depend on a model's quality.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are test code")]

mod embedding;
mod opening;
mod prefixes;
mod tiny;
mod turns;
