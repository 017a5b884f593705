//! Embeddings.

use crate::Usage;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which side of a search a text is on. Some models (E5) embed the two differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EmbedAs {
    /// What is sought.
    Query,
    /// What is to be found.
    Passage,
}

/// What makes vectors comparable: only those of one space are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EmbeddingSpace {
    /// The embedding model.
    pub model: String,
    /// The length of its vectors.
    pub dimensions: usize,
}

impl fmt::Display for EmbeddingSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} dimensions", self.model, self.dimensions)
    }
}

/// Embedded texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// One vector a text, in the order of the texts, each of the space's dimensions.
    pub vectors: Vec<Vec<f32>>,
    /// What the call used, as billed.
    pub usage: Usage,
}
