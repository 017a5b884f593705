//! What is known of words: their classes, from `words.txt` and `verbs.txt`, and of words that stand nowhere from how they look.

use super::verbs;
use std::collections::HashMap;

/// A set of classes, one bit each.
pub(super) type Classes = u128;

/// The most classes there may be: one number is kept for 'none'.
pub(super) const MAX_CLASSES: usize = 127;

const WORDS: &str = include_str!("words.txt");

/// What is known of a word.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    /// A number for the word as it stands, never 0.
    pub(super) id: u16,
    pub(super) classes: Classes,
    /// Patterns that may begin with it, by their place in the grammar.
    pub(super) starts: Vec<u16>,
    /// Whether it shows that a text is in Portuguese, or in English.
    pub(super) portuguese: bool,
    pub(super) english: bool,
}

/// The classes of words by what they look like.
#[derive(Debug, Default)]
pub(super) struct Looks {
    pub(super) number: Classes,
    pub(super) year: Classes,
    /// Begins with a capital letter.
    pub(super) capital: Classes,
    /// Stands in no table.
    pub(super) new: Classes,
    /// No word: the beginning of the prompt.
    pub(super) start: Classes,
}

/// All words and classes.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    words: HashMap<Box<str>, Word>,
    class_names: Vec<String>,
    /// Endings of words that stand nowhere, how many letters they have at least, and their class.
    endings: Vec<(&'static str, usize, Classes)>,
    pub(super) looks: Looks,
}

impl Lexicon {
    pub(super) fn build() -> Self {
        let mut lexicon = Self::default();
        for (name, words) in entries(WORDS) {
            match name.strip_prefix('-').and_then(|ending| ending.split_once(' ')) {
                Some((ending, least)) => {
                    let class = lexicon.define(words.trim());
                    lexicon.endings.push((ending, least.parse().unwrap_or(usize::MAX), class));
                }
                None if name == "portuguese" => lexicon.mark(&words, |word| word.portuguese = true),
                None if name == "english" => lexicon.mark(&words, |word| word.english = true),
                None => {
                    let class = lexicon.define(name);
                    lexicon.mark(&words, |word| word.classes |= class);
                }
            }
        }
        verbs::forms(|class, form| {
            let class = lexicon.define(class);
            lexicon.entry(form).classes |= class;
        });
        let looks = ["number", "year", "capital", "new", "start"];
        let [number, year, capital, new, start] = looks.map(|class| lexicon.define(class));
        lexicon.looks = Looks { number, year, capital, new, start };
        lexicon
    }

    fn mark(&mut self, words: &str, mark: impl Fn(&mut Word)) {
        words.split_whitespace().for_each(|word| mark(self.entry(word)));
    }

    /// The bit of a class, new or known.
    fn define(&mut self, name: &str) -> Classes {
        if self.class_index(name).is_none() {
            self.class_names.push(name.to_owned());
        }
        self.class(name)
    }

    /// The bit of a class, nothing for one that there is not.
    pub(super) fn class(&self, name: &str) -> Classes {
        self.class_index(name).and_then(|index| 1_u128.checked_shl(u32::from(index))).unwrap_or_default()
    }

    /// The bits of several classes.
    pub(super) fn classes(&self, names: &[&str]) -> Classes {
        names.iter().fold(0, |all, name| all | self.class(name))
    }

    /// The names of all classes, by their numbers.
    pub(super) fn class_names(&self) -> &[String] {
        &self.class_names
    }

    pub(super) fn class_index(&self, name: &str) -> Option<u8> {
        self.class_names.iter().position(|known| known == name).and_then(|index| u8::try_from(index).ok())
    }

    /// The words of a class.
    pub(super) fn words_of(&self, class: &str) -> impl Iterator<Item = &str> {
        let class = self.class(class);
        self.words.iter().filter(move |(_, word)| word.classes & class != 0).map(|(word, _)| word.as_ref())
    }

    /// The entry of a word, new or known.
    pub(super) fn entry(&mut self, word: &str) -> &mut Word {
        let next = u16::try_from(self.words.len() + 1).unwrap_or(u16::MAX);
        self.words.entry(word.into()).or_insert_with(|| Word { id: next, ..Word::default() })
    }

    pub(super) fn entries(&mut self) -> impl Iterator<Item = &mut Word> {
        self.words.values_mut()
    }

    /// A word, also with the 's that it may end with.
    pub(super) fn find(&self, text: &str) -> Option<&Word> {
        self.words.get(text).or_else(|| text.strip_suffix("'s").and_then(|text| self.words.get(text)))
    }

    /// The classes of a word that stands in no table.
    pub(super) fn guess(&self, text: &str) -> Classes {
        if begins_with_digit(text) {
            let year = text.len() == 4 && (text.starts_with("19") || text.starts_with("20"));
            return self.looks.number | if year { self.looks.year } else { 0 };
        }
        let endings = self.endings.iter().filter(|(ending, least, _)| text.len() >= *least && text.ends_with(ending));
        endings.fold(self.looks.new, |classes, (_, _, class)| classes | class)
    }
}

pub(super) fn begins_with_digit(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_digit())
}

/// The entries of a table: `name: text`, the text going on in indented lines; lines that begin with `#` are remarks.
pub(super) fn entries(table: &'static str) -> Vec<(&'static str, String)> {
    let mut entries: Vec<(&str, String)> = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        match (line.starts_with(' '), line.split_once(':')) {
            (false, Some((name, text))) => entries.push((name, text.to_owned())),
            _ => {
                if let Some((_, text)) = entries.last_mut() {
                    text.push('\n');
                    text.push_str(line);
                }
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_can_be_read() {
        let lexicon = Lexicon::build();
        assert!(lexicon.class_names().len() <= MAX_CLASSES, "{} classes", lexicon.class_names().len());
        assert!(lexicon.words.len() < usize::from(u16::MAX));
        assert!(lexicon.find("mother's").is_some_and(|word| word.classes & lexicon.class("relative") != 0));
        assert!(lexicon.endings.iter().all(|(_, least, class)| *least < 20 && *class != 0));
    }

    #[test]
    fn words_of_no_table_are_classed_by_how_they_look() {
        let lexicon = Lexicon::build();
        let is = |word: &str, class: &str| lexicon.guess(word) & lexicon.class(class) != 0;
        assert!(is("1998", "year") && is("1998", "number") && is("3kg", "number") && !is("3kg", "new"));
        assert!(is("desembolsei", "past1") && is("trombonista", "prof") && is("zigzagging", "eing"));
        assert!(!is("xei", "past1"));
    }
}
