//! Measures memory on labelled corpora: the gate, the extraction by a real model, and the recall.
//!
//! The corpora are in `prompts/` and `recall/` beside this package, with their rules in README.md. `make eval-memory` runs the
//! binary over all of it; what needs no model is also held by this package's tests.

pub mod answers;
pub mod extraction;
pub mod figures;
pub mod gate;
pub mod prompts;
pub mod recall;
pub mod upstream;
pub mod users;
