//! Which of one user's memories bear on a prompt: exact, in process, the same for every store.
//!
//! A [`MemoryIndex`] ranks its memories twice, by the cosine of their embeddings and by the words they share with the prompt
//! ([`text`]), and fuses the rankings by their places, so that neither scale has to be known. A memory comes back by meaning
//! when it is near enough, by words when they say what the prompt is about. Standing instructions come in whatever it is
//! about.

#[cfg(test)]
mod fixture;
mod fuse;
mod index;
mod lexicon;
mod postings;
mod split;
mod subject;
pub mod text;

use crate::{Memory, Timestamp};

pub use index::MemoryIndex;

/// What memories are sought for.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// The prompt, or what a search asks for. Of a long one the beginning and the end are read.
    pub text: &'a str,
    /// Its embedding as a query; without it, words alone decide.
    pub vector: Option<&'a [f32]>,
    /// The time that memories are as old as they are by.
    pub now: Timestamp,
}

/// What comes back, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// By which rankings.
    pub mode: Mode,
    /// The least cosine at which a memory comes back by meaning alone. It depends on the embedding model.
    pub floor: f32,
    /// The most memories that come back, standing instructions among them.
    pub limit: usize,
    /// The most tokens that they take together: a third of their bytes, and a little for each.
    pub token_budget: usize,
    /// The most instructions that come back whatever is sought, the newest; they take at most three eighths of the budget.
    pub standing: usize,
}

impl Rules {
    /// Both rankings, and up to three eighths of the places for standing instructions; with two places or more, at least one.
    #[must_use]
    pub fn new(floor: f32, limit: usize, token_budget: usize) -> Self {
        let standing = if limit < 2 { 0 } else { Self::share(limit).max(1) };
        Self { mode: Mode::Hybrid, floor, limit, token_budget, standing }
    }

    /// What standing instructions may take of a whole.
    const fn share(whole: usize) -> usize {
        whole / 8 * 3 + whole % 8 * 3 / 8
    }
}

/// The rankings that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// By meaning and by words.
    Hybrid,
    /// By meaning alone.
    Vector,
    /// By words alone.
    Text,
}

/// A memory that comes back, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The memory.
    pub memory: Memory,
    /// Its cosine similarity to what was sought, −1 to 1; `None` when vectors were not compared.
    pub similarity: Option<f32>,
    /// What its words scored by BM25; 0 when they did not match.
    pub text_score: f32,
    /// What it is ranked by, 0 to 1: 1 when it is first by meaning and by words, new and no mere fact. 0 for an instruction
    /// that was not found and comes back nevertheless.
    pub score: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standing_instructions_have_a_small_share_and_never_all() {
        let standing = |limit| Rules::new(0.3, limit, 1000).standing;
        assert_eq!([0, 1, 2, 3, 8, 16].map(standing), [0, 0, 1, 1, 3, 6]);
        assert_eq!(Rules::share(usize::MAX), usize::MAX / 8 * 3 + 2);
    }
}
