//! Before any model is asked: may a prompt hold something lasting about its author?
//!
//! First the author's own words are told from what is quoted or pasted (`own_words`), then rules over them add up what they claim
//! (`score`, `rules`), in Portuguese and in English at once. No model, no I/O; some microseconds a prompt.

mod grammar;
mod lines;
mod own_words;
mod pasted;
mod quotes;
mod rules;
mod score;
mod shapes;
mod tokens;
mod verbs;
mod words;

pub(crate) use own_words::{OwnWords, own_words};

use std::ops::Range;
use tokens::Tokens;

/// How many bytes of a prompt's own words are looked at: so many from the beginning, and so many to the end.
const HEAD_BYTES: usize = 4_000;
const TAIL_BYTES: usize = 2_000;

/// Whether a prompt may hold something lasting about its author: a fact, a preference, an instruction for answers to come, or the end of
/// one. In doubt it may.
///
/// Of long prompts the first 4,000 and the last 2,000 bytes of the author's own words are looked at.
pub(crate) fn may_hold(prompt: &str) -> bool {
    score::passes(&read(prompt))
}

fn read(prompt: &str) -> Tokens {
    let own = own_words(prompt);
    let ranges = ends(prompt, &own);
    let mut tokens = Tokens::with_capacity(ranges.iter().map(ExactSizeIterator::len).sum());
    for range in ranges {
        if range.start > 0 {
            tokens.cut();
        }
        let end = range.end;
        tokens.push(prompt, range);
        if end < prompt.len() {
            tokens.cut();
        }
    }
    tokens
}

/// The beginning and the end of the author's own words.
fn ends(prompt: &str, own: &OwnWords) -> Vec<Range<usize>> {
    let whole: usize = own.iter().map(|range| range.len()).sum();
    if whole <= HEAD_BYTES + TAIL_BYTES {
        return own.iter().collect();
    }
    let mut ranges = Vec::new();
    let mut passed = 0;
    for range in own.iter() {
        let head = HEAD_BYTES.saturating_sub(passed).min(range.len());
        let tail = (passed + range.len()).saturating_sub((whole - TAIL_BYTES).max(passed)).min(range.len() - head);
        passed += range.len();
        ranges.push(range.start..prompt.floor_char_boundary(range.start + head));
        ranges.push(prompt.ceil_char_boundary(range.end - tail)..range.end);
    }
    ranges.retain(|range| !range.is_empty());
    ranges
}

/// The gate as others may call it, for measuring it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate;

impl Gate {
    /// Whether the prompt may hold something lasting about its author.
    #[must_use]
    pub fn may_hold(prompt: &str) -> bool {
        may_hold(prompt)
    }

    /// What speaks for and against it, with points, for a look at a prompt that was judged wrongly.
    #[must_use]
    pub fn explain(prompt: &str) -> Vec<(String, i32)> {
        let mut reasons = Vec::new();
        score::score(&read(prompt), |about, points| reasons.push((about.to_owned(), points)));
        reasons
    }
}
