//! What the rules say of a prompt: its sentences one after the other, with what each claims.

use super::grammar::{Grammar, Seen, Sentence, grammar};
use super::lexicon::{Classes, Lexicon, Word};
use super::rules::{Effect, Pattern};
use super::tokens::{Gap, Token, Tokens};
use std::{ops::Range, sync::LazyLock};

/// How many points a prompt claims something with.
pub(super) const CLAIMS: i32 = 10;
/// What a sentence claims that is no question, no order and no greeting, once a prompt: people who tell an assistant something mostly
/// tell it of themselves.
const STATEMENT: i32 = 10;
/// The same beside something that was pasted or quoted, of which it may speak.
const STATEMENT_BESIDE_PASTE: i32 = 5;

/// Classes that only words of one language are in: verbs by the beginning of the class's name, others by the name.
const PORTUGUESE: ([&str; 5], [&str; 10]) = (
    ["life", "habit", "task", "turn", "change"],
    ["eu", "mim", "meu", "sou", "estou", "tenho", "past1", "sse", "inf", "ger"],
);
const ENGLISH: ([&str; 5], [&str; 11]) = (
    ["elife", "ehabit", "etask", "eturn", "elived"],
    ["i", "im", "ive", "ill", "we", "my", "me", "aux", "eing", "eed", "epast"],
);

/// What the rules say of a prompt.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// How much is claimed.
    pub(super) points: i32,
    /// Whether a sentence is a play, a supposition, an order for once, or one that is none of the author's to give.
    pub(super) denied: bool,
    /// Whether a sentence tells of a task or a moment, of somebody else or a day.
    pub(super) idle: bool,
    /// The sentences: where each ends, by words, and what it claims.
    pub(super) sentences: Vec<(usize, i32)>,
}

/// Classes that this module asks for.
struct Names {
    det: Classes,
    aux: Classes,
    pronoun: Classes,
    common: Classes,
    noun: Classes,
    before_verb: Classes,
    asks: Classes,
    opener: Classes,
    greeting: Classes,
    first: Classes,
    portuguese: Classes,
    english: Classes,
    claiming: Classes,
    of_self: Classes,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let Grammar { lexicon, rules, .. } = grammar();
    let only = |(verbs, others): (&[&str], &[&str])| {
        let verbs = lexicon.class_names().iter().filter(|name| verbs.iter().any(|verb| name.starts_with(verb)));
        verbs.fold(lexicon.classes(others), |all, name| all | lexicon.class(name))
    };
    let claiming = rules.claims.iter().fold(0, |all, (_, class, _)| all | class);
    Names {
        det: lexicon.class("det"),
        aux: lexicon.class("aux"),
        pronoun: lexicon.classes(&["i", "we"]),
        common: lexicon.classes(&["thing", "text", "common", "relative"]),
        noun: lexicon.class("noun1"),
        before_verb: lexicon.classes(&["eu", "adv", "not", "link", "self"]),
        asks: lexicon.classes(&["ask", "aux"]),
        opener: lexicon.classes(&["opener", "greet"]),
        greeting: lexicon.classes(&["opener", "greet", "laugh"]),
        first: lexicon.classes(&["life1", "habit1", "task1"]),
        portuguese: only((&PORTUGUESE.0, &PORTUGUESE.1)),
        english: only((&ENGLISH.0, &ENGLISH.1)),
        claiming,
        of_self: claiming | lexicon.classes(&["trait", "self"]),
    }
});

/// Whether a text has words in which people speak of themselves.
pub(super) fn speaks_of_self(text: &str) -> bool {
    let tokens = Tokens::of(text);
    let mut words = tokens.list().iter().filter_map(|token| grammar().lexicon.find(tokens.word(token)));
    words.any(|word| word.classes & NAMES.of_self != 0)
}

/// What the rules say of the words. `tell` is told each rule and claim that counts, with its points, for whoever wants to know why.
pub(super) fn score(tokens: &Tokens, mut tell: impl FnMut(&str, i32)) -> Outcome {
    let grammar = grammar();
    let list = tokens.list();
    let foreign = foreign_classes(&grammar.lexicon, tokens);
    let mut tally = Tally {
        told: vec![false; grammar.rules.rules.len()],
        claimed: vec![false; grammar.rules.claims.len()],
        statement: if tokens.were_cut() { STATEMENT_BESIDE_PASTE } else { STATEMENT },
        playing: false,
        outcome: Outcome::default(),
    };
    let mut start = 0;
    let mut cut = tokens.begin_cut();
    while start < list.len() {
        let end = list.iter().skip(start).position(|token| token.gap.ends_sentence());
        let end = end.map_or(list.len(), |at| start + at + 1);
        let said = Said::read(tokens, list.get(start..end).unwrap_or_default(), foreign, cut);
        let before = tally.outcome.points;
        said.count(grammar, &mut tally, &mut tell);
        let claimed = tally.outcome.points - before;
        tally.outcome.sentences.push((end, claimed));
        (start, cut) = (end, false);
    }
    tally.outcome
}

/// Classes that the words cannot be in, because they are clearly in the other language.
fn foreign_classes(lexicon: &Lexicon, tokens: &Tokens) -> Classes {
    let words = tokens.list().iter().filter_map(|token| lexicon.find(tokens.word(token)));
    let (portuguese, english) = words.fold((0, 0), |(portuguese, english), word| {
        (portuguese + usize::from(word.portuguese), english + usize::from(word.english))
    });
    if english > 3 * portuguese {
        NAMES.portuguese
    } else if portuguese > 3 * english {
        NAMES.english
    } else {
        0
    }
}

/// What has counted so far.
struct Tally {
    told: Vec<bool>,
    claimed: Vec<bool>,
    /// What the next statement is worth.
    statement: i32,
    /// Whether a play has begun.
    playing: bool,
    outcome: Outcome,
}

/// A sentence.
struct Said<'a> {
    words: Vec<Option<&'a Word>>,
    seen: Vec<Seen>,
    openers: usize,
    question: bool,
    /// More than half of it is a greeting or thanks.
    greets: bool,
    /// Something that is not the author's own stood in it or beside it.
    cut: bool,
}

/// What the rules that fit a sentence make of it.
struct Reading {
    /// Rules that speak for it, with where they fit.
    hits: Vec<(usize, usize)>,
    /// Words that claim nothing.
    empty: Vec<bool>,
    /// From here on it is no statement.
    real: usize,
    fable: Option<Range<usize>>,
    against: i32,
    held_against: Vec<usize>,
    /// Whether it claims something by being a statement.
    states: bool,
    void: bool,
    plays: bool,
    role: bool,
}

impl Reading {
    fn in_fable(&self, at: usize) -> bool {
        self.fable.as_ref().is_some_and(|fable| fable.contains(&at))
    }
}

impl<'a> Said<'a> {
    fn read(tokens: &Tokens, list: &[Token], foreign: Classes, cut: bool) -> Said<'a> {
        let lexicon = &grammar().lexicon;
        let names = &*NAMES;
        let mut words = Vec::with_capacity(list.len());
        let mut seen: Vec<Seen> = Vec::with_capacity(list.len());
        for (index, token) in list.iter().enumerate() {
            let text = tokens.word(token);
            let word = lexicon.find(text);
            let mut classes = word.map_or_else(|| lexicon.guess(text), |word| word.classes) & !foreign;
            if token.capital && index > 0 && classes & (names.claiming | names.common) == 0 {
                classes |= lexicon.looks.capital;
            }
            if let Some(before) = seen.last().filter(|before| before.gap.joins()) {
                // 'O trabalho', 'meu curso', 'aquele bom jogo': nouns that look like verbs.
                let noun = classes & names.noun != 0 && before.classes & names.before_verb == 0;
                if before.classes & names.det != 0 || noun {
                    classes &= !names.first;
                }
                // 'Do I', 'if we': no statement.
                if before.classes & names.aux != 0 {
                    classes &= !names.pronoun;
                }
            }
            words.push(word);
            seen.push(Seen { id: word.map_or(0, |word| word.id), classes, gap: token.gap });
        }
        let openers = seen.iter().take_while(|seen| seen.classes & names.opener != 0).count();
        let asks = seen.get(openers).is_some_and(|first| first.classes & names.asks != 0);
        let question = asks || list.last().is_some_and(|last| last.gap.has(Gap::QUESTION));
        let greetings = seen.iter().filter(|seen| seen.classes & names.greeting != 0).count();
        let cut = cut || list.iter().any(|token| token.gap.has(Gap::CUT));
        Said { greets: greetings * 2 > seen.len(), words, seen, openers, question, cut }
    }

    /// Adds what the sentence claims to the tally.
    fn count(&self, grammar: &Grammar, tally: &mut Tally, tell: &mut impl FnMut(&str, i32)) {
        let mut reading = self.apply_rules(grammar, tally, tell);
        if reading.role && tally.playing {
            (reading.real, reading.void) = (0, true);
        }
        let mut points = 0;
        for (at, index) in &reading.hits {
            let (Some(told), Some(rule)) = (tally.told.get_mut(*index), grammar.rules.rules.get(*index)) else {
                continue;
            };
            let stated = *at < reading.real && !reading.in_fable(*at);
            let worth = match rule.effect {
                Effect::For(worth) if stated => worth,
                Effect::Presupposed(worth) if !reading.void => worth,
                _ => continue,
            };
            if !*told {
                *told = true;
                points += worth;
                tell(rule.about, worth);
            }
        }
        let claiming = self.seen.iter().zip(&reading.empty).take(reading.real).enumerate();
        let claiming = claiming.filter(|(at, (_, empty))| !(**empty || reading.in_fable(*at)));
        let claiming = claiming.fold(0, |all, (_, (seen, _))| all | seen.classes);
        for ((name, class, worth), claimed) in grammar.rules.claims.iter().zip(&mut tally.claimed) {
            if claiming & class != 0 && !*claimed {
                *claimed = true;
                points += worth;
                tell(name, *worth);
            }
        }
        if reading.states && reading.real == self.seen.len() && !tally.playing {
            points += tally.statement;
            tell("A statement", tally.statement);
            tally.statement = 0;
        }
        tally.playing |= reading.plays;
        tally.outcome.points += (points - reading.against).max(0);
    }

    fn apply_rules(&self, grammar: &Grammar, tally: &mut Tally, tell: &mut impl FnMut(&str, i32)) -> Reading {
        let count = self.seen.len();
        let mut reading = Reading {
            hits: Vec::new(),
            empty: vec![false; count],
            real: count,
            fable: None,
            against: 0,
            held_against: Vec::new(),
            states: !(self.question || self.greets || self.cut) && count > 1,
            void: false,
            plays: false,
            role: false,
        };
        let sentence = Sentence { seen: &self.seen, openers: self.openers, question: self.question };
        for (at, word) in self.words.iter().enumerate() {
            grammar.matches(*word, &sentence, at, |pattern, end| {
                if let Some(rule) = grammar.rules.rules.get(pattern.rule) {
                    if !matches!(rule.effect, Effect::For(_) | Effect::Presupposed(_) | Effect::Role) {
                        tell(rule.about, 0);
                    }
                    self.apply(rule.effect, pattern, at..end, &mut reading, &mut tally.outcome);
                }
            });
        }
        reading
    }

    fn apply(
        &self,
        effect: Effect,
        pattern: &Pattern,
        fits: Range<usize>,
        reading: &mut Reading,
        outcome: &mut Outcome,
    ) {
        match effect {
            Effect::For(_) | Effect::Presupposed(_) => reading.hits.push((fits.start, pattern.rule)),
            Effect::Against(points) => {
                if !reading.held_against.contains(&pattern.rule) {
                    reading.held_against.push(pattern.rule);
                    reading.against += points;
                }
                outcome.denied = true;
            }
            Effect::Empty | Effect::Idle => {
                reading.states &= effect == Effect::Empty;
                outcome.idle |= effect == Effect::Idle;
                reading.empty.get_mut(fits).into_iter().flatten().for_each(|empty| *empty = true);
            }
            Effect::Plain | Effect::Elsewhere => {
                reading.states = false;
                outcome.idle |= effect == Effect::Elsewhere;
            }
            Effect::Fable => {
                let comma = self.seen.iter().skip(fits.end).position(|seen| seen.gap.has(Gap::COMMA));
                let until = comma.map_or(self.seen.len(), |comma| fits.end + comma + 1);
                reading.states = false;
                let fable = reading.fable.take().unwrap_or(fits.start..until);
                reading.fable = Some(fable.start.min(fits.start)..fable.end.max(until));
            }
            Effect::Unreal => {
                reading.real = reading.real.min(fits.start);
                outcome.denied = true;
            }
            Effect::Void | Effect::Play => {
                (reading.real, reading.void) = (0, true);
                reading.plays |= effect == Effect::Play;
                outcome.denied = true;
            }
            Effect::Role => reading.role = true,
        }
    }
}
