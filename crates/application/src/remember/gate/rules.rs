//! Rules over words, read from `rules.txt`: what a rule does, and how its patterns are written.
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
//! | `$,` | the end of a clause |
//! | `$?`, `!$?` | nothing, in a sentence that is, or is not, a question |
//! | `,` | a comma, a colon or a dash, or nothing |
//!
//! Words must be said in one breath: a comma between two elements breaks the pattern where none is allowed. No pattern
//! reaches over the end of a sentence.

use super::lexicon::{Classes, Lexicon, entries};

const RULES: &str = include_str!("rules.txt");

/// What a rule does where one of its patterns matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Adds points, once a prompt.
    For(i32),
    /// The same, also where the sentence only supposes: 'what if I sold my house in Tucson' says that there is one.
    Presupposed(i32),
    /// Takes points, once a sentence, from what the sentence has.
    Against(i32),
    /// The words matched claim nothing.
    Empty,
    /// The same, and the sentence claims nothing by being a statement: it tells of a task or a moment.
    Idle,
    /// The sentence claims nothing by being a statement: it asks, orders, or is about a thing.
    Plain,
    /// The same, because it is about somebody else or a day.
    Elsewhere,
    /// From the first word matched on, the sentence is no statement.
    Unreal,
    /// The same up to the next comma.
    Fable,
    /// The sentence is no statement, and neither are later ones that say who one is.
    Play,
    /// The sentence is no statement.
    Void,
    /// The sentence says who one is: nobody is, in a play.
    Role,
}

impl Effect {
    fn parse(text: &str) -> Option<Self> {
        let (name, points) = text.split_once(' ').unwrap_or((text, "0"));
        let points: i32 = points.parse().ok()?;
        Some(match name {
            "for" => Self::For(points),
            "presupposed" => Self::Presupposed(points),
            "against" => Self::Against(points),
            "empty" => Self::Empty,
            "idle" => Self::Idle,
            "plain" => Self::Plain,
            "elsewhere" => Self::Elsewhere,
            "unreal" => Self::Unreal,
            "fable" => Self::Fable,
            "play" => Self::Play,
            "void" => Self::Void,
            "role" => Self::Role,
            _ => return None,
        })
    }
}

/// A rule: what it is about, and what it does.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) about: &'static str,
    pub(super) effect: Effect,
}

/// Words of which any will do.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub(super) ids: Vec<u16>,
    pub(super) classes: Classes,
    pub(super) any: bool,
}

/// An element of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Element {
    One(Set),
    Maybe(Set),
    Gap(usize),
    Not(Set),
    Before(Set),
    NotBefore(Set),
    SentenceStart,
    ClauseStart,
    ClauseEnd,
    Question,
    NotQuestion,
    Comma,
}

/// A pattern, and the place of the rule it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) rule: usize,
    pub(super) elements: Vec<Element>,
}

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
    pub(super) patterns: Vec<Pattern>,
    /// Classes of words that claim something by themselves: the name, the class, the points, once a prompt.
    pub(super) claims: Vec<(String, Classes, i32)>,
}

impl Rules {
    /// Reads the rules. Words that only they have become entries of the lexicon.
    pub(super) fn read(lexicon: &mut Lexicon) -> Self {
        let mut read = Self::default();
        for (head, text) in entries(RULES) {
            let mut lines = text.lines();
            let about = lines.next().unwrap_or_default().trim();
            if let Some(points) = head.strip_prefix("claim ") {
                read.claims.push((about.to_owned(), lexicon.class(about), points.parse().unwrap_or_default()));
            } else if let Some(effect) = Effect::parse(head) {
                let rule = read.rules.len();
                let about = RULES
                    .lines()
                    .find_map(|line| line.strip_prefix(head)?.strip_prefix(": ").filter(|is| *is == about));
                read.rules.push(Rule { about: about.unwrap_or_default(), effect });
                for line in lines {
                    let elements = line.split_whitespace().map(|element| parse(lexicon, element)).collect();
                    read.patterns.push(Pattern { rule, elements });
                }
            }
        }
        read
    }
}

fn parse(lexicon: &mut Lexicon, text: &str) -> Element {
    let mut set = |text: &str| {
        let mut set = Set::default();
        for part in text.split('|') {
            match part.strip_prefix('@') {
                Some(class) => set.classes |= lexicon.class(class),
                None if part == "*" => set.any = true,
                None => set.ids.push(lexicon.entry(part).id),
            }
        }
        set
    };
    match text {
        "^" => Element::SentenceStart,
        "^," => Element::ClauseStart,
        "$," => Element::ClauseEnd,
        "$?" => Element::Question,
        "!$?" => Element::NotQuestion,
        "," => Element::Comma,
        _ => {
            if let Some(most) = text.strip_prefix("..") {
                Element::Gap(most.parse().unwrap_or_default())
            } else if let Some(rest) = text.strip_prefix("<!") {
                Element::NotBefore(set(rest))
            } else if let Some(rest) = text.strip_prefix('<') {
                Element::Before(set(rest))
            } else if let Some(rest) = text.strip_prefix('!') {
                Element::Not(set(rest))
            } else if let Some(rest) = text.strip_suffix('?') {
                Element::Maybe(set(rest))
            } else {
                Element::One(set(text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_is_understood() {
        let mut lexicon = Lexicon::build();
        let rules = Rules::read(&mut lexicon);
        let lines = RULES.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let (patterns, heads): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with(' '));
        assert_eq!(rules.patterns.len(), patterns.len());
        assert_eq!(rules.rules.len() + rules.claims.len(), heads.len());
        assert!(rules.claims.iter().all(|(_, class, points)| *class != 0 && *points > 0));
        assert!(rules.rules.iter().all(|rule| !rule.about.is_empty()));
    }

    #[test]
    fn patterns_name_classes_that_there_are_and_begin_with_few_words() {
        let lexicon = Lexicon::build();
        let parts = RULES.lines().filter(|line| line.starts_with(' ')).flat_map(str::split_whitespace);
        for part in parts.flat_map(|element| element.split('|')) {
            let class = part.trim_start_matches(['<', '!']).strip_prefix('@').map(|class| class.trim_end_matches('?'));
            assert!(class.is_none_or(|class| lexicon.class(class) != 0), "{part}");
        }
        let rules = Rules::read(&mut Lexicon::build());
        let starts = |element: &Element| !matches!(element, Element::Gap(_));
        assert!(rules.patterns.iter().all(|pattern| pattern.elements.first().is_some_and(starts)));
    }
}
