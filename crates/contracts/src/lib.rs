//! Contract suites: what every adapter of a port must do, one module a port.
//!
//! An adapter's author writes a test binary of a few lines (`harness = false`), which makes the adapter afresh for each
//! case and hands it to the suite. Whatever the adapter needs to live (a temporary folder, say) goes along as the guard:
//!
//! ```no_run
//! use palavra_contracts::{Fixture, make, run, users};
//! use palavra_domain::ports::UserRepository;
//! use std::{process::ExitCode, sync::Arc};
//!
//! fn contract<A: UserRepository + Default + 'static>() -> ExitCode {
//!     let fresh = make(|| async { Fixture::new(Arc::new(A::default()) as Arc<dyn UserRepository>, ()) });
//!     run([users::trials("mine", fresh)])
//! }
//! ```
//!
//! Each case is a private function, listed in its module's `trials`; one that nobody lists does not compile (dead code).
//! [`samples`] makes the records that the cases use; adapters' own tests may use it too.
// These are assertions: a broken promise has to end the case at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a contract suite is test code")]

pub mod archive;
pub mod cache;
pub mod chats;
pub mod feed;
mod harness;
pub mod limits;
mod link;
pub mod memories;
pub mod passwords;
pub mod samples;
mod servers;
pub mod sessions;
mod support;
pub mod tables;
pub mod tokens;
pub mod users;
pub mod vault;

pub use harness::{Fixture, Make, make, run};
pub use link::Link;
pub use servers::{ignored, server};
