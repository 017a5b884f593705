//! A server that speaks the wire protocol of OpenRouter, with faults on demand.
//!
//! For tests, the demo and benchmarks: no network, no key, no money. Its answers are deterministic and show what the model
//! was given: how many earlier prompts of the user it sees, the last of them, and the memories in the system message.
//! Embeddings rank texts by the words they share, also between Portuguese and English.
//!
//! - [`Simulator::start`] runs one in the background of a test, on a port of its own; the binary `openrouter-sim` runs one alone.
//! - [`FaultRule`]s queue faults, for one key, path or model, so that parallel tests can share a simulator.
//! - Everything is under `/api/v1`, as at OpenRouter; `/sim/faults` and `/sim/requests` are the controls.
//! - A key that starts `sk-or-` is good, but `sk-or-bad…` is rejected, `sk-or-broke…` has no credits and `sk-or-mgmt…` is a
//!   management key.

mod billing;
mod catalogue;
mod embed;
mod extract;
mod fault;
mod operations;
mod patterns;
mod record;
mod reply;
mod routes;
mod script;
mod simulator;
mod state;
mod synonyms;
mod ticket;
mod wire;
mod words;

pub use embed::embedding;
pub use fault::{Fault, FaultRule, SimPath};
pub use record::RequestRecord;
pub use simulator::{SimOptions, Simulator};
