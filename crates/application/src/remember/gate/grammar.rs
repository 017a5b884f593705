//! Matching of rules: which patterns fit where in a sentence.

use super::lexicon::{Classes, Lexicon, Word};
use super::rules::{Element, Pattern, Rules, Set};
use super::tokens::Gap;
use std::{collections::HashMap, sync::LazyLock};

/// A word of a prompt as rules see it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The number of its entry, 0 for a word that stands nowhere.
    pub(super) id: u16,
    pub(super) classes: Classes,
    pub(super) gap: Gap,
}

/// All words and rules.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    pub(super) lexicon: Lexicon,
    pub(super) rules: Rules,
    /// Patterns that may begin with a word of a class, by the number of the class, and with any word.
    class_starts: Vec<Vec<u16>>,
    any_starts: Vec<u16>,
}

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(Grammar::build);

/// The grammar, built when it is first asked for.
pub(super) fn grammar() -> &'static Grammar {
    &GRAMMAR
}

impl Grammar {
    fn build() -> Self {
        let mut lexicon = Lexicon::build();
        let rules = Rules::read(&mut lexicon);
        let mut grammar = Self { lexicon, rules, class_starts: vec![Vec::new(); 128], any_starts: Vec::new() };
        grammar.index();
        grammar
    }

    /// Notes for each word which patterns may begin with it.
    fn index(&mut self) {
        let mut by_id: HashMap<u16, Vec<u16>> = HashMap::new();
        for (index, pattern) in self.rules.patterns.iter().enumerate() {
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            for set in first_sets(&pattern.elements) {
                if set.any {
                    self.any_starts.push(index);
                }
                set.ids.iter().for_each(|id| by_id.entry(*id).or_default().push(index));
                for (bit, starts) in self.class_starts.iter_mut().enumerate() {
                    if set.classes & (1 << bit) != 0 {
                        starts.push(index);
                    }
                }
            }
        }
        for word in self.lexicon.entries() {
            let mut starts = by_id.remove(&word.id).unwrap_or_default();
            for (bit, class) in self.class_starts.iter().enumerate() {
                if word.classes & (1 << bit) != 0 {
                    starts.extend(class);
                }
            }
            starts.extend(&self.any_starts);
            starts.sort_unstable();
            starts.dedup();
            word.starts = starts;
        }
    }

    /// Calls `hit` with each pattern that fits at the word `at` of `sentence`, and with where it ends. `word` is the entry of that word.
    pub(super) fn matches(
        &self,
        word: Option<&Word>,
        sentence: &Sentence<'_>,
        at: usize,
        mut hit: impl FnMut(&Pattern, usize),
    ) {
        let mut try_all = |starts: &[u16]| {
            for pattern in starts.iter().filter_map(|index| self.rules.patterns.get(usize::from(*index))) {
                if let Some(end) = (Matcher { sentence, start: at }).run(&pattern.elements, at, false) {
                    hit(pattern, end);
                }
            }
        };
        try_all(word.map_or(&self.any_starts, |word| &word.starts));
        // Classes that the word has only here.
        let mut found = sentence.seen.get(at).map_or(0, |seen| seen.classes) & !word.map_or(0, |word| word.classes);
        while found != 0 {
            let bit = found.trailing_zeros() as usize;
            found &= found - 1;
            if let Some(starts) = self.class_starts.get(bit) {
                try_all(starts);
            }
        }
    }
}

/// The sets of which one must hold the first word of a match.
fn first_sets(elements: &[Element]) -> Vec<&Set> {
    let mut sets = Vec::new();
    for element in elements {
        match element {
            Element::One(set) => {
                sets.push(set);
                break;
            }
            Element::Maybe(set) => sets.push(set),
            _ => {}
        }
    }
    sets
}

/// What patterns are matched with.
#[derive(Debug)]
pub(super) struct Sentence<'a> {
    pub(super) seen: &'a [Seen],
    /// How many words come before it comes to the point.
    pub(super) openers: usize,
    pub(super) question: bool,
}

impl Set {
    fn has(&self, seen: &Seen) -> bool {
        self.any || seen.classes & self.classes != 0 || self.ids.contains(&seen.id)
    }
}

struct Matcher<'a> {
    sentence: &'a Sentence<'a>,
    start: usize,
}

impl Matcher<'_> {
    /// Matches the elements from the word `at` on, and tells where the match ends. `loose` says that a comma may come before the next word.
    fn run(&self, elements: &[Element], at: usize, loose: bool) -> Option<usize> {
        let Some((element, rest)) = elements.split_first() else {
            return Some(at);
        };
        let seen = self.sentence.seen;
        let before = at.checked_sub(1).and_then(|before| seen.get(before));
        let here = seen.get(at);
        let joined = loose || at == self.start || before.is_some_and(|before| before.gap.joins());
        let go = |holds: bool| if holds { self.run(rest, at, loose) } else { None };
        let take = |set: &Set| {
            if joined && here.is_some_and(|here| set.has(here)) { self.run(rest, at + 1, false) } else { None }
        };
        let said_before = |set: &Set| before.is_some_and(|before| before.gap.joins() && set.has(before));
        match element {
            Element::SentenceStart => go(before.is_none() || at == self.sentence.openers),
            Element::ClauseStart => go(before.is_none_or(|before| before.gap.breaks())),
            Element::ClauseEnd => go(here.is_none() || before.is_some_and(|before| !before.gap.joins())),
            Element::Question => go(self.sentence.question),
            Element::NotQuestion => go(!self.sentence.question),
            Element::Not(set) => go(!here.is_some_and(|here| set.has(here))),
            Element::Before(set) => go(said_before(set)),
            Element::NotBefore(set) => go(!said_before(set)),
            Element::Comma => self.run(rest, at, true),
            Element::Gap(most) => (at..=(at + most).min(seen.len())).find_map(|at| self.run(rest, at, true)),
            Element::One(set) => take(set),
            Element::Maybe(set) => take(set).or_else(|| self.run(rest, at, loose)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::Tokens;
    use super::*;

    /// What rules the patterns that fit somewhere in a text belong to.
    fn fitting(text: &str) -> Vec<&'static str> {
        let grammar = grammar();
        let tokens = Tokens::of(text);
        let words: Vec<Option<&Word>> =
            tokens.list().iter().map(|token| grammar.lexicon.find(tokens.word(token))).collect();
        let seen: Vec<Seen> = tokens
            .list()
            .iter()
            .zip(&words)
            .map(|(token, word)| {
                let (id, classes) =
                    word.map_or_else(|| (0, grammar.lexicon.guess(tokens.word(token))), |word| (word.id, word.classes));
                Seen { id, classes, gap: token.gap }
            })
            .collect();
        let sentence = Sentence { seen: &seen, openers: 0, question: text.ends_with('?') };
        let mut rules = Vec::new();
        for (at, word) in words.iter().enumerate() {
            grammar.matches(*word, &sentence, at, |pattern, _| rules.push(grammar.rules.rules[pattern.rule].about));
        }
        rules
    }

    #[test]
    fn patterns_fit_where_their_words_are_said_in_one_breath() {
        assert!(fitting("from now on use metric").contains(&"From now on"));
        assert!(!fitting("from, now on, use metric").contains(&"From now on"));
        assert!(fitting("a partir de agora").contains(&"From now on"));
    }

    #[test]
    fn anchors_gaps_and_questions_hold() {
        assert!(fitting("call me Ana").contains(&"How to be called"));
        assert!(!fitting("call me when you are back").contains(&"How to be called"));
        assert!(fitting("se amanhã eu acordasse rico").contains(&"Supposing"));
        assert!(fitting("what's wrong with my knee?").contains(&"A thing that everybody has"));
        assert!(!fitting("my knee is made of titanium").contains(&"A thing that everybody has"));
    }
}
