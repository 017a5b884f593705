//! One user's memories, made ready to be searched.

use super::{Candidate, Mode, Rules, Sought, fuse, postings::Postings};
use crate::{EmbeddedMemory, Memory, MemoryCursor, MemoryKind, MemoryState, ScoredMemory, Timestamp};
use std::cmp::{Ordering, Reverse};

/// How many memories of a ranking count: those further down would add next to nothing.
const DEPTH: usize = 256;

/// One user's memories with their embeddings' directions and their words. It holds what it was given: whoever makes it leaves
/// out what no longer holds.
pub struct MemoryIndex {
    memories: Vec<Memory>,
    dimensions: usize,
    /// Of length 1, one after the other.
    directions: Vec<f32>,
    /// The place of each direction's memory.
    directed: Vec<u32>,
    postings: Postings,
    /// The places of instructions, newest first.
    standing: Vec<usize>,
}

impl MemoryIndex {
    /// Takes in one user's memories. A vector without a direction, or of another length than most, is not kept: its memory is
    /// found by words only.
    #[must_use]
    pub fn new(embedded: Vec<EmbeddedMemory>) -> Self {
        let dimensions = usual_length(&embedded);
        let mut memories = Vec::with_capacity(embedded.len());
        let mut directions = Vec::with_capacity(embedded.len() * dimensions);
        let mut directed = Vec::with_capacity(embedded.len());
        for (place, EmbeddedMemory { memory, vector }) in (0_u32..).zip(embedded) {
            if let Some(length) = length(&vector).filter(|_| vector.len() == dimensions) {
                directions.extend(vector.iter().map(|part| part / length));
                directed.push(place);
            }
            memories.push(memory);
        }
        directions.shrink_to_fit();
        directed.shrink_to_fit();
        let postings = Postings::new(memories.iter().map(|memory| memory.text.as_str()));
        let mut standing: Vec<(Timestamp, MemoryCursor, usize)> = memories
            .iter()
            .enumerate()
            .filter(|(_, memory)| memory.kind == MemoryKind::Instruction)
            .map(|(place, memory)| (memory.updated_at, memory.cursor(), place))
            .collect();
        standing.sort_unstable_by(|one, other| other.cmp(one));
        let standing = standing.into_iter().map(|(.., place)| place).collect();
        Self { memories, dimensions, directions, directed, postings, standing }
    }

    /// What it becomes once these memories are stored: the active ones are in it, in place of what had their ids, the others
    /// are not. Newest first, at most `limit`.
    #[must_use]
    pub fn changed(&self, changed: &[EmbeddedMemory], limit: usize) -> Self {
        let mut directions = self.directed.iter().zip(self.directions.chunks_exact(self.dimensions.max(1))).peekable();
        let kept = (0_u32..).zip(&self.memories).filter_map(|(place, memory)| {
            let direction =
                directions.next_if(|(directed, _)| **directed == place).map(|(_, direction)| direction.to_vec());
            let is_changed = changed.iter().any(|embedded| embedded.memory.id == memory.id);
            let vector = direction.unwrap_or_else(|| vec![0.0; self.dimensions]);
            (!is_changed).then(|| EmbeddedMemory { memory: memory.clone(), vector })
        });
        let new = changed.iter().filter(|embedded| embedded.memory.state == MemoryState::Active).cloned();
        let mut embedded: Vec<EmbeddedMemory> = kept.chain(new).collect();
        embedded.sort_by_key(|embedded| Reverse(embedded.memory.cursor()));
        embedded.truncate(limit);
        Self::new(embedded)
    }

    /// How many memories it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memories.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.memories.is_empty()
    }

    /// The memories, in the order they were given.
    #[must_use]
    pub fn memories(&self) -> &[Memory] {
        &self.memories
    }

    /// What it takes in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let span = |memory: &Memory| memory.source.as_ref()?.span.as_ref().map(|span| span.text.len());
        let texts: usize =
            self.memories.iter().map(|memory| memory.text.as_str().len() + span(memory).unwrap_or_default()).sum();
        size_of::<Self>()
            + texts
            + self.memories.capacity() * size_of::<Memory>()
            + self.directions.capacity() * size_of::<f32>()
            + self.directed.capacity() * size_of::<u32>()
            + self.standing.capacity() * size_of::<usize>()
            + self.postings.bytes()
    }

    /// The memories that bear on what is sought, best first, and after them the standing instructions that do not, newest
    /// first. The same memories and rules give the same answer in whatever order the memories were given.
    #[must_use]
    pub fn search(&self, sought: &Sought<'_>, rules: &Rules) -> Vec<Candidate> {
        let vector = sought.vector.filter(|_| rules.mode != Mode::Text);
        let mut similarities = vec![None; self.memories.len()];
        let mut by_meaning = Vec::new();
        for (place, similarity) in vector.into_iter().flat_map(|vector| self.similarities(vector)) {
            similarities[place] = Some(similarity);
            if similarity >= rules.floor {
                by_meaning.push((place, similarity));
            }
        }
        let by_words = if rules.mode == Mode::Vector { Vec::new() } else { self.postings.search(sought.text) };
        let mut text_scores = vec![0.0; self.memories.len()];
        for (place, score) in &by_words {
            text_scores[*place] = *score;
        }
        let rankings = if vector.is_some() && rules.mode == Mode::Hybrid { 2 } else { 1 };
        let mut sums = vec![0.0; self.memories.len()];
        fuse::add_ranking(&mut sums, &self.ranked(by_meaning, DEPTH));
        fuse::add_ranking(&mut sums, &self.ranked(by_words, DEPTH));
        let found = sums.iter().enumerate().filter(|(_, sum)| **sum > 0.0);
        let found = found.map(|(place, sum)| (place, fuse::weighed(*sum, rankings, &self.memories[place], sought.now)));
        let found = self.ranked(found.collect(), usize::MAX);

        let chosen = fuse::choose(&self.memories, found.iter().map(|(place, _)| *place), &self.standing, rules);
        let score = |place: usize| found.iter().find(|(found, _)| *found == place).map_or(0.0, |(_, score)| *score);
        let places = chosen.found.into_iter().chain(chosen.standing);
        let candidate = |place: usize| Candidate {
            memory: self.memories[place].clone(),
            similarity: similarities[place],
            text_score: text_scores[place],
            score: score(place),
        };
        places.map(candidate).collect()
    }

    /// The up to `limit` memories whose embeddings are nearest to `vector`, nearest first, none below `min_score`. None at all
    /// when it has no direction or another length than theirs.
    #[must_use]
    pub fn nearest(&self, vector: &[f32], limit: usize, min_score: f32) -> Vec<ScoredMemory> {
        let found = self.similarities(vector).filter(|(_, score)| *score >= min_score).collect();
        let nearest = self.ranked(found, limit).into_iter();
        nearest.map(|(place, score)| ScoredMemory { memory: self.memories[place].clone(), score }).collect()
    }

    /// The cosines of all memories that have a direction.
    fn similarities(&self, vector: &[f32]) -> impl Iterator<Item = (usize, f32)> {
        let length = length(vector).filter(|_| vector.len() == self.dimensions);
        let sought: Vec<f32> =
            length.map(|length| vector.iter().map(|part| part / length).collect()).unwrap_or_default();
        let comparable = if sought.is_empty() { 0 } else { self.directed.len() };
        let directions = self.directions.chunks_exact(self.dimensions.max(1));
        let directed = self.directed.iter().take(comparable).zip(directions);
        directed.map(move |(place, direction)| (*place as usize, dot(&sought, direction).clamp(-1.0, 1.0)))
    }

    /// The best `most` of some memories, best first; of two with the same score the newer.
    fn ranked(&self, mut found: Vec<(usize, f32)>, most: usize) -> Vec<(usize, f32)> {
        let order = |(one, a): &(usize, f32), (other, b): &(usize, f32)| -> Ordering {
            b.total_cmp(a).then_with(|| self.memories[*other].cursor().cmp(&self.memories[*one].cursor()))
        };
        if found.len() > most {
            found.select_nth_unstable_by(most, order);
            found.truncate(most);
        }
        found.sort_unstable_by(order);
        found
    }
}

/// The length that most vectors have.
fn usual_length(embedded: &[EmbeddedMemory]) -> usize {
    let mut lengths: Vec<usize> =
        embedded.iter().map(|embedded| embedded.vector.len()).filter(|len| *len > 0).collect();
    lengths.sort_unstable();
    lengths.chunk_by(usize::eq).max_by_key(|same| same.len()).and_then(|same| same.first().copied()).unwrap_or(0)
}

/// The length of a vector that points somewhere.
fn length(vector: &[f32]) -> Option<f32> {
    let length = dot(vector, vector).sqrt();
    (length > 0.0 && length.is_finite()).then_some(length)
}

/// The sum of products, in eight sums that the compiler can keep in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0_f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{NOW, facts, memory},
        *,
    };
    use crate::{ChatId, MemorySource, MemoryText, Span, TurnId, recall::Candidate};
    use uuid::Uuid;

    const EAST: &[f32] = &[1.0, 0.0];
    const NORTH: &[f32] = &[0.0, 2.0];
    const WEST: &[f32] = &[-3.0, 0.0];

    fn rules(mode: Mode) -> Rules {
        Rules { mode, ..Rules::new(0.3, 8, 1000) }
    }

    fn texts(candidates: &[Candidate]) -> Vec<&str> {
        candidates.iter().map(|candidate| candidate.memory.text.as_str()).collect()
    }

    fn sought<'a>(text: &'a str, vector: Option<&'a [f32]>) -> Sought<'a> {
        Sought { text, vector, now: NOW }
    }

    fn user() -> MemoryIndex {
        MemoryIndex::new(facts(&[
            ("Tem um gato", EAST),
            ("Toca violino", &[0.8, 0.6]),
            ("Mora em Recife", NORTH),
            ("Estuda japonês", WEST),
        ]))
    }

    #[test]
    fn what_is_near_or_says_it_comes_back_and_both_first() {
        let user = user();
        let found = user.search(&sought("Onde comprar um violino?", Some(EAST)), &rules(Mode::Hybrid));
        assert_eq!(texts(&found), ["Toca violino", "Tem um gato"]);
        assert_eq!(found[0].similarity, Some(0.8));
        assert!(found[0].text_score > 0.0 && found[1].text_score == 0.0 && found[0].score > found[1].score);
        let found = user.search(&sought("Bairros de Recife", Some(WEST)), &rules(Mode::Hybrid));
        assert_eq!(
            texts(&found),
            ["Estuda japonês", "Mora em Recife"],
            "below the floor, yet it says so; the newer first"
        );
        assert_eq!(found[1].similarity, Some(0.0));
    }

    #[test]
    fn either_ranking_can_be_asked_alone() {
        let user = user();
        let both = sought("Bairros de Recife", Some(EAST));
        assert_eq!(texts(&user.search(&both, &rules(Mode::Vector))), ["Tem um gato", "Toca violino"]);
        let found = user.search(&both, &rules(Mode::Text));
        assert_eq!(texts(&found), ["Mora em Recife"]);
        assert_eq!(found[0].similarity, None);
        let without = user.search(&sought("Bairros de Recife", None), &rules(Mode::Hybrid));
        assert_eq!(without, found, "and without a vector words are all there is");
        assert!(user.search(&sought("Recife", None), &rules(Mode::Vector)).is_empty());
    }

    #[test]
    fn the_floor_holds_for_meaning_alone() {
        let strict = Rules { floor: 0.9, ..rules(Mode::Hybrid) };
        assert_eq!(texts(&user().search(&sought("Quero conselhos", Some(EAST)), &strict)), ["Tem um gato"]);
        let found = user().search(&sought("A história do violino", Some(EAST)), &strict);
        assert_eq!(texts(&found), ["Toca violino", "Tem um gato"]);
    }

    #[test]
    fn standing_instructions_come_whatever_it_is_about() {
        let mut memories = facts(&[("Tem um gato", EAST), ("Toca violino", EAST)]);
        for (number, text) in (10..).zip(["Quer respostas formais", "Responda em inglês", "Sem emojis", "Seja breve"])
        {
            let age = u32::try_from(number).unwrap();
            memories.push(EmbeddedMemory {
                memory: memory(number, MemoryKind::Instruction, text, age),
                vector: WEST.to_vec(),
            });
        }
        let user = MemoryIndex::new(memories);
        let found = user.search(&sought("Aulas de violino", Some(EAST)), &rules(Mode::Hybrid));
        let expected = ["Toca violino", "Tem um gato", "Quer respostas formais", "Responda em inglês", "Sem emojis"];
        assert_eq!(texts(&found), expected);
        assert_eq!(found[4].score, 0.0);
        let found = user.search(&sought("Frases sem emojis", None), &rules(Mode::Hybrid));
        assert_eq!(texts(&found), ["Sem emojis", "Quer respostas formais", "Responda em inglês"]);
        assert!(found[0].score > 0.0);
        let none = Rules { standing: 0, ..rules(Mode::Hybrid) };
        assert!(user.search(&sought("Oi", None), &none).is_empty());
    }

    #[test]
    fn limit_and_budget_bound_what_comes_back() {
        let user = user();
        let all = sought("gato violino Recife japonês", None);
        assert_eq!(user.search(&all, &rules(Mode::Text)).len(), 4);
        assert_eq!(user.search(&all, &Rules { limit: 2, ..rules(Mode::Text) }).len(), 2);
        assert!(user.search(&all, &Rules { limit: 0, ..rules(Mode::Text) }).is_empty());
        assert_eq!(user.search(&all, &Rules { token_budget: 12, ..rules(Mode::Text) }).len(), 2);
        assert!(user.search(&all, &Rules { token_budget: 0, ..rules(Mode::Text) }).is_empty());
        assert!(MemoryIndex::new(Vec::new()).search(&all, &rules(Mode::Hybrid)).is_empty());
    }

    #[test]
    fn vectors_without_a_direction_or_of_another_length_are_passed_over() {
        let odd: [(&str, &[f32]); 6] = [
            ("Toca violino", &[1.0, 0.0, 0.0]),
            ("Tem um gato", &[0.0, 0.0]),
            ("Mora em Recife", &[]),
            ("Estuda japonês", &[f32::NAN, 1.0]),
            ("Corre", EAST),
            ("Nada", EAST),
        ];
        let user = MemoryIndex::new(facts(&odd));
        assert_eq!(user.len(), 6);
        assert_eq!(user.nearest(EAST, 9, -1.0).len(), 2);
        for vector in [&[0.0, 0.0][..], &[1.0], &[1.0, 0.0, 0.0], &[], &[f32::INFINITY, 0.0]] {
            assert!(user.nearest(vector, 9, -1.0).is_empty(), "{vector:?}");
            let found = user.search(&sought("violino", Some(vector)), &rules(Mode::Hybrid));
            assert_eq!(texts(&found), ["Toca violino"]);
        }
        let none = MemoryIndex::new(facts(&[("Corre", &[])]));
        assert!(none.nearest(&[], 9, -1.0).is_empty() && none.nearest(EAST, 9, -1.0).is_empty());
    }

    #[test]
    fn the_nearest_are_those_of_a_plain_sort() {
        let parts =
            |seed: u32| (1..=19).map(move |part| f32::from(u16::try_from(seed * 31 * part % 97).unwrap()) - 48.0);
        let vectors: Vec<Vec<f32>> = (1..=300).map(|seed| parts(seed).collect()).collect();
        let memories: Vec<(&str, &[f32])> = vectors.iter().map(|vector| ("x y", vector.as_slice())).collect();
        let user = MemoryIndex::new(facts(&memories));
        let sought: Vec<f32> = parts(7).map(|part| part + 5.0).collect();
        let plain_dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let cosine = |v: &[f32]| plain_dot(&sought, v) / (plain_dot(&sought, &sought) * plain_dot(v, v)).sqrt();
        let mut expected: Vec<f64> =
            vectors.iter().map(|vector| cosine(vector)).filter(|score| *score >= 0.1).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        let found = user.nearest(&sought, 12, 0.1);
        assert_eq!(found.len(), 12);
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(found.score) - expected).abs() < 1e-5, "{} {expected}", found.score);
        }
    }

    #[test]
    fn the_order_they_were_given_in_does_not_matter() {
        let mut memories =
            facts(&[("Tem um gato", EAST), ("Tem um gato", EAST), ("Um gato e um cão", NORTH), ("Vê um gato", EAST)]);
        let asked = sought("um gato", Some(EAST));
        let first = MemoryIndex::new(memories.clone()).search(&asked, &rules(Mode::Hybrid));
        memories.reverse();
        let second = MemoryIndex::new(memories.clone());
        assert_eq!(first, second.search(&asked, &rules(Mode::Hybrid)));
        let ids: Vec<u128> =
            second.nearest(EAST, 3, 0.5).iter().map(|found| found.memory.id.uuid().as_u128()).collect();
        assert_eq!(ids, [4, 2, 1], "of the same score the newer, or with the greater id");
    }

    #[test]
    fn changes_come_to_what_reading_anew_would() {
        let mut all = facts(&[("Tem um gato", EAST), ("Tem um cão", NORTH), ("Vê um gato", EAST), ("Mora só", &[])]);
        let before = MemoryIndex::new(all.clone());
        let mut replaced = all[0].clone();
        replaced.memory.text = MemoryText::parse("Tem dois gatos").unwrap();
        let mut ended = all[1].clone();
        ended.memory.state = MemoryState::Superseded;
        let mut new = facts(&[("a", EAST), ("b", EAST), ("c", EAST), ("d", EAST), ("Perdeu um gato", NORTH)]).remove(4);
        new.memory.created_at = NOW;
        let after = before.changed(&[replaced.clone(), ended, new.clone()], 4);
        all[0] = replaced;
        all[1] = new;
        all.sort_by_key(|embedded| Reverse(embedded.memory.cursor()));
        let anew = MemoryIndex::new(all);
        assert_eq!(after.memories(), anew.memories());
        for asked in [sought("um gato", Some(EAST)), sought("gatos", Some(NORTH)), sought("mora", None)] {
            assert_eq!(after.search(&asked, &rules(Mode::Hybrid)), anew.search(&asked, &rules(Mode::Hybrid)));
        }
        assert_eq!(before.changed(&[], 2).memories(), &before.changed(&[], 9).memories()[..2]);
    }

    #[test]
    fn bytes_count_texts_and_vectors() {
        let small = MemoryIndex::new(facts(&[("Toca violino", EAST)])).bytes();
        let longer_text = "Toca violino ".repeat(20);
        let longer = MemoryIndex::new(facts(&[(&longer_text, EAST)])).bytes();
        assert!(longer >= small + 12 * 20, "{small} {longer}");
        let wide = vec![1.0; 384];
        let wider = MemoryIndex::new(facts(&[("Toca violino", &wide)])).bytes();
        assert_eq!(wider, small + 382 * size_of::<f32>());
        assert!(small >= size_of::<MemoryIndex>() + size_of::<Memory>());
        let mut extracted = facts(&[("Toca violino", EAST)]);
        let span = Span { start: 0, text: "toco violino".to_owned() };
        let (chat, turn) = (ChatId::new(Uuid::nil()), TurnId::new(Uuid::nil()));
        extracted[0].memory.source = Some(MemorySource { chat, turn, span: Some(span) });
        assert_eq!(MemoryIndex::new(extracted).bytes(), small + "toco violino".len());
    }
}
