//! BM25 over the words of one user's memories, and when a match of words is one.

use super::{lexicon::hash, subject, text};
use std::ops::Range;

/// How soon a word said again adds nothing.
const SATURATION: f32 = 1.2;
/// How much a longer memory is held against it: little, for even the longest are short.
const LENGTH: f32 = 0.4;
/// What a weak word weighs beside another that is as rare.
const WEAK: f32 = 0.25;
/// Of a long text as much is sought at either end, in bytes: what it asks for is there, and what is pasted in between.
const END: usize = 2048;
/// A match of at least this part of what the words sought weigh is one, however common they are.
const COVERED: f32 = 0.5;
/// A word that this many memories have, or one in [`RARE_PART`], says what a prompt is about.
const RARE: usize = 4;
const RARE_PART: usize = 4;
/// In a prompt of more different words one that tells something is met by chance: two must match. So must they where the
/// prompt is about the world.
const CHANCE: usize = 20;

/// Which memories have which words.
pub(super) struct Postings {
    /// The hashes of all forms of words, ascending. Their places are their ids.
    terms: Vec<u64>,
    /// By id, where the term's entries begin; the last is the end of all.
    starts: Vec<u32>,
    entries: Vec<Entry>,
    memories: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    memory: u32,
    /// BM25's share of the count and the length, without the rarity of the term.
    frequency: f32,
}

/// A word that is sought: its forms and those of others with the same stem.
struct SoughtWord {
    ids: Vec<usize>,
    weak: bool,
    times: usize,
}

/// What one memory has of the words sought.
#[derive(Clone, Copy, Default)]
struct Match {
    score: f32,
    covered: f32,
    telling: u32,
    /// What the word at hand has added so far: another form of it adds only what it has more.
    last: Added,
}

#[derive(Clone, Copy, Default)]
struct Added {
    word: usize,
    score: f32,
    covered: f32,
    telling: u32,
}

impl Match {
    /// Whether it is one, where all words sought weigh `possible` and `least` of those that tell something must match.
    fn holds(&self, possible: f32, least: u32) -> bool {
        self.telling >= least || self.covered > 0.0 && self.covered >= COVERED * possible
    }
}

impl Postings {
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut found: Vec<(u64, u32)> = Vec::new();
        let mut lengths: Vec<f32> = Vec::new();
        for (memory, text) in (0..).zip(texts) {
            let mut length = 0.0;
            text::words(text, |word| {
                length += 1.0;
                found.extend(word.forms.iter().map(|form| (hash(form), memory)));
            });
            lengths.push(length);
        }
        found.sort_unstable();
        let mean = (lengths.iter().sum::<f32>() / lengths.len().max(1) as f32).max(1.0);
        let mut postings = Self { terms: Vec::new(), starts: Vec::new(), entries: Vec::new(), memories: lengths.len() };
        for same in found.chunk_by(|one, other| one == other) {
            let [(term, memory), ..] = *same else { continue };
            if postings.terms.last() != Some(&term) {
                postings.terms.push(term);
                postings.starts.push(place(postings.entries.len()));
            }
            let (times, length) = (same.len() as f32, lengths.get(memory as usize).copied().unwrap_or(mean));
            let norm = SATURATION * (1.0 - LENGTH + LENGTH * length / mean);
            postings.entries.push(Entry { memory, frequency: times * (SATURATION + 1.0) / (times + norm) });
        }
        postings.starts.push(place(postings.entries.len()));
        postings.terms.shrink_to_fit();
        postings.starts.shrink_to_fit();
        postings.entries.shrink_to_fit();
        postings
    }

    /// What it takes on the heap, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.terms.capacity() * size_of::<u64>()
            + self.starts.capacity() * size_of::<u32>()
            + self.entries.capacity() * size_of::<Entry>()
    }

    /// The memories whose words match those of `text`, with their scores, in no order.
    pub(super) fn search(&self, text: &str) -> Vec<(usize, f32)> {
        let (sought, possible) = self.sought(text);
        let matches = self.matches(&sought);
        let least = if sought.len() > CHANCE || subject::is_the_world(ends(text)[0]) { 2 } else { 1 };
        let is_match = |found: &Match| found.holds(possible, least);
        matches
            .iter()
            .enumerate()
            .filter(|(_, found)| is_match(found))
            .map(|(memory, found)| (memory, found.score))
            .collect()
    }

    fn matches(&self, sought: &[SoughtWord]) -> Vec<Match> {
        let mut matches = vec![Match::default(); self.memories];
        for (number, word) in sought.iter().enumerate() {
            for id in &word.ids {
                // From 1: no memory begins with what word 0 added.
                self.add(number + 1, *id, word, &mut matches);
            }
        }
        matches
    }

    /// The words of a text by their stems, and what a memory with all of them would cover.
    fn sought(&self, text: &str) -> (Vec<SoughtWord>, f32) {
        let mut forms: Vec<(u64, u64, bool)> = Vec::new();
        for part in ends(text) {
            text::words(part, |word| {
                let stem = word.forms.get(1).or(word.forms.first()).map_or(0, |stem| hash(stem));
                forms.extend(word.forms.iter().map(|form| (stem, hash(form), word.weak)));
            });
        }
        forms.sort_unstable();
        let mut possible = 0.0;
        let words = forms.chunk_by(|(stem, ..), (other, ..)| stem == other);
        let sought = words.map(|forms| {
            let weak = forms.iter().all(|(_, _, weak)| *weak);
            let times = forms.iter().filter(|(stem, form, _)| stem == form).count();
            let mut ids: Vec<usize> =
                forms.iter().filter_map(|(_, form, _)| self.terms.binary_search(form).ok()).collect();
            ids.dedup();
            let rarest = ids.iter().map(|id| self.entries_of(*id).len()).min().unwrap_or(0);
            possible += self.weight(rarest, weak);
            SoughtWord { ids, weak, times }
        });
        (sought.collect(), possible)
    }

    fn add(&self, number: usize, id: usize, word: &SoughtWord, matches: &mut [Match]) {
        let range = self.entries_of(id);
        let weight = self.weight(range.len(), word.weak);
        let telling = !word.weak && (range.len() <= RARE || range.len() * RARE_PART <= self.memories);
        // What is said twice is not said by chance.
        let telling = if !telling {
            0
        } else if word.times > 1 {
            2
        } else {
            1
        };
        for entry in self.entries.get(range).unwrap_or_default() {
            let Some(found) = matches.get_mut(entry.memory as usize) else { continue };
            let last = if found.last.word == number { found.last } else { Added::default() };
            let added = Added {
                word: number,
                score: last.score.max(weight * entry.frequency),
                covered: last.covered.max(weight),
                telling: last.telling.max(telling),
            };
            found.score += added.score - last.score;
            found.covered += added.covered - last.covered;
            found.telling += added.telling - last.telling;
            found.last = added;
        }
    }

    fn entries_of(&self, id: usize) -> Range<usize> {
        let at = |id: usize| self.starts.get(id).map_or(0, |start| *start as usize);
        at(id)..at(id + 1)
    }

    /// What a word weighs that `having` memories have: the rarer the more.
    fn weight(&self, having: usize, weak: bool) -> f32 {
        let (all, having) = (self.memories as f32, having as f32);
        let rarity = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
        if weak { rarity * WEAK } else { rarity }
    }
}

/// A place in a list; the lists of one user's words are never so long that it is cut.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The beginning and the end of a long text; all of another.
fn ends(text: &str) -> [&str; 2] {
    if text.len() <= 2 * END {
        return [text, ""];
    }
    let head = text.floor_char_boundary(END);
    let tail = text.ceil_char_boundary(text.len() - END);
    [&text[..head], &text[tail..]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the texts that match, best first.
    fn found(texts: &[&str], sought: &str) -> Vec<usize> {
        let mut found = Postings::new(texts.iter().copied()).search(sought);
        found.sort_by(|(one, a), (other, b)| b.total_cmp(a).then(one.cmp(other)));
        found.into_iter().map(|(place, _)| place).collect()
    }

    const USER: [&str; 6] = [
        "Trabalha como enfermeira em um hospital de Recife",
        "Gosta de café sem açúcar",
        "Tem um cachorro chamado Bolinha e um gato chamado Mingau",
        "Tem um cachorro",
        "Prefere café e bolo de manhã, e nunca à noite, quando prefere um chá ou um copo de água com limão",
        "Programa em Rust",
    ];

    #[test]
    fn rarer_words_more_of_them_and_shorter_memories_score_higher() {
        assert_eq!(found(&USER, "o cachorro Bolinha"), [2, 3]);
        assert_eq!(found(&USER, "meu cachorro"), [3, 2]);
        assert_eq!(found(&USER, "receita de bolo com café"), [4, 1]);
    }

    #[test]
    fn what_is_sought_in_other_forms_of_a_word_counts_once() {
        let postings = Postings::new(USER.into_iter());
        let score = |text: &str| postings.search(text).first().map(|(_, score)| *score);
        assert_eq!(score("cachorro"), score("cachorro cachorros"));
        let (sought, _) = postings.sought("cachorro, cachorros, o cachorro");
        assert_eq!((sought.len(), sought[0].times), (1, 3));
    }

    #[test]
    fn a_common_word_is_a_match_only_when_little_else_is_sought() {
        assert_eq!(found(&USER, "onde eu trabalho?"), [0]);
        assert!(found(&USER, "Me ajuda com um trabalho sobre a revolução francesa?").is_empty());
        assert!(found(&USER, "I would like the best way to learn the guitar").is_empty());
        assert!(found(&USER, "quem é você?").is_empty());
    }

    #[test]
    fn a_word_tells_by_its_rarest_form() {
        let mut texts = vec!["programas de rádio".to_owned()];
        texts.extend((0..20).map(|number| format!("O programa{number} e programar")));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(found(&texts, "Onde acho programas sobre geologia, vulcanismo e sedimentos?"), [0]);
    }

    #[test]
    fn what_most_memories_have_tells_nothing() {
        let mut texts: Vec<String> = (0..20).map(|number| format!("Projeto Aurora: tarefa{number}")).collect();
        texts.push("Violino às terças".to_owned());
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert!(found(&texts, "Pinturas famosas sobre a aurora boreal na Noruega").is_empty());
        assert_eq!(found(&texts, "Pinturas famosas com violino na Noruega"), [20]);
        assert_eq!(found(&texts, "projeto aurora").len(), 20, "but it may be all that is sought");
    }

    #[test]
    fn in_a_long_prompt_one_word_is_chance() {
        let words: Vec<String> = (0..CHANCE).map(|number| format!("palavra{number}")).collect();
        let long = words.join(" ");
        assert!(found(&USER, &format!("{long} cachorro")).is_empty());
        assert_eq!(found(&USER, &format!("{long} cachorro e Bolinha")), [2]);
        assert_eq!(found(&USER, &format!("o cachorro {long} com cachorros")).len(), 2, "said twice it is none");
        assert_eq!(found(&USER, &format!("{} cachorro", words[1..].join(" "))).len(), 2);
    }

    #[test]
    fn of_a_long_text_both_ends_are_read() {
        let filler = "é ".repeat(5_000);
        assert_eq!(found(&USER, &format!("enfermeira {filler}")), [0]);
        assert_eq!(found(&USER, &format!("{filler} enfermeira")), [0]);
        assert!(found(&USER, &format!("{filler} enfermeira {filler}")).is_empty());
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        assert!(found(&[], "cachorro").is_empty());
        assert!(found(&["?", "a"], "cachorro").is_empty());
        assert!(found(&USER, "").is_empty());
    }
}
