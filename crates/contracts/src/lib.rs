//! Contract suites: what every adapter of a port must do, one module a port.
//!
//! An adapter's author writes a test binary of a few lines (`harness = false`), which makes the adapter afresh for each
//! case and hands it to the suite:
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     palavra_contracts::run([
//!         palavra_contracts::users::trials("sqlite", make(|| async {
//!             let dir = tempfile::tempdir().unwrap();
//!             let store = SqliteStore::open(&dir.path().join("palavra.db")).await.unwrap();
//!             Fixture::new(Arc::new(store.users()), dir)
//!         })),
//!     ])
//! }
//! ```
//!
//! Each case is a private function, listed in its module's `trials`; one that nobody lists does not compile (dead code).
// These are assertions: a broken promise has to end the case at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a contract suite is test code")]

mod harness;

pub use harness::{Fixture, Make, make, run};
