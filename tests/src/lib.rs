//! End-to-end tests, demo and benchmark of the binary over HTTP.
//!
//! - [`Palavra`] runs the real binary `palavra` on a data folder of its own; it can be stopped, killed and started again.
//! - [`Client`] speaks HTTP with it, [`Session`] does so as one user, [`EventStream`] reads a streamed answer.
//!
//! The provider is a `palavra_openrouter_sim::Simulator` in the process of the test, or a [`SimProcess`] of its own.

mod client;
mod events;
mod process;
mod server;
mod session;

pub use client::{Answer, Client};
pub use events::{Event, EventStream};
pub use process::SimProcess;
pub use server::{Options, Palavra, Refusal};
pub use session::{Reply, Session, key_of, wait_until};
