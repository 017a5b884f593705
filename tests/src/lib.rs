//! End-to-end tests, demo and benchmark of the binary over HTTP.
//!
//! - [`Palavra`] runs the real binary `palavra` on a data folder of its own; it can be stopped, killed and started again.
//! - [`Client`] speaks HTTP with it, [`Session`] does so as one user, [`EventStream`] reads a streamed answer.
//! - [`Polyglot`] names real servers for the polyglot profile, each behind a [`Link`] that can be frozen, cut and counted.
//!
//! The provider is a `palavra_openrouter_sim::Simulator` in the process of the test, or a [`SimProcess`] of its own.

mod client;
mod events;
mod polyglot;
mod process;
mod server;
mod session;

pub use client::{Answer, Client};
pub use events::{Event, EventStream};
pub use palavra_contracts::Link;
pub use polyglot::Polyglot;
pub use process::SimProcess;
pub use server::{Options, Palavra, Refusal, Resident};
pub use session::{Reply, Session, key_of, wait_until};
