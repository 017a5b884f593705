//! Rules over words, as data: how a rule is written, and how it is matched.
//!
//! A pattern is a list of elements, separated by spaces:
//!
//! | element | matches |
//! | --- | --- |
//! | `word` | the word, folded |
//! | `@class` | any word of the class |
//! | `a\|@b\|c` | any of these |
//! | `x?` | `x`, or nothing |
//! | `*` | any one word |
//! | `..4` | up to four words, commas between them or not |
//! | `!x` | nothing, where the next word is not `x` |
//! | `<x`, `<!x` | nothing, where the word before is, or is not, `x` |
//! | `^`, `^,` | the beginning of a sentence (also after 'well, …'), of a clause |
//! | `$`, `$,` | the end of a sentence, of a clause |
//! | `$?`, `!$?` | nothing, in a sentence that is, or is not, a question |
//! | `,` | a comma, a colon or a dash, or nothing |
//!
//! Words must be said in one breath: a comma between two elements breaks the pattern where none is allowed. No pattern
//! reaches over the end of a sentence.

use super::tokens::Gap;
use super::{rules, verbs, words};
use std::{collections::HashMap, sync::LazyLock};

/// A set of classes, one bit each.
pub(super) type Classes = u128;

/// A word of a prompt as rules see it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// A number for the word as it stands, 0 for one that no table and no rule has.
    pub(super) id: u16,
    pub(super) classes: Classes,
    pub(super) gap: Gap,
}

/// What is known of a word.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    pub(super) id: u16,
    pub(super) classes: Classes,
    /// Patterns that may begin here, by their place in `Grammar::patterns`.
    pub(super) starts: Vec<u16>,
    /// Whether it shows that a text is in Portuguese, or in English.
    pub(super) portuguese: bool,
    pub(super) english: bool,
}

#[derive(Clone, Debug, Default)]
struct Set {
    ids: Vec<u16>,
    classes: Classes,
    any: bool,
}

impl Set {
    fn has(&self, seen: &Seen) -> bool {
        self.any || seen.classes & self.classes != 0 || self.ids.contains(&seen.id)
    }
}

#[derive(Clone, Debug)]
enum Element {
    One(Set),
    Maybe(Set),
    Gap(usize),
    Not(Set),
    Before(Set),
    NotBefore(Set),
    SentenceStart,
    ClauseStart,
    SentenceEnd,
    ClauseEnd,
    Question,
    NotQuestion,
    Comma,
}

/// A compiled pattern and the rule it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) rule: u16,
    elements: Vec<Element>,
}

/// All rules and words.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    words: HashMap<Box<str>, Word>,
    class_names: Vec<&'static str>,
    class_starts: Vec<Vec<u16>>,
    any_starts: Vec<u16>,
    pub(super) patterns: Vec<Pattern>,
}

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(Grammar::build);

/// The grammar, built when it is first asked for.
pub(super) fn grammar() -> &'static Grammar {
    &GRAMMAR
}

impl Grammar {
    fn build() -> Self {
        let mut grammar = Self::default();
        for (class, list) in words::CLASSES {
            let class = grammar.define(class);
            list.split_whitespace().for_each(|word| grammar.word_mut(word).classes |= class);
        }
        verbs::conjugate_all(|class, word| {
            if let Some(class) = words::DERIVED.iter().find(|known| **known == class) {
                let class = grammar.define(class);
                grammar.word_mut(word).classes |= class;
            }
        });
        for (_, class, _) in words::ENDINGS {
            grammar.define(class);
        }
        for class in words::FOUND {
            grammar.define(class);
        }
        words::PORTUGUESE.split_whitespace().for_each(|word| grammar.word_mut(word).portuguese = true);
        words::ENGLISH.split_whitespace().for_each(|word| grammar.word_mut(word).english = true);
        for (rule, written) in rules::RULES.iter().enumerate() {
            for pattern in written.patterns {
                let elements: Vec<Element> =
                    pattern.split_whitespace().map(|element| grammar.element(element)).collect();
                grammar.patterns.push(Pattern { rule: u16::try_from(rule).unwrap_or(u16::MAX), elements });
            }
        }
        grammar.index();
        grammar
    }

    /// The bit of a class, new or known.
    fn define(&mut self, name: &'static str) -> Classes {
        let known = self.class_names.iter().position(|known| *known == name);
        let index = known.unwrap_or_else(|| {
            self.class_names.push(name);
            self.class_names.len() - 1
        });
        u32::try_from(index).ok().and_then(|index| 1_u128.checked_shl(index)).unwrap_or_default()
    }

    /// The bit of a class, nothing for one that there is not.
    pub(super) fn class(&self, name: &str) -> Classes {
        let index = self.class_names.iter().position(|known| *known == name);
        index
            .and_then(|index| u32::try_from(index).ok())
            .and_then(|index| 1_u128.checked_shl(index))
            .unwrap_or_default()
    }

    fn word_mut(&mut self, word: &str) -> &mut Word {
        let next = u16::try_from(self.words.len() + 1).unwrap_or(u16::MAX);
        self.words.entry(word.into()).or_insert_with(|| Word { id: next, ..Word::default() })
    }

    pub(super) fn word(&self, word: &str) -> Option<&Word> {
        self.words.get(word)
    }

    fn element(&mut self, text: &str) -> Element {
        match text {
            "^" => return Element::SentenceStart,
            "^," => return Element::ClauseStart,
            "$" => return Element::SentenceEnd,
            "$," => return Element::ClauseEnd,
            "$?" => return Element::Question,
            "!$?" => return Element::NotQuestion,
            "," => return Element::Comma,
            _ => {}
        }
        if let Some(count) = text.strip_prefix("..") {
            return Element::Gap(count.parse().unwrap_or(0));
        }
        if let Some(set) = text.strip_prefix("<!") {
            return Element::NotBefore(self.set(set));
        }
        if let Some(set) = text.strip_prefix('<') {
            return Element::Before(self.set(set));
        }
        if let Some(set) = text.strip_prefix('!') {
            return Element::Not(self.set(set));
        }
        match text.strip_suffix('?') {
            Some(set) => Element::Maybe(self.set(set)),
            None => Element::One(self.set(text)),
        }
    }

    fn set(&mut self, text: &str) -> Set {
        let mut set = Set::default();
        for part in text.split('|') {
            match part.strip_prefix('@') {
                Some(class) => set.classes |= self.class(class),
                None if part == "*" => set.any = true,
                None => set.ids.push(self.word_mut(part).id),
            }
        }
        set
    }

    /// Notes for each word which patterns may begin with it.
    fn index(&mut self) {
        self.class_starts = vec![Vec::new(); 128];
        let mut by_id: HashMap<u16, Vec<u16>> = HashMap::new();
        for (index, pattern) in self.patterns.iter().enumerate() {
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            for element in &pattern.elements {
                let (set, last) = match element {
                    Element::One(set) => (set, true),
                    Element::Maybe(set) => (set, false),
                    _ => continue,
                };
                if set.any {
                    self.any_starts.push(index);
                }
                set.ids.iter().for_each(|id| by_id.entry(*id).or_default().push(index));
                for (bit, starts) in self.class_starts.iter_mut().enumerate() {
                    if set.classes & (1 << bit) != 0 {
                        starts.push(index);
                    }
                }
                if last {
                    break;
                }
            }
        }
        for word in self.words.values_mut() {
            let mut starts = by_id.get(&word.id).cloned().unwrap_or_default();
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

    /// Calls `hit` with each pattern that matches at `at` in `sentence`, whose first word is `word`.
    pub(super) fn matches(
        &self,
        word: Option<&Word>,
        sentence: &[Seen],
        at: usize,
        openers: usize,
        question: bool,
        mut hit: impl FnMut(&Pattern, usize),
    ) {
        let mut try_all = |starts: &[u16]| {
            for pattern in starts.iter().filter_map(|index| self.patterns.get(usize::from(*index))) {
                if let Some(end) =
                    (Matcher { sentence, start: at, openers, question }).run(&pattern.elements, at, false)
                {
                    hit(pattern, end);
                }
            }
        };
        let known = word.map_or(0, |word| word.classes);
        match word {
            Some(word) => try_all(&word.starts),
            None => try_all(&self.any_starts),
        }
        let mut found = sentence.get(at).map_or(0, |seen| seen.classes) & !known;
        while found != 0 {
            let bit = found.trailing_zeros() as usize;
            found &= found - 1;
            if let Some(starts) = self.class_starts.get(bit) {
                try_all(starts);
            }
        }
    }
}

struct Matcher<'a> {
    sentence: &'a [Seen],
    start: usize,
    openers: usize,
    question: bool,
}

impl Matcher<'_> {
    /// Matches the elements from the word at `at` on, and tells where the match ends. `loose` says that a comma before the next word is allowed.
    fn run(&self, elements: &[Element], at: usize, loose: bool) -> Option<usize> {
        let Some((element, rest)) = elements.split_first() else {
            return Some(at);
        };
        let before = at.checked_sub(1).and_then(|before| self.sentence.get(before));
        let here = self.sentence.get(at);
        let joined = loose || at == self.start || before.is_some_and(|before| before.gap.joins());
        let go = |condition: bool| if condition { self.run(rest, at, loose) } else { None };
        match element {
            Element::SentenceStart => go(before.is_none() || at == self.openers),
            Element::ClauseStart => go(before.is_none_or(|before| before.gap.breaks())),
            Element::SentenceEnd => go(here.is_none()),
            Element::ClauseEnd => go(here.is_none() || before.is_some_and(|before| !before.gap.joins())),
            Element::Question => go(self.question),
            Element::NotQuestion => go(!self.question),
            Element::Not(set) => go(!here.is_some_and(|here| set.has(here))),
            Element::Before(set) => go(before.is_some_and(|before| before.gap.joins() && set.has(before))),
            Element::NotBefore(set) => go(!before.is_some_and(|before| before.gap.joins() && set.has(before))),
            Element::Comma => self.run(rest, at, true),
            Element::Gap(most) => (0..=*most)
                .find_map(|skip| (at + skip <= self.sentence.len()).then(|| self.run(rest, at + skip, true)).flatten()),
            Element::One(set) => {
                (joined && here.is_some_and(|here| set.has(here))).then(|| self.run(rest, at + 1, false)).flatten()
            }
            Element::Maybe(set) => {
                let taken =
                    (joined && here.is_some_and(|here| set.has(here))).then(|| self.run(rest, at + 1, false)).flatten();
                taken.or_else(|| self.run(rest, at, loose))
            }
        }
    }
}
