//! Which parts of a prompt are its author's own words.
//!
//! Three looks, each at what the earlier ones left: whole lines whose form says that they were pasted (`lines`), text
//! between marks (`quotes`), and text that something is to be done with (`pasted`). In doubt a part is pasted: what is
//! lost is a memory, what would be gained wrongly is somebody else's words as one.

use super::{lines, pasted, quotes};
use std::ops::Range;

/// The author's own words in a prompt, as ranges of its bytes on character boundaries, in order, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnWords {
    ranges: Vec<Range<usize>>,
}

impl OwnWords {
    /// Whether all of `prompt[start..end]` is the author's own. An empty span never is.
    pub(crate) fn contains(&self, start: usize, end: usize) -> bool {
        let after = self.ranges.partition_point(|range| range.start <= start);
        let holder = after.checked_sub(1).and_then(|index| self.ranges.get(index));
        start < end && holder.is_some_and(|range| end <= range.end)
    }

    /// The ranges, in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Range<usize>> + '_ {
        self.ranges.iter().cloned()
    }
}

/// Ranges of a prompt that are not its author's own words.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    ranges: Vec<Range<usize>>,
}

impl Foreign {
    pub(super) fn add(&mut self, range: Range<usize>) {
        if range.start < range.end {
            self.ranges.push(range);
        }
    }

    /// What is left of `0..len`.
    pub(super) fn rest(&mut self, len: usize) -> Vec<Range<usize>> {
        self.ranges.sort_unstable_by_key(|range| range.start);
        let mut rest = Vec::with_capacity(self.ranges.len() + 1);
        let mut at = 0;
        for range in &self.ranges {
            if at < range.start {
                rest.push(at..range.start);
            }
            at = at.max(range.end);
        }
        if at < len {
            rest.push(at..len);
        }
        rest
    }
}

/// Finds the author's own words: not code, block quotes, text in quotation marks, text to translate, correct or summarise,
/// e-mails, logs, markup, tables or chats that were pasted. Time grows with the length of the prompt and not faster.
pub(crate) fn own_words(prompt: &str) -> OwnWords {
    let mut foreign = Foreign::default();
    lines::find(prompt, &mut foreign);
    quotes::find(prompt, &foreign.rest(prompt.len()), &mut foreign);
    pasted::find(prompt, &foreign.rest(prompt.len()), &mut foreign);
    OwnWords { ranges: foreign.rest(prompt.len()) }
}
