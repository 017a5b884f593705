//! Adds up what a prompt's own words claim.

use super::grammar::{Classes, Grammar, Seen, Word, grammar};
use super::rules::{CLAIMS, Effect, RULES, Rule, STATEMENT, STATEMENT_BESIDE_PASTE, THRESHOLD};
use super::tokens::{Gap, Token, Tokens};
use super::words::{DERIVED, ENDINGS, ENGLISH_CLASSES, PORTUGUESE_CLASSES};
use std::{ops::Range, sync::LazyLock};

/// Whether the words claim something that may last.
pub(super) fn passes(tokens: &Tokens) -> bool {
    score(tokens, |_, _| {}) >= THRESHOLD
}

/// Masks of classes that this module asks for by name.
struct Names {
    number: Classes,
    year: Classes,
    capital: Classes,
    new: Classes,
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
    endings: Vec<Classes>,
    claims: Vec<Classes>,
    claiming: Classes,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let grammar = grammar();
    let all = |names: &[&str]| names.iter().fold(0, |all, name| all | grammar.class(name));
    let claims: Vec<Classes> = CLAIMS.iter().map(|(class, _)| grammar.class(class)).collect();
    let (english, portuguese): (Vec<&str>, Vec<&str>) =
        DERIVED.iter().copied().partition(|class| class.starts_with('e'));
    Names {
        number: grammar.class("number"),
        year: grammar.class("year"),
        capital: grammar.class("capital"),
        new: grammar.class("new"),
        det: grammar.class("det"),
        aux: grammar.class("aux"),
        pronoun: all(&["i", "we"]),
        common: all(&["thing", "text", "common", "relative"]),
        noun: grammar.class("noun1"),
        before_verb: all(&["eu", "adv", "not", "link", "self"]),
        asks: all(&["ask", "aux"]),
        opener: all(&["opener", "greet"]),
        greeting: all(&["opener", "greet", "laugh"]),
        first: all(&["life1", "habit1", "task1"]),
        portuguese: all(&portuguese) | all(&PORTUGUESE_CLASSES),
        english: all(&english) | all(&ENGLISH_CLASSES),
        endings: ENDINGS.iter().map(|(_, class, _)| grammar.class(class)).collect(),
        claiming: claims.iter().fold(0, |all, claim| all | claim),
        claims,
    }
});

/// The points of the words. `tell` is told each rule and claim that counts, for whoever wants to know why.
pub(super) fn score(tokens: &Tokens, mut tell: impl FnMut(&str, i32)) -> i32 {
    let grammar = grammar();
    let names = &*NAMES;
    let list = tokens.list();
    let beside = tokens.were_cut();
    let worth = if beside { STATEMENT_BESIDE_PASTE } else { STATEMENT };
    let mut tally =
        Tally { told: vec![false; RULES.len()], claimed: vec![false; CLAIMS.len()], statement: worth, playing: false };
    let foreign = foreign_classes(grammar, names, tokens);
    let mut total = 0;
    let mut start = 0;
    let mut cut = tokens.begin_cut();
    while start < list.len() {
        let end =
            list.iter().skip(start).position(|token| token.gap.ends_sentence()).map_or(list.len(), |at| start + at + 1);
        let sentence = Sentence::read(grammar, names, tokens, list.get(start..end).unwrap_or_default(), foreign, cut);
        cut = false;
        total += sentence.points(grammar, names, &mut tally, &mut tell);
        start = end;
    }
    total
}

/// Classes that the words cannot be in, because they are clearly in the other language.
fn foreign_classes(grammar: &Grammar, names: &Names, tokens: &Tokens) -> Classes {
    let (mut portuguese, mut english) = (0, 0);
    for token in tokens.list() {
        if let Some(word) = grammar.word(tokens.word(token)) {
            portuguese += usize::from(word.portuguese);
            english += usize::from(word.english);
        }
    }
    if english > 3 * portuguese {
        names.portuguese
    } else if portuguese > 3 * english {
        names.english
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
    playing: bool,
}

struct Sentence<'a> {
    words: Vec<Option<&'a Word>>,
    seen: Vec<Seen>,
    /// How many words come before it comes to the point.
    openers: usize,
    question: bool,
    greets: bool,
    cut: bool,
}

impl<'a> Sentence<'a> {
    fn read(grammar: &'a Grammar, names: &Names, tokens: &Tokens, list: &[Token], foreign: Classes, cut: bool) -> Self {
        let mut words = Vec::with_capacity(list.len());
        let mut seen: Vec<Seen> = Vec::with_capacity(list.len());
        for (index, token) in list.iter().enumerate() {
            let text = tokens.word(token);
            let word = grammar.word(text).or_else(|| text.strip_suffix("'s").and_then(|text| grammar.word(text)));
            let mut classes = word.map_or_else(|| unknown(names, text), |word| word.classes) & !foreign;
            if token.capital && index > 0 && classes & (names.claiming | names.common) == 0 {
                classes |= names.capital;
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
        Self { greets: greetings * 2 > seen.len(), words, seen, openers, question, cut }
    }

    fn points(&self, grammar: &Grammar, names: &Names, tally: &mut Tally, tell: &mut impl FnMut(&str, i32)) -> i32 {
        let mut hits: Vec<(usize, usize)> = Vec::new();
        let mut empty = vec![false; self.seen.len()];
        let mut real = self.seen.len();
        let mut against = 0;
        let mut held_against: Vec<usize> = Vec::new();
        // Empty, and every beginning is before its own.
        let mut fable = Range { start: usize::MAX, end: 0 };
        let (mut plays, mut role, mut void) = (false, false, false);
        let mut states = !(self.question || self.greets || self.cut) && self.seen.len() > 1;
        for at in 0..self.seen.len() {
            let word = self.words.get(at).copied().flatten();
            grammar.matches(word, &self.seen, at, self.openers, self.question, |pattern, end| {
                let index = usize::from(pattern.rule);
                let Some(rule) = RULES.get(index) else {
                    return;
                };
                match rule.effect {
                    Effect::For(_) => hits.push((at, index)),
                    Effect::Presupposed(_) => hits.push((at, index)),
                    Effect::Against(points) if !held_against.contains(&index) => {
                        held_against.push(index);
                        against += points;
                        tell(rule.about, -points);
                    }
                    Effect::Against(_) => {}
                    Effect::Empty | Effect::Idle => {
                        states &= rule.effect == Effect::Empty;
                        tell(rule.about, 0);
                        empty.get_mut(at..end).into_iter().flatten().for_each(|empty| *empty = true);
                    }
                    Effect::Plain => {
                        states = false;
                        tell(rule.about, 0);
                    }
                    Effect::Fable => {
                        let comma = self.seen.iter().skip(end).position(|seen| seen.gap.has(Gap::COMMA));
                        let until = comma.map_or(self.seen.len(), |comma| end + comma + 1);
                        states = false;
                        fable = fable.start.min(at)..fable.end.max(until);
                    }
                    Effect::Unreal => {
                        real = real.min(at);
                        tell(rule.about, 0);
                    }
                    Effect::Void => {
                        (real, void) = (0, true);
                        tell(rule.about, 0);
                    }
                    Effect::Play => {
                        (real, void, plays) = (0, true, true);
                        tell(rule.about, 0);
                    }
                    Effect::Role => role = true,
                }
            });
        }
        if role && tally.playing {
            (real, void) = (0, true);
        }
        let mut points = 0;
        for (at, index) in hits {
            if let (Some(told), Some(Rule { about, effect, .. })) = (tally.told.get_mut(index), RULES.get(index))
                && let Effect::For(worth) | Effect::Presupposed(worth) = effect
                && !(*told || void)
                && ((at < real && !fable.contains(&at)) || matches!(effect, Effect::Presupposed(_)))
            {
                *told = true;
                points += worth;
                tell(about, *worth);
            }
        }
        let claiming = self.seen.iter().zip(&empty).take(real).enumerate();
        let claiming = claiming.filter(|(at, (_, empty))| !(**empty || fable.contains(at)));
        let claiming = claiming.fold(0, |all, (_, (seen, _))| all | seen.classes);
        for (((class, worth), mask), claimed) in CLAIMS.iter().zip(&names.claims).zip(&mut tally.claimed) {
            if claiming & mask != 0 && !*claimed {
                *claimed = true;
                points += worth;
                tell(class, *worth);
            }
        }
        if states && real == self.seen.len() && !tally.playing {
            points += tally.statement;
            tell("A statement", tally.statement);
            tally.statement = 0;
        }
        tally.playing |= plays;
        (points - against).max(0)
    }
}

/// The classes of a word that no table has.
fn unknown(names: &Names, text: &str) -> Classes {
    if text.starts_with(|char: char| char.is_ascii_digit()) {
        let year = text.len() == 4 && (text.starts_with("19") || text.starts_with("20"));
        return if year { names.number | names.year } else { names.number };
    }
    let endings = ENDINGS.iter().zip(&names.endings);
    let endings = endings.filter(|((ending, _, least), _)| text.len() >= *least && text.ends_with(ending));
    endings.fold(names.new, |classes, (_, class)| classes | class)
}
