//! What the words of a prompt lean to, as learnt from labelled prompts, with what the rules say of it among the features.
//!
//! `lean.txt` has points, one feature a line, in hundredths of a natural logarithm of odds:
//!
//! | line | a sentence has |
//! | --- | --- |
//! | `37 nurse`, `37 as a`, `-12 how _ i` | a word, two words, two words with any one between them |
//! | `9 -eira`, `9 trab-` | a longer word with that ending, that beginning |
//! | `24 @my`, `24 @my @household` | a word of a class, of two classes one after the other |
//! | `30 =claims20`, `-9 =long10`, `5 =first` | a fact of the sentence: what it claims by the rules, so many words, its place |
//! | `50 =points20`, `-40 =denied`, `12 =words10`, `-8 =cut` | a fact of the prompt: the same, a part that is not the author's |
//! | `-90 *` | nothing: added always |
//!
//! `^` is the beginning; `?`, `.`, `,`, `:`, `-` are marks between words, `<cut>` is where something pasted was, `0` is any number. The
//! file is written by `tests/memory/gate/fit.sh`; nobody edits it by hand.

use super::grammar::grammar;
use super::lexicon::{Classes, Lexicon, MAX_CLASSES, begins_with_digit};
use super::score::Outcome;
use super::tokens::{Gap, Token, Tokens};
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::LazyLock,
};

/// Something that a prompt has or has not.
#[derive(Clone, Copy, Debug)]
enum Feature<'a> {
    /// Parts of a text that are written one after the other.
    Text([&'a str; 3]),
    /// A class, or two; a single one is paired with `ALONE`.
    Classes(u8, u8),
}

/// The table of points.
struct Table {
    always: i32,
    points: Vec<i32>,
    /// Places in `points`, by hash.
    texts: HashMap<u64, u16, BuildHasherDefault<Hashed>>,
    /// Places in `points` of pairs of classes, 0 for none.
    classes: Vec<u16>,
}

/// Stands for 'no second class'.
const ALONE: u8 = 127;
/// Numbers of classes, and `ALONE`.
const WIDTH: usize = MAX_CLASSES + 1;

/// Facts, with the least number for which they hold.
const POINTS: [(i32, &str); 8] = [
    (1, "=points1"),
    (5, "=points5"),
    (10, "=points10"),
    (15, "=points15"),
    (20, "=points20"),
    (30, "=points30"),
    (40, "=points40"),
    (60, "=points60"),
];
const WORDS: [(i32, &str); 7] = [
    (3, "=words3"),
    (6, "=words6"),
    (10, "=words10"),
    (15, "=words15"),
    (25, "=words25"),
    (40, "=words40"),
    (80, "=words80"),
];
const CLAIMED: [(i32, &str); 5] =
    [(1, "=claims1"), (8, "=claims8"), (10, "=claims10"), (20, "=claims20"), (30, "=claims30")];
const LENGTHS: [(i32, &str); 6] =
    [(2, "=long2"), (4, "=long4"), (6, "=long6"), (10, "=long10"), (15, "=long15"), (25, "=long25")];
/// How many letters of a word are looked at as its beginning and its end, and how many it has at least.
const BEGINNINGS: [(usize, usize); 1] = [(5, 6)];
const ENDINGS: [(usize, usize); 2] = [(3, 5), (4, 6)];

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(&grammar().lexicon, include_str!("lean.txt")));

impl Table {
    fn read(lexicon: &Lexicon, text: &str) -> Self {
        let mut table = Self { always: 0, points: vec![0], texts: HashMap::default(), classes: vec![0; WIDTH * WIDTH] };
        for (points, feature) in text.lines().filter_map(|line| line.split_once(' ')) {
            let Ok(points) = points.parse() else {
                continue;
            };
            if feature == "*" {
                table.always = points;
                continue;
            }
            let place = u16::try_from(table.points.len()).unwrap_or_default();
            table.points.push(points);
            if let Some(classes) = feature.strip_prefix('@') {
                let (first, second) = classes.split_once(" @").unwrap_or((classes, ""));
                let second = if second.is_empty() { Some(ALONE) } else { lexicon.class_index(second) };
                if let (Some(first), Some(second)) = (lexicon.class_index(first), second)
                    && let Some(slot) = table.classes.get_mut(slot(first, second))
                {
                    *slot = place;
                }
            } else {
                table.texts.insert(hash([feature, "", ""]), place);
            }
        }
        table
    }

    fn find(&self, feature: Feature<'_>) -> usize {
        let place = match feature {
            Feature::Text(parts) => self.texts.get(&hash(parts)),
            Feature::Classes(first, second) => self.classes.get(slot(first, second)),
        };
        place.copied().map_or(0, usize::from)
    }
}

fn slot(first: u8, second: u8) -> usize {
    usize::from(first) * WIDTH + usize::from(second)
}

/// To which side the prompt leans, in hundredths: from 0 on to holding something.
///
/// It is what the facts say, and about as much as the sentence says that leans most: that one sentence asks for something takes nothing
/// from what another tells.
pub(super) fn points(tokens: &Tokens, outcome: &Outcome) -> i32 {
    let table = &*TABLE;
    let mut seen = vec![false; table.points.len()];
    let mut of_prompt = table.always;
    let mut of_sentences: Vec<i32> = Vec::with_capacity(outcome.sentences.len());
    let mut taken: Vec<usize> = Vec::with_capacity(tokens.list().len() * 12);
    each_part(tokens, outcome, |part| match part {
        Part::Begin => {
            of_sentences.push(0);
            taken.drain(..).for_each(|place| seen.get_mut(place).into_iter().for_each(|seen| *seen = false));
        }
        Part::Has(feature) => {
            let place = table.find(feature);
            if let (Some(seen), Some(points)) = (seen.get_mut(place), table.points.get(place))
                && !*seen
            {
                *seen = true;
                taken.push(place);
                *of_sentences.last_mut().unwrap_or(&mut of_prompt) += points;
            }
        }
    });
    of_prompt + together(&of_sentences)
}

/// The logarithm of the sum of odds, by their logarithms, all in hundredths.
fn together(of_sentences: &[i32]) -> i32 {
    let most = of_sentences.iter().max().copied().unwrap_or_default();
    let sum: f64 = of_sentences.iter().map(|points| (f64::from(points - most) / 100.0).exp()).sum();
    most + (100.0 * sum.max(1.0).ln()) as i32
}

/// The features of the prompt, then those of each sentence, as the table writes them, some of them several times.
pub(super) fn written(tokens: &Tokens, outcome: &Outcome) -> Vec<Vec<String>> {
    let names = grammar().lexicon.class_names();
    let name = |class: u8| names.get(usize::from(class)).map_or("", String::as_str);
    let mut all = vec![Vec::new()];
    each_part(tokens, outcome, |part| match (part, all.last_mut()) {
        (Part::Has(feature), Some(features)) => features.push(match feature {
            Feature::Text(parts) => parts.concat(),
            Feature::Classes(class, ALONE) => format!("@{}", name(class)),
            Feature::Classes(first, second) => format!("@{} @{}", name(first), name(second)),
        }),
        _ => all.push(Vec::new()),
    });
    all
}

/// A step through a prompt: features of all of it, then for each sentence its beginning and its features.
enum Part<'a> {
    Begin,
    Has(Feature<'a>),
}

fn each_part(tokens: &Tokens, outcome: &Outcome, mut take: impl FnMut(Part<'_>)) {
    let list = tokens.list();
    let mut fact = |fact: &str| take(Part::Has(Feature::Text([fact, "", ""])));
    facts(&POINTS, outcome.points, &mut fact);
    facts(&WORDS, i32::try_from(list.len()).unwrap_or(i32::MAX), &mut fact);
    let claims = outcome.points >= super::score::CLAIMS;
    let others = [
        (outcome.denied, "=denied"),
        (outcome.idle, "=idle"),
        (outcome.denied && !claims, "=denied_all"),
        (outcome.idle && !claims, "=idle_all"),
        (tokens.were_cut(), "=cut"),
    ];
    others.iter().filter(|(holds, _)| *holds).for_each(|(_, name)| fact(name));
    let mut start = 0;
    for (end, claimed) in &outcome.sentences {
        take(Part::Begin);
        let sentence = list.get(start..*end).unwrap_or_default();
        let mut fact = |fact: &str| take(Part::Has(Feature::Text([fact, "", ""])));
        facts(&CLAIMED, *claimed, &mut fact);
        facts(&LENGTHS, i32::try_from(sentence.len()).unwrap_or(i32::MAX), &mut fact);
        let places = [(start == 0, "=first"), (*end == list.len(), "=last"), (sentence.len() < list.len(), "=part")];
        places.iter().filter(|(holds, _)| *holds).for_each(|(_, name)| fact(name));
        each_feature(tokens, sentence, |feature| take(Part::Has(feature)));
        start = *end;
    }
}

/// Calls `take` with every feature of a sentence's words, with some of them several times.
fn each_feature(tokens: &Tokens, sentence: &[Token], mut take: impl FnMut(Feature<'_>)) {
    let lexicon = &grammar().lexicon;
    let (mut before, mut before_that) = ("^", "");
    let mut classes_before = lexicon.looks.start;
    for token in sentence {
        let text = tokens.word(token);
        let classes = lexicon.find(text).map_or_else(|| look(lexicon, text, token.capital), |word| word.classes);
        let word = if begins_with_digit(text) { "0" } else { text };
        let cut = if token.gap.has(Gap::CUT) { "<cut>" } else { "" };
        let parts = [(word, classes), (mark(token.gap), 0), (cut, 0)];
        for (word, classes) in parts.into_iter().filter(|(word, _)| !word.is_empty()) {
            take(Feature::Text([word, "", ""]));
            take(Feature::Text([before, " ", word]));
            if !before_that.is_empty() {
                take(Feature::Text([before_that, " _ ", word]));
            }
            for class in bits(classes) {
                take(Feature::Classes(class, ALONE));
                bits(classes_before).for_each(|first| take(Feature::Classes(first, class)));
            }
            (before_that, before, classes_before) = (before, word, classes);
        }
        for (letters, _) in BEGINNINGS.iter().filter(|(_, least)| word.len() >= *least) {
            word.get(..*letters).into_iter().for_each(|part| take(Feature::Text([part, "-", ""])));
        }
        for (letters, _) in ENDINGS.iter().filter(|(_, least)| word.len() >= *least) {
            word.get(word.len() - letters..).into_iter().for_each(|part| take(Feature::Text(["-", part, ""])));
        }
    }
}

/// Calls `take` with the facts for which the number is enough.
fn facts(facts: &[(i32, &str)], number: i32, mut take: impl FnMut(&str)) {
    facts.iter().filter(|(least, _)| number >= *least).for_each(|(_, fact)| take(fact));
}

fn mark(gap: Gap) -> &'static str {
    match gap {
        gap if gap.has(Gap::QUESTION) => "?",
        gap if gap.ends_sentence() => ".",
        gap if gap.has(Gap::COLON) => ":",
        gap if gap.has(Gap::COMMA) => ",",
        gap if gap.has(Gap::DASH) => "-",
        _ => "",
    }
}

/// The classes of a word that stands in no table: names are told from other words, which are told by their endings.
fn look(lexicon: &Lexicon, text: &str, capital: bool) -> Classes {
    if capital && !begins_with_digit(text) { lexicon.looks.capital } else { lexicon.guess(text) }
}

/// The numbers of the bits that are set.
fn bits(mut classes: Classes) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let bit = u8::try_from(classes.trailing_zeros()).ok().filter(|_| classes != 0)?;
        classes &= classes - 1;
        Some(bit)
    })
}

/// FNV-1a over the parts, as if they were one text.
fn hash(parts: [&str; 3]) -> u64 {
    let bytes = parts.into_iter().flat_map(str::bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Takes a number that is a hash already as it is.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read_and_names_what_there_is() {
        let lexicon = &grammar().lexicon;
        let text = include_str!("lean.txt");
        assert!(text.lines().count() < usize::from(u16::MAX));
        for line in text.lines() {
            let (points, feature) = line.split_once(' ').unwrap();
            assert!(points.parse::<i32>().is_ok(), "{line}");
            let classes = feature.split(' ').filter_map(|part| part.strip_prefix('@'));
            assert!(classes.into_iter().all(|class| lexicon.class_index(class).is_some()), "{line}");
        }
        let placed = TABLE.texts.len() + TABLE.classes.iter().filter(|place| **place > 0).count();
        assert_eq!(placed, text.lines().filter(|line| !line.ends_with(" *")).count());
    }

    #[test]
    fn features_are_found_as_they_are_written() {
        let sentences = vec![(2, 0), (6, 12)];
        let outcome = Outcome { points: 12, denied: true, idle: false, sentences };
        let features = written(&Tokens::of("Hi all! As a trombonist I"), &outcome);
        let has = |part: usize, feature: &str| features[part].iter().any(|written| written == feature);
        assert_eq!(features.len(), 3);
        for feature in ["=points10", "=denied", "=words6"] {
            assert!(has(0, feature), "{feature}");
        }
        assert!(!has(0, "=denied_all") && !has(0, "=points15"));
        for feature in
            ["as", "^ as", "as a", "as _ trombonist", "tromb-", "-ist", "-nist", "@i", "=claims10", "=last", "=part"]
        {
            assert!(has(2, feature) && !has(1, feature) || feature == "=part", "{feature}");
        }
        assert!(has(1, "^ hi") && has(1, "=first") && !has(2, "=first"));
    }

    #[test]
    fn sentences_weigh_together_about_as_much_as_the_one_that_leans_most() {
        assert_eq!(together(&[]), 0);
        assert_eq!(together(&[-250]), -250);
        assert_eq!(together(&[-900, 300]), 300);
        assert_eq!(together(&[100, 100]), 169);
    }
}
