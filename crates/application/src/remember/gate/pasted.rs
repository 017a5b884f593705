//! Text that something is to be done with: 'traduza: …', 'correct this:' and a block below, 'resuma o texto acima'.

use super::grammar::grammar;
use super::lexicon::entries;
use super::own_words::Foreign;
use super::tokens::{Token, Tokens};
use std::{collections::HashMap, ops::Range, sync::LazyLock};

const PASTED: &str = include_str!("pasted.txt");

/// How many marks behind which a text may come are looked at. What stands behind more of them is no longer taken for the author's.
const MAX_MARKS: usize = 2_000;
/// How much text before a mark is looked at, in bytes.
const LEAD_BYTES: usize = 240;
/// Within how many words of a sentence an ordering verb stands that is common also elsewhere.
const LOOSE_WITHIN: usize = 5;
/// How many words there are at most before the colon in 'in French: …'.
const LANGUAGE_WITHIN: usize = 4;
/// How short a last paragraph that hands over what stands above is, and how long that is at least, in bytes.
const BACK_MAX_BYTES: usize = 300;
const ABOVE_MIN_BYTES: usize = 80;

/// What a word says of the text after it.
#[derive(Clone, Copy, Debug, Default)]
struct Sign(u16);

impl Sign {
    const WORK: Self = Self(1);
    const LOOSE: Self = Self(2);
    const NOUN: Self = Self(4);
    const POINTER: Self = Self(8);
    const POINTER_BACK: Self = Self(16);
    const SPEECH: Self = Self(32);
    const AUTHOR: Self = Self(64);
    const LANGUAGE: Self = Self(128);
    const RETURN: Self = Self(256);
    const AFTER_LANGUAGE: Self = Self(512);

    fn is(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

static SIGNS: LazyLock<HashMap<String, Sign>> = LazyLock::new(|| {
    let mut signs: HashMap<String, Sign> = HashMap::new();
    for (name, words) in entries(PASTED) {
        let sign = match name {
            "work_verb" => Sign::WORK,
            "loose_verb" => Sign::LOOSE,
            "pointer" => Sign::POINTER,
            "pointer_back" => Sign::POINTER_BACK,
            "speech_verb" => Sign::SPEECH,
            "author" => Sign::AUTHOR,
            "comes_back" => Sign::RETURN,
            "after_language" => Sign::AFTER_LANGUAGE,
            _ => Sign::default(),
        };
        words.split_whitespace().for_each(|word| signs.entry(word.to_owned()).or_default().0 |= sign.0);
    }
    // Nouns for texts and names of languages stand with the other words.
    let lexicon = &grammar().lexicon;
    for (class, sign) in [("text", Sign::NOUN), ("lang", Sign::LANGUAGE)] {
        lexicon.words_of(class).for_each(|word| signs.entry(word.to_owned()).or_default().0 |= sign.0);
    }
    signs
});

fn sign(tokens: &Tokens, token: &Token) -> Sign {
    SIGNS.get(tokens.word(token)).copied().unwrap_or_default()
}

/// What the words before a text say of it.
#[derive(Clone, Copy, Debug, Default)]
struct Lead {
    /// A verb that asks for work on a text.
    work: bool,
    /// A verb that does so where a text is named or pointed at.
    loose: bool,
    noun: bool,
    points: bool,
    points_back: bool,
    language: bool,
    /// A language is named at once, or nearly so.
    language_first: bool,
    /// Others' speech is announced.
    speech: bool,
}

impl Lead {
    fn of(text: &str) -> Self {
        let tokens = Tokens::of(text);
        let list = tokens.list();
        let mut lead = Self::default();
        let mut before = Sign::default();
        for (index, token) in list.iter().enumerate() {
            let sign = sign(&tokens, token);
            lead.work |= sign.is(Sign::WORK);
            lead.loose |= sign.is(Sign::WORK) || (sign.is(Sign::LOOSE) && index < LOOSE_WITHIN);
            lead.noun |= sign.is(Sign::NOUN);
            lead.points |= sign.is(Sign::POINTER);
            lead.points_back |= sign.is(Sign::POINTER_BACK);
            lead.language |= sign.is(Sign::LANGUAGE);
            lead.language_first |= sign.is(Sign::LANGUAGE) && (index == 0 || list.len() <= LANGUAGE_WITHIN);
            // 'As I said: …' announces the author's own.
            lead.speech |= sign.is(Sign::SPEECH) && !before.is(Sign::AUTHOR);
            before = sign;
        }
        lead
    }

    /// Whether a text comes after a colon.
    fn hands_over(self) -> bool {
        let language = self.language && (self.language_first || self.points || self.loose);
        self.work || self.noun || self.speech || language || (self.loose && self.points)
    }

    /// Whether a text comes in the next lines.
    fn hands_over_below(self) -> bool {
        let asked = self.work || self.loose;
        (asked && (self.noun || self.points || self.language)) || (self.noun && self.points)
    }

    /// Whether a text comes after a question: 'does this sound natural? …'.
    fn asks_about(self) -> bool {
        self.loose && self.points && !self.noun
    }

    /// Whether the text came before.
    fn hands_over_above(self) -> bool {
        (self.work && (self.noun || self.points_back)) || (self.loose && self.noun && self.points_back)
    }
}

/// Whether the end of a line hands over the text that comes after it.
pub(super) fn hands_over(line: &str) -> bool {
    Lead::of(line.rsplit(['.', '!', '?']).next().unwrap_or_default()).hands_over()
}

/// Where a paste that begins at `from` ends: at a paragraph in which the author comes back ('aliás, …', 'btw …'), or with the
/// prompt. Words that a letter may have as well, like 'PS' and 'remember', do not end it.
pub(super) fn end_of_paste(prompt: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(step) = prompt.get(at..).and_then(|rest| rest.find("\n\n")) {
        let next = at + step + 2;
        if prompt.get(next..).is_some_and(comes_back) {
            return next;
        }
        at = next;
    }
    prompt.len()
}

fn comes_back(paragraph: &str) -> bool {
    let start: String = paragraph.trim_start().chars().take(24).collect();
    let tokens = Tokens::of(&start);
    let mut words = tokens.list().iter();
    let first = words.next().map_or(Sign::default(), |token| sign(&tokens, token));
    let second = words.next().map_or(Sign::default(), |token| sign(&tokens, token));
    first.is(Sign::RETURN) || second.is(Sign::RETURN) || start.to_lowercase().starts_with("by the way")
}

/// Adds pasted text in the ranges `own` of `prompt` to `foreign`.
pub(super) fn find(prompt: &str, own: &[Range<usize>], foreign: &mut Foreign) {
    let mut until = 0;
    let mut left = MAX_MARKS;
    for range in own {
        let mut at = range.start.max(until);
        if let Some(text) = behind_language(prompt, at..range.end) {
            until = end_of_paste(prompt, text);
            foreign.add(text..until);
            at = until;
        }
        while let Some(step) = prompt.get(at..range.end).and_then(|text| text.find([':', '\n', '→', '>', '?'])) {
            let mark = at + step;
            at = prompt.ceil_char_boundary(mark + 1);
            left = left.saturating_sub(1);
            let end = if left == 0 { Some(prompt.len()) } else { handed_over(prompt, range, mark) };
            if let Some(end) = end {
                foreign.add(at..end);
                until = end;
                at = end;
            }
            if at >= range.end {
                break;
            }
        }
    }
    if until == 0 {
        find_above(prompt, own, foreign);
    }
}

/// Where the text ends that is handed over by the words before the mark at `mark`: a colon, an arrow, a question mark, the end of
/// a line.
fn handed_over(prompt: &str, range: &Range<usize>, mark: usize) -> Option<usize> {
    let kind = prompt.get(mark..)?.chars().next()?;
    let next = mark + kind.len_utf8();
    if kind == '>' && !prompt.get(..mark)?.ends_with(['-', '=']) {
        return None;
    }
    let after = prompt.get(next..)?;
    if prompt.get(next..range.end).is_some_and(|rest| rest.trim().is_empty()) {
        // What is handed over stands in marks of its own, or nothing is.
        return None;
    }
    if kind != '\n' && !after.starts_with(char::is_whitespace) {
        // A time, an address, a namespace.
        return None;
    }
    let from = prompt.ceil_char_boundary(mark.saturating_sub(LEAD_BYTES)).max(range.start);
    let line = prompt.get(from..mark)?.rsplit('\n').next().unwrap_or_default();
    let sentence = line.rsplit(['.', '!', '?']).find(|part| !part.trim().is_empty()).unwrap_or_default();
    let lead = Lead::of(sentence);
    let handed = match kind {
        '?' => lead.asks_about(),
        '\n' => {
            let block = after.starts_with('\n') || lead.work || lead.points;
            lead.hands_over_below() && block && !after.trim().is_empty()
        }
        _ => lead.hands_over(),
    };
    handed.then(|| end_of_paste(prompt, next))
}

/// Where the text begins in 'traduz pra inglês eu moro em Recife', where nothing stands between.
fn behind_language(prompt: &str, range: Range<usize>) -> Option<usize> {
    let end = prompt.floor_char_boundary((range.start + LEAD_BYTES).min(range.end));
    let line = prompt.get(range.start..end)?.split('\n').next()?;
    let tokens = Tokens::of(line);
    let list = tokens.list();
    let language = list.iter().position(|token| sign(&tokens, token).is(Sign::LANGUAGE))?;
    let asked = list.get(..language)?.iter().any(|token| sign(&tokens, token).is(Sign::WORK));
    let joined = list.get(language).is_some_and(|token| token.gap.joins());
    let next = list.get(language + 1).filter(|token| !sign(&tokens, token).is(Sign::AFTER_LANGUAGE))?;
    (asked && joined).then_some(range.start + next.span.start)
}

/// A short last paragraph may hand over what stands above it.
fn find_above(prompt: &str, own: &[Range<usize>], foreign: &mut Foreign) {
    let Some(range) = own.last().filter(|range| range.end == prompt.len()) else {
        return;
    };
    let text = prompt.get(range.clone()).unwrap_or_default().trim_end();
    let Some(step) = text.rfind("\n\n") else {
        return;
    };
    let last = text.get(step..).unwrap_or_default();
    if last.len() <= BACK_MAX_BYTES && step >= ABOVE_MIN_BYTES && Lead::of(last).hands_over_above() {
        foreign.add(range.start..range.start + step);
    }
}
