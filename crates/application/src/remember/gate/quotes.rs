//! Text between marks: quotation marks of every style, backticks, tags.

use super::own_words::Foreign;
use super::{pasted, words};
use std::ops::Range;

/// Marks that open, and what closes them. Straight marks are their own other half.
const PAIRS: [(char, &[char]); 11] = [
    ('"', &['"', '”', '“']),
    ('“', &['”', '"', '“']),
    ('”', &['”']),
    ('„', &['“', '”', '"']),
    ('«', &['»']),
    ('»', &['«']),
    ('‹', &['›']),
    ('「', &['」']),
    ('『', &['』']),
    ('＂', &['＂']),
    ('`', &['`']),
];

/// Words that begin with an apostrophe that is no mark.
const ELIDED: [&str; 9] = ["cause", "cuz", "til", "till", "em", "bout", "tis", "twas", "n'"];

/// The most bytes, and words, of a name or a word that is only mentioned: 'me chame de "Zé"', 'I use "vim"'.
const MENTION_MAX_BYTES: usize = 30;
const MENTION_MAX_WORDS: usize = 3;

/// How much of a line before a mention is looked at, in bytes.
const LINE_REACH: usize = 300;

/// How many tags may have no other half until none is looked for any more.
const MAX_LONE_TAGS: usize = 40;

/// Adds what stands between marks in the ranges `own` of `prompt` to `foreign`.
pub(super) fn find(prompt: &str, own: &[Range<usize>], foreign: &mut Foreign) {
    for range in own {
        if let Some(text) = prompt.get(range.clone()) {
            Look { text, offset: range.start, paragraph: 0, hopeless: Vec::new(), no_single: 0, lone_tags: Vec::new() }
                .run(foreign);
        }
    }
}

struct Look<'a> {
    text: &'a str,
    offset: usize,
    /// Where the paragraph that was last looked at ends.
    paragraph: usize,
    /// Marks that close nowhere in the rest of the text, so that nobody looks for them again.
    hopeless: Vec<char>,
    /// Before this, no single mark closes.
    no_single: usize,
    /// Names of tags with no other half in the rest of the text.
    lone_tags: Vec<&'a str>,
}

impl<'a> Look<'a> {
    fn run(&mut self, foreign: &mut Foreign) {
        let mut at = 0;
        while let Some(step) = self.text.get(at..).and_then(|rest| rest.find(is_mark)) {
            let open = at + step;
            let Some(mark) = self.text.get(open..).and_then(|rest| rest.chars().next()) else {
                return;
            };
            let after = open + mark.len_utf8();
            at = match self.end(open, mark) {
                Some(end) => {
                    if !self.is_mention(open, after, end) {
                        foreign.add(self.offset + open..self.offset + end);
                    }
                    end
                }
                None => after,
            };
        }
    }

    /// Where that which begins with the mark at `open` ends, or nothing when the mark opens nothing.
    fn end(&mut self, open: usize, mark: char) -> Option<usize> {
        let before = self.text.get(..open).and_then(|text| text.chars().next_back()).unwrap_or(' ');
        let rest = self.text.get(open..).unwrap_or_default();
        let next = rest.chars().nth(1).unwrap_or(' ');
        match mark {
            '<' => self.end_of_tag(open, next),
            '\'' | '‘' => self.end_of_single(open, mark, before, next),
            '`' if rest.starts_with("``") => {
                let ticks = rest.len() - rest.trim_start_matches('`').len();
                let fence = rest.get(..ticks)?;
                let inner = open + ticks;
                let found = self.text.get(inner..)?.find(fence).or_else(|| self.text.get(inner..)?.find("''"));
                Some(found.map_or(self.text.len(), |found| inner + found + ticks).min(self.text.len()))
            }
            '"' if before.is_alphanumeric() => None,
            _ => self.end_of_double(open, mark),
        }
    }

    fn end_of_double(&mut self, open: usize, mark: char) -> Option<usize> {
        let (_, closers) = PAIRS.iter().find(|(opens, _)| *opens == mark)?;
        let inner = open + mark.len_utf8();
        let rest = self.text.get(inner..)?;
        if self.paragraph <= inner {
            self.paragraph = rest.find("\n\n").map_or(self.text.len(), |found| inner + found);
        }
        let paragraph = self.paragraph;
        if mark == '`' {
            // A lone backtick is a slip or an accent.
            let found = rest.find('`').filter(|found| inner + found < paragraph)?;
            return Some(inner + found + 1);
        }
        if matches!(mark, '”' | '»') && !rest.starts_with(char::is_alphanumeric) {
            return None;
        }
        if self.hopeless.contains(&mark) {
            return Some(paragraph);
        }
        let mut before = mark;
        let mut chars = rest.char_indices().peekable();
        while let Some((step, char)) = chars.next() {
            let next = chars.peek().map_or(' ', |(_, next)| *next);
            if closers.contains(&char) && !(char == '"' && before.is_whitespace() && next.is_alphanumeric()) {
                return Some(inner + step + char.len_utf8());
            }
            let opens_again = char == '"' && before.is_whitespace() && next.is_alphanumeric();
            if opens_again && inner + step > paragraph {
                return Some(paragraph);
            }
            before = char;
        }
        self.hopeless.push(mark);
        Some(paragraph)
    }

    /// Single marks are apostrophes more often than not: only a pair around whole words counts, within a paragraph.
    fn end_of_single(&mut self, open: usize, mark: char, before: char, next: char) -> Option<usize> {
        let inner = open + mark.len_utf8();
        let rest = self.text.get(inner..)?;
        if before.is_alphanumeric() || !(next.is_alphanumeric() || matches!(next, '¿' | '¡' | '"' | '“' | '(' | '…'))
        {
            return None;
        }
        let elided = ELIDED.iter().any(|word| {
            rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
                && !rest.get(word.len()..).is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
        });
        if elided || rest.starts_with(|char: char| char.is_ascii_digit()) && rest.get(2..3) == Some("s") {
            return None;
        }
        if open < self.no_single {
            return None;
        }
        let mut last = mark;
        let mut chars = rest.char_indices().peekable();
        while let Some((step, char)) = chars.next() {
            let after = chars.peek().map_or(' ', |(_, next)| *next);
            if char == '\n' && after == '\n' {
                self.no_single = inner + step;
                return None;
            }
            if matches!(char, '\'' | '’') && !last.is_whitespace() && !after.is_alphanumeric() {
                return Some(inner + step + char.len_utf8());
            }
            last = char;
        }
        self.no_single = self.text.len();
        None
    }

    /// A tag with its other half and all between, or the tag alone.
    fn end_of_tag(&mut self, open: usize, next: char) -> Option<usize> {
        if !(next.is_ascii_alphabetic() || matches!(next, '/' | '!')) {
            return None;
        }
        let text: &'a str = self.text;
        let rest = text.get(open..)?;
        let close =
            rest.find(['\n', '>']).filter(|close| rest.get(*close..).is_some_and(|end| end.starts_with('>')))?;
        let name = rest.get(1..close)?.split([' ', '/']).next().unwrap_or_default();
        let tag = open + close + 1;
        if name.is_empty() || self.lone_tags.len() > MAX_LONE_TAGS || self.lone_tags.contains(&name) {
            return Some(tag);
        }
        let Some(other) = rest.find(&format!("</{name}")) else {
            self.lone_tags.push(name);
            return Some(tag);
        };
        let end = rest.get(other..)?.find('>').map_or(rest.len(), |end| other + end + 1);
        Some(open + end)
    }

    /// Whether a name or a word is mentioned rather than somebody quoted. Never where text is handed over to work on.
    fn is_mention(&self, open: usize, inner: usize, end: usize) -> bool {
        let text = self.text.get(inner..end).unwrap_or_default();
        if text.len() > MENTION_MAX_BYTES || text.split_whitespace().count() > MENTION_MAX_WORDS {
            return false;
        }
        let from = self.text.floor_char_boundary(open.saturating_sub(LINE_REACH));
        let line = self.text.get(from..open).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
        !self.text.get(open..).is_some_and(|rest| rest.starts_with(['`', '<']))
            && !words::speaks_of_self(text)
            && !pasted::hands_over(line)
    }
}

fn is_mark(char: char) -> bool {
    matches!(char, '"' | '\'' | '‘' | '<') || PAIRS.iter().any(|(open, _)| *open == char)
}
