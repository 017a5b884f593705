//! A text in words, and what they say about its language.

use super::lexicon;
use std::{
    borrow::Cow,
    ops::{Range, RangeInclusive},
};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Endings that hardly a word of the other language has.
const PORTUGUESE: [&str; 18] = [
    "cao", "coes", "dade", "mente", "inho", "inha", "ando", "endo", "indo", "agem", "eiro", "eira", "ario", "oso",
    "osa", "vel", "ncia", "amos",
];
const ENGLISH: [&str; 13] =
    ["ing", "tion", "tions", "ness", "ment", "ments", "ful", "less", "ght", "ly", "ck", "sh", "th"];
const APOSTROPHES: [char; 2] = ['\'', '’'];
/// What follows an apostrophe in English.
const CONTRACTED: [&str; 7] = ["s", "t", "m", "d", "re", "ve", "ll"];

/// What a sign of a language is worth.
const STOP_WORD: u32 = 2;
const ACCENT: u32 = 2;
const ENDING: u32 = 1;
/// Words shorter than this have no ending to tell a language by, in letters.
const LEAST_ENDED: usize = 5;
/// Longer words in capitals are emphasis, in letters.
const ACRONYM: RangeInclusive<usize> = 2..=5;

/// The language of a text, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    Portuguese,
    English,
    /// Either, or too little to tell.
    Unsure,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Letters only.
    Plain,
    /// Capitals in a text that has others: kept whole, and no stop word ('TI', 'IT').
    Acronym,
    /// Digits only.
    Number,
    /// Anything else, such as a version: kept whole.
    Mixed,
}

pub(super) struct Token {
    /// Where it is in the folded text.
    pub(super) at: Range<usize>,
    pub(super) shape: Shape,
}

/// A text in words, and what they say about its language.
pub(super) struct Split {
    pub(super) folded: String,
    pub(super) tokens: Vec<Token>,
    portuguese: u32,
    english: u32,
}

impl Split {
    pub(super) fn new(text: &str) -> Self {
        let mut split =
            Self { folded: String::with_capacity(text.len()), tokens: Vec::new(), portuguese: 0, english: 0 };
        let cased = text.chars().any(char::is_lowercase);
        let mut before: Option<(usize, &str)> = None;
        for (at, word) in text.unicode_word_indices() {
            let rest = &text[at + word.len()..];
            split.add(word, rest, cased);
            let hyphenated = |(start, _): &(usize, &str)| text[*start..at].strip_suffix('-');
            if let Some(first) = before.as_ref().and_then(hyphenated) {
                split.join(first, word);
            }
            before = Some((at, word));
        }
        split
    }

    pub(super) fn tongue(&self) -> Tongue {
        let (portuguese, english) = (self.portuguese, self.english);
        let clear = |one: u32, other: u32| one >= STOP_WORD && one >= 2 * other;
        match (clear(portuguese, english), clear(english, portuguese)) {
            (true, _) => Tongue::Portuguese,
            (_, true) => Tongue::English,
            _ => Tongue::Unsure,
        }
    }

    /// Takes a word, if it is one to be kept; `rest` follows it.
    fn add(&mut self, word: &str, rest: &str, cased: bool) {
        let start = self.folded.len();
        fold_into(self.without_apostrophe(word).as_ref(), &mut self.folded);
        let shape = shape(word, cased);
        // 'C++' and 'C#' are words to their users.
        if shape != Shape::Number && rest.starts_with("++") {
            self.folded.push_str("++");
        } else if self.folded.len() == start + 1 && rest.starts_with('#') {
            self.folded.push('#');
        }
        let folded = &self.folded[start..];
        let stop = lexicon::stop_word(folded);
        let letter = folded.len() == 1 && folded.bytes().all(|byte| byte.is_ascii_alphabetic());
        // 'TI' and 'IT' are none; 'NOT' is.
        let stands = stop.is_none() || shape == Shape::Acronym && folded.len() == 2;
        let kept = stands && !letter && !folded.is_empty();
        match stop {
            Some(Tongue::Portuguese) => self.portuguese += STOP_WORD,
            Some(Tongue::English) => self.english += STOP_WORD,
            Some(Tongue::Unsure) => {}
            None if shape == Shape::Plain => {
                let ends =
                    |endings: &[&str]| folded.len() >= LEAST_ENDED && endings.iter().any(|end| folded.ends_with(end));
                self.portuguese += if ends(&PORTUGUESE) { ENDING } else { 0 };
                self.english += if ends(&ENGLISH) { ENDING } else { 0 };
            }
            None => {}
        }
        // Names carry their accents into any language.
        if !word.is_ascii() && folded.is_ascii() && word.chars().all(char::is_lowercase) {
            self.portuguese += ACCENT;
        }
        if kept {
            self.tokens.push(Token { at: start..self.folded.len(), shape });
        } else {
            self.folded.truncate(start);
        }
    }

    /// 'user's' is 'user', and "d'água" 'dágua'.
    fn without_apostrophe<'a>(&mut self, word: &'a str) -> Cow<'a, str> {
        let Some((start, end)) = word.split_once(APOSTROPHES) else {
            return Cow::Borrowed(word);
        };
        if CONTRACTED.iter().any(|contracted| end.eq_ignore_ascii_case(contracted)) {
            self.english += STOP_WORD;
            return Cow::Borrowed(start);
        }
        Cow::Owned(word.replace(APOSTROPHES, ""))
    }

    /// Takes 'GPT-4' and 'e-mail' in one word too, as others write them. Of longer words the parts are enough.
    fn join(&mut self, first: &str, second: &str) {
        let digits = |part: &str| part.bytes().any(|byte| byte.is_ascii_digit());
        let shape = match (digits(first), digits(second)) {
            (true, true) => return,
            (false, false) if first.chars().nth(2).is_some() => return,
            (false, false) => Shape::Plain,
            _ => Shape::Mixed,
        };
        let start = self.folded.len();
        fold_into(second, &mut self.folded);
        // 'dá-me' is not one word.
        let stop = lexicon::stop_word(&self.folded[start..]).is_some();
        self.folded.truncate(start);
        if !stop {
            fold_into(first, &mut self.folded);
            fold_into(second, &mut self.folded);
            self.tokens.push(Token { at: start..self.folded.len(), shape });
        }
    }
}

fn shape(word: &str, cased: bool) -> Shape {
    let (mut letters, mut capitals, mut digits, mut others) = (0_usize, 0_usize, 0_usize, 0_usize);
    for letter in word.chars().filter(|letter| !APOSTROPHES.contains(letter)) {
        capitals += usize::from(letter.is_uppercase());
        match letter {
            _ if letter.is_numeric() => digits += 1,
            _ if letter.is_alphabetic() || !letter.is_ascii() => letters += 1,
            _ => others += 1,
        }
    }
    match (letters, digits, others) {
        _ if cased && capitals == letters && ACRONYM.contains(&letters) => Shape::Acronym,
        (_, 0, 0) => Shape::Plain,
        (0, _, _) => Shape::Number,
        _ => Shape::Mixed,
    }
}

/// A word of a prompt in lower case without accents, up to an apostrophe.
pub(super) fn folded(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    fold_into(word.split(APOSTROPHES).next().unwrap_or(word), &mut folded);
    folded
}

/// Adds the text in lower case, compatibility characters resolved, without the accents of Latin, Greek and Cyrillic. The
/// marks of other scripts are letters.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        folded.extend(text.chars().map(|letter| letter.to_ascii_lowercase()));
    } else {
        let letters = text.nfkd().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter));
        folded.extend(letters.flat_map(char::to_lowercase));
    }
}
