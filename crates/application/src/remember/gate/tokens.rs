//! Words of a prompt, folded: lower case, no accents, no invisible characters, every apostrophe straight.

use std::ops::{BitOr, BitOrAssign, Range};

/// What stands between a word and the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap(u8);

impl Gap {
    pub(super) const COMMA: Self = Self(1);
    pub(super) const COLON: Self = Self(2);
    /// A full stop, a semicolon, an exclamation mark.
    pub(super) const STOP: Self = Self(4);
    pub(super) const QUESTION: Self = Self(8);
    pub(super) const LINE: Self = Self(16);
    /// A dash, a bracket, a slash.
    pub(super) const DASH: Self = Self(32);
    /// Something that is not the author's own was here.
    pub(super) const CUT: Self = Self(64);
    /// A hyphen without space: both words are parts of one.
    pub(super) const HYPHEN: Self = Self(128);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a sentence ends here.
    pub(super) fn ends_sentence(self) -> bool {
        self.has(Self::STOP | Self::QUESTION | Self::LINE)
    }

    /// Whether a clause ends here.
    pub(super) fn breaks(self) -> bool {
        self.has(Self::STOP | Self::QUESTION | Self::LINE | Self::COMMA | Self::COLON | Self::DASH)
    }

    /// Whether the next word is said in one breath with this one.
    pub(super) fn joins(self) -> bool {
        !self.has(Self::STOP | Self::QUESTION | Self::LINE | Self::COMMA | Self::COLON | Self::DASH | Self::CUT)
    }
}

impl BitOr for Gap {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Gap {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// A word: letters and digits, with apostrophes between letters.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Where it stands in the prompt, in bytes.
    pub(super) span: Range<usize>,
    folded: Range<usize>,
    /// What comes after it.
    pub(super) gap: Gap,
    /// Whether it begins with a capital letter.
    pub(super) capital: bool,
}

/// The words of some ranges of a prompt.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    folded: String,
    list: Vec<Token>,
    begin_cut: bool,
    were_cut: bool,
}

impl Tokens {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { folded: String::with_capacity(bytes), list: Vec::with_capacity(bytes / 5 + 1), ..Self::default() }
    }

    /// The words of the whole text.
    pub(super) fn of(text: &str) -> Self {
        let mut tokens = Self::with_capacity(text.len());
        tokens.push(text, 0..text.len());
        tokens
    }

    pub(super) fn list(&self) -> &[Token] {
        &self.list
    }

    /// The folded form of a word.
    pub(super) fn word(&self, token: &Token) -> &str {
        self.folded.get(token.folded.clone()).unwrap_or_default()
    }

    /// Marks that something was left out after the last word.
    pub(super) fn cut(&mut self) {
        self.were_cut = true;
        match self.list.last_mut() {
            Some(last) => last.gap |= Gap::CUT,
            None => self.begin_cut = true,
        }
    }

    /// Whether something was left out before the first word.
    pub(super) fn begin_cut(&self) -> bool {
        self.begin_cut
    }

    /// Whether something was left out at all.
    pub(super) fn were_cut(&self) -> bool {
        self.were_cut
    }

    /// Adds the words of `prompt[range]`.
    pub(super) fn push(&mut self, prompt: &str, range: Range<usize>) {
        let Some(text) = prompt.get(range.clone()) else {
            return;
        };
        let mut chars = text.char_indices().peekable();
        let mut open: Option<Token> = None;
        let mut before = ' ';
        while let Some((at, char)) = chars.next() {
            let next = chars.peek().map_or(' ', |(_, next)| *next);
            let here = range.start + at;
            if is_invisible(char) {
                continue;
            }
            let in_word = char.is_alphanumeric()
                || (open.is_some() && is_apostrophe(char) && before.is_alphabetic() && next.is_alphabetic())
                || (open.is_some() && matches!(char, '.' | ',') && before.is_ascii_digit() && next.is_ascii_digit())
                || (matches!(char, '+' | '#') && (before.is_alphabetic() || before == '+') && open.is_some());
            if in_word {
                let token = open.get_or_insert_with(|| Token {
                    span: here..here,
                    folded: self.folded.len()..self.folded.len(),
                    gap: Gap::default(),
                    capital: char.is_uppercase(),
                });
                token.span.end = here + char.len_utf8();
                fold_into(&mut self.folded, char);
                token.folded.end = self.folded.len();
            } else {
                self.list.extend(open.take());
                if let Some(last) = self.list.last_mut() {
                    last.gap |= match char {
                        '-' if before.is_alphanumeric() && next.is_alphanumeric() => Gap::HYPHEN,
                        ',' => Gap::COMMA,
                        ':' => Gap::COLON,
                        '.' if next.is_alphanumeric() => Gap::DASH,
                        '.' | ';' | '!' | '…' => Gap::STOP,
                        '?' => Gap::QUESTION,
                        '\n' => Gap::LINE,
                        '-' | '–' | '—' | '(' | ')' | '[' | ']' | '/' | '|' | '=' | '"' | '“' | '”' | '«' | '»' => {
                            Gap::DASH
                        }
                        _ => Gap::default(),
                    };
                }
            }
            before = char;
        }
        self.list.extend(open);
    }
}

pub(super) fn is_apostrophe(char: char) -> bool {
    matches!(char, '\'' | '’' | '‘' | 'ʼ' | '´' | '`')
}

/// Combining accents and characters of no width.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn fold_into(folded: &mut String, char: char) {
    if char.is_ascii() {
        folded.push(char.to_ascii_lowercase());
        return;
    }
    let plain = match char {
        'à'..='å' | 'À'..='Å' | 'ª' => 'a',
        'ç' | 'Ç' => 'c',
        'è'..='ë' | 'È'..='Ë' => 'e',
        'ì'..='ï' | 'Ì'..='Ï' => 'i',
        'ñ' | 'Ñ' => 'n',
        'ò'..='ö' | 'Ò'..='Ö' | 'º' => 'o',
        'ù'..='ü' | 'Ù'..='Ü' => 'u',
        'ý' | 'ÿ' | 'Ý' => 'y',
        _ if is_apostrophe(char) => '\'',
        _ => {
            folded.extend(char.to_lowercase());
            return;
        }
    };
    folded.push(plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let tokens = Tokens::of(text);
        tokens.list().iter().map(|token| tokens.word(token).to_owned()).collect()
    }

    #[test]
    fn folds_case_accents_and_apostrophes() {
        assert_eq!(words("NÃO Moro"), ["nao", "moro"]);
        assert_eq!(words("n\u{e3}o e na\u{303}o"), ["nao", "e", "nao"]);
        assert_eq!(words("I’m C++, c# 3.5kg"), ["i'm", "c++", "c#", "3.5kg"]);
        assert_eq!(words("zero\u{200b}width 'quoted'"), ["zerowidth", "quoted"]);
    }

    #[test]
    fn knows_where_words_stand_and_what_comes_between() {
        let text = "Olá, chamo-me Zé. É?\nFim";
        let tokens = Tokens::of(text);
        let list = tokens.list();
        assert_eq!(text.get(list[0].span.clone()), Some("Olá"));
        assert_eq!(text.get(list[3].span.clone()), Some("Zé"));
        assert!(list[0].gap.has(Gap::COMMA) && !list[0].gap.joins());
        assert!(list[1].gap.has(Gap::HYPHEN) && list[1].gap.joins());
        assert!(list[3].gap.ends_sentence() && !list[3].gap.has(Gap::QUESTION));
        assert!(list[4].gap.has(Gap::QUESTION) && list[4].gap.has(Gap::LINE));
        assert!(list[3].capital && !list[2].capital);
    }
}
