//! What the labels of a prompt say.

use serde::Deserialize;
use serde_json::Value;

/// The lists of a labelled prompt.
#[derive(Deserialize)]
pub(crate) struct Labels {
    #[serde(default)]
    keep: Vec<Value>,
    #[serde(default)]
    updates: Vec<Value>,
    #[serde(default)]
    retracts: Vec<Value>,
}

impl Labels {
    /// Whether the prompt holds something lasting about its author.
    pub(crate) fn hold(&self) -> bool {
        !(self.keep.is_empty() && self.updates.is_empty() && self.retracts.is_empty())
    }
}
