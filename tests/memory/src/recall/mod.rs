//! What comes back for questions, by meaning, by words, and by both.

mod marks;
mod report;

pub use marks::{Floors, sames};
pub use report::{by_floor, tables};

use crate::{
    figures::Share,
    users::{RecallUser, Size},
};
use anyhow::{Context as _, Result};
use palavra_domain::{
    EmbedAs, EmbeddedMemory, Memory, MemoryId, MemoryKind, MemoryOrigin, MemoryState, MemoryText, Timestamp, UserId,
    ports::Embedder,
    recall::{MemoryIndex, Mode, Rules, Sought},
};
use std::{collections::BTreeMap, time::Instant};
use uuid::Uuid;

/// How many memories are looked at.
pub const DEPTH: usize = 5;
/// How often each question is asked while time is taken.
const REPEATED: u32 = 5;
/// The most that comes back: more than [`DEPTH`] and all instructions of a user.
const LIMIT: usize = 40;
/// More than so many memories take.
const TOKENS: usize = 100_000;

/// A user whose memories can be searched.
pub struct Searchable<'a> {
    user: &'a RecallUser,
    index: MemoryIndex,
    /// The embedding of each question as a query; none when words alone decide.
    queries: Vec<Option<Vec<f32>>>,
    /// The places of the index's memories in the user's list.
    places: BTreeMap<MemoryId, usize>,
}

/// All memories were saved at this time, so that none is favoured as the newer one.
fn now() -> Timestamp {
    Timestamp::from_millis(1_767_323_045_006)
}

impl<'a> Searchable<'a> {
    /// Indexes the memories with the embeddings of the texts and of the questions, which may be missing.
    ///
    /// # Errors
    /// When a text is none that the API takes.
    pub fn new(user: &'a RecallUser, passages: Vec<Vec<f32>>, queries: Vec<Option<Vec<f32>>>) -> Result<Self> {
        let user_id = UserId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, user.user.as_bytes()));
        let mut embedded = Vec::new();
        let mut places = BTreeMap::new();
        for ((fact, vector), place) in user.memories.iter().zip(passages).zip(0..) {
            let id = MemoryId::new(Uuid::new_v5(&user_id.uuid(), fact.id.as_bytes()));
            places.insert(id, place);
            let memory = Memory {
                id,
                user_id,
                revision: 1,
                text: MemoryText::parse(fact.text.clone()).with_context(|| format!("{} of {}", fact.id, user.user))?,
                kind: fact.kind,
                origin: MemoryOrigin::User,
                source: None,
                state: MemoryState::Active,
                valid_from: now(),
                valid_to: None,
                superseded_by: None,
                created_at: now(),
                updated_at: now(),
            };
            embedded.push(EmbeddedMemory { memory, vector });
        }
        Ok(Self { user, index: MemoryIndex::new(embedded), queries, places })
    }

    /// Indexes the memories without embeddings: they are found by words.
    ///
    /// # Errors
    /// As [`Searchable::new`].
    pub fn by_words(user: &'a RecallUser) -> Result<Self> {
        Self::new(user, vec![Vec::new(); user.memories.len()], vec![None; user.questions.len()])
    }

    /// Embeds the memories as passages and the questions as queries.
    ///
    /// # Errors
    /// When the embedder fails.
    pub async fn embedded(user: &'a RecallUser, embedder: &dyn Embedder) -> Result<Self> {
        let passages: Vec<String> = user.memories.iter().map(|fact| fact.text.clone()).collect();
        let passages = embedder.embed(None, &passages, EmbedAs::Passage).await?.vectors;
        let queries: Vec<String> = user.questions.iter().map(|question| question.q.clone()).collect();
        let queries = embedder.embed(None, &queries, EmbedAs::Query).await?.vectors;
        Self::new(user, passages, queries.into_iter().map(Some).collect())
    }
}

/// How a question was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Whether it is in another language than what bears on it.
    pub cross: bool,
    /// How many memories its user has.
    pub memories: usize,
    /// The part of what bears on it that came back, and its nDCG; `None` when nothing bears on it.
    pub topical: Option<Topical>,
    /// How many memories came back, at most [`DEPTH`].
    pub returned: usize,
    /// How many of them bear on it.
    pub hits: usize,
    /// How many memories bear on it.
    pub relevant: usize,
    /// Of the memories named irrelevant, those that came back.
    pub tempted: Share,
}

/// How what bears on a question came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Topical {
    /// Which part of it was among the first [`DEPTH`].
    pub recall: f64,
    /// The discounted gain of the first [`DEPTH`], as a part of the best there could be.
    pub ndcg: f64,
}

/// The rules of a run: no instruction comes back but for what it says, and what comes back has room for all of them.
#[must_use]
pub fn rules(mode: Mode, floor: f32) -> Rules {
    Rules { mode, floor, limit: LIMIT, token_budget: TOKENS, standing: 0 }
}

/// Asks a user's questions. Standing instructions take no part in the ranking: they go with every prompt. They count only where the
/// question is about them.
#[must_use]
pub fn ask(user: &Searchable<'_>, rules: &Rules) -> Vec<Answered> {
    let asked = user.user.questions.iter().zip(&user.queries);
    let answered = asked.map(|(question, query)| {
        let sought = Sought { text: &question.q, vector: query.as_deref(), now: now() };
        let relevant: Vec<&str> = question.relevant.iter().map(String::as_str).collect();
        let found = user.index.search(&sought, rules);
        let found = found.iter().filter_map(|found| user.user.memories.get(*user.places.get(&found.memory.id)?));
        let names = found.filter(|fact| fact.kind != MemoryKind::Instruction || relevant.contains(&fact.id.as_str()));
        let names: Vec<&str> = names.map(|fact| fact.id.as_str()).take(DEPTH).collect();
        let tempted = question.irrelevant.iter().map(|name| names.contains(&name.as_str()));
        Answered {
            cross: question.cross,
            memories: user.user.memories.len(),
            topical: topical(&names, &relevant),
            returned: names.len(),
            hits: names.iter().filter(|name| relevant.contains(name)).count(),
            relevant: relevant.len(),
            tempted: tempted.collect(),
        }
    });
    answered.collect()
}

fn topical(names: &[&str], relevant: &[&str]) -> Option<Topical> {
    if relevant.is_empty() {
        return None;
    }
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let hits = names.iter().take(DEPTH).enumerate().filter(|(_, name)| relevant.contains(name));
    let best: f64 = (0..relevant.len().min(DEPTH)).map(gain).sum();
    let recall = hits.clone().count() as f64 / relevant.len() as f64;
    Some(Topical { recall, ndcg: hits.fold(0.0, |sum, (place, _)| sum + gain(place)) / best })
}

/// What a search takes, in microseconds, for each question of the users of a class.
#[must_use]
pub fn micros(users: &[Searchable<'_>], size: Size, rules: &Rules) -> Vec<f64> {
    let mut micros = Vec::new();
    for user in users.iter().filter(|user| size.has(user.user.memories.len())) {
        for (question, query) in user.user.questions.iter().zip(&user.queries) {
            let sought = Sought { text: &question.q, vector: query.as_deref(), now: now() };
            let begun = Instant::now();
            for _ in 0..REPEATED {
                std::hint::black_box(user.index.search(std::hint::black_box(&sought), rules));
            }
            micros.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(REPEATED));
        }
    }
    micros
}

/// The mean part of what bears on questions that came back, over all of them.
#[must_use]
pub fn mean_recall(answered: &[Answered]) -> f64 {
    let topical: Vec<f64> = answered.iter().filter_map(|answered| Some(answered.topical?.recall)).collect();
    topical.iter().sum::<f64>() / topical.len().max(1) as f64
}

/// Of what came back for all questions, the part that bears on them; and the F2 of all that came back, in which what is
/// missing weighs more than what does not belong: a model passes over a line of little use, but does not know what it was not given.
#[must_use]
pub fn precision_and_f2(answered: &[Answered]) -> (f64, f64) {
    let sum = |count: fn(&Answered) -> usize| answered.iter().map(count).sum::<usize>() as f64;
    let (hits, returned, relevant) = (sum(|a| a.hits), sum(|a| a.returned), sum(|a| a.relevant));
    let part = |of: f64| if of > 0.0 { hits / of } else { 0.0 };
    let (precision, recall) = (part(returned), part(relevant));
    let weighed = 4.0 * precision + recall;
    (precision, if weighed > 0.0 { 5.0 * precision * recall / weighed } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_discounted_by_place() {
        let is = |names: &[&str], relevant: &[&str]| topical(names, relevant).map(|is| (is.recall, is.ndcg));
        assert_eq!(is(&["a", "b"], &[]), None);
        assert_eq!(is(&["a", "b"], &["a"]), Some((1.0, 1.0)));
        assert_eq!(is(&["b"], &["a"]), Some((0.0, 0.0)));
        let (recall, ndcg) = is(&["x", "a", "b"], &["a", "b", "c"]).unwrap();
        let expected = (1.0 / 3_f64.log2() + 0.5) / (1.0 + 1.0 / 3_f64.log2() + 0.5);
        assert!((recall - 2.0 / 3.0).abs() < 1e-9 && (ndcg - expected).abs() < 1e-9);
        assert_eq!(is(&["1", "2", "3", "4", "5", "a"], &["a"]), Some((0.0, 0.0)));
    }

    #[test]
    fn a_question_finds_what_bears_on_it() {
        let line = r#"{"user":"u01","lang":"pt","memories":[
            {"id":"m1","kind":"fact","text":"Tem um cachorro chamado Thor"},{"id":"m2","kind":"profile","text":"Mora em Recife"}],
            "questions":[{"q":"Que ração eu dou ao meu cachorro Thor?","relevant":["m1"],"irrelevant":["m2"],"cross":false},
            {"q":"Quanto é dois mais dois?","relevant":[],"irrelevant":[],"cross":false}]}"#;
        let user: RecallUser = serde_json::from_str(line).unwrap();
        let user = Searchable::by_words(&user).unwrap();
        let [thor, sum] = ask(&user, &rules(Mode::Text, 0.0))[..] else { panic!() };
        assert_eq!(thor.topical, Some(Topical { recall: 1.0, ndcg: 1.0 }));
        assert_eq!((thor.tempted, thor.returned), (Share { hits: 0, of: 1 }, 1));
        assert!(sum.topical.is_none() && sum.returned == 0);
        assert_eq!(precision_and_f2(&[thor, sum]), (1.0, 1.0));
        let missed = Answered { hits: 0, relevant: 1, returned: 1, ..thor };
        assert_eq!(precision_and_f2(&[missed]), (0.0, 0.0));
        // Half of each: the F2 of equal figures is that figure.
        assert_eq!(precision_and_f2(&[thor, missed]), (0.5, 0.5));
    }
}
