//! How a stand-in feels about answering.

use crate::locked::locked;
use palavra_domain::ModelError;
use std::sync::Mutex;

/// What a stand-in does when it is called.
#[derive(Clone, Copy, Debug)]
pub enum Mood {
    /// It answers.
    Works,
    /// It fails with what this makes.
    Fails(fn() -> ModelError),
    /// It never answers.
    Hangs,
}

/// Answers as the mood is when the call begins.
pub(super) async fn consult(mood: &Mutex<Mood>) -> Result<(), ModelError> {
    let now = *locked(mood);
    match now {
        Mood::Works => Ok(()),
        Mood::Fails(error) => Err(error()),
        Mood::Hangs => std::future::pending().await,
    }
}
