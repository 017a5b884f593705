//! What is learnt from prompts, by the whole pipeline and a real model, against the labels.

pub mod matching;
mod report;
mod sample;
pub mod world;

pub use report::{details, tables};
pub use sample::{said_again, sample};

use crate::prompts::{Entry, Language, Part};
use anyhow::Result;
use matching::{Rule, Statement, assigned, cosine};
use palavra_application::Gate;
use palavra_domain::{Memory, MemoryId};
use std::collections::BTreeSet;
use world::{Learning, World};

/// What became of one prompt.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The prompt's name.
    pub id: String,
    /// Of which part.
    pub part: Part,
    /// In which language.
    pub language: Language,
    /// What it tests.
    pub category: String,
    /// Whether it is one of the sample; the others are there for what they change.
    pub sampled: bool,
    /// Whether there is anything to learn from it.
    pub holds: bool,
    /// Whether the gate lets it pass.
    pub passed: bool,
    /// Whether learning from it failed.
    pub failed: bool,
    /// What should be kept.
    pub labels: Vec<Statement>,
    /// What was saved.
    pub saved: Vec<Statement>,
    /// For each label, which of `saved` it is.
    pub found: Vec<Option<usize>>,
    /// Labels that say nothing new: what is known already says the same.
    pub known_already: Vec<bool>,
    /// For each of `saved`, whether it is what some label says.
    pub right: Vec<bool>,
    /// What was known before.
    pub known: Vec<Known>,
    /// What the second time came to, where the prompt was said again.
    pub again: Option<Again>,
}

/// A memory from before the prompt.
#[derive(Clone, Debug)]
pub struct Known {
    /// What it says.
    pub text: String,
    /// What the labels say of it.
    pub should: Fate,
    /// Whether it does not hold any more.
    pub ended: bool,
}

/// What should become of a known memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stays,
    /// Something else takes its place.
    IsSuperseded,
    /// It ends.
    IsRetracted,
}

/// What is there after a prompt was said a second time in another order.
#[derive(Clone, Debug)]
pub struct Again {
    /// Whether the gate lets the second one pass.
    pub passed: bool,
    /// Of all that came from the two, whether it says what an older one says.
    pub double: Vec<bool>,
}

impl Outcome {
    /// What would have become of it behind the gate.
    #[must_use]
    pub fn behind_the_gate(&self) -> Self {
        if self.passed {
            return Self { again: self.again.clone().filter(|again| again.passed), ..self.clone() };
        }
        Self {
            failed: false,
            saved: Vec::new(),
            right: Vec::new(),
            found: vec![None; self.labels.len()],
            known: self.known.iter().map(|known| Known { ended: false, ..known.clone() }).collect(),
            again: None,
            ..self.clone()
        }
    }
}

/// Has one prompt learnt from by a new user who is known by the labels of the earlier prompts; where it holds something and
/// belongs to the sample also a second time, said in another order.
///
/// # Errors
/// When the stores or the embedder fail. A model that fails leaves an outcome that has failed.
pub async fn learn(world: &World, entry: &Entry, sampled: bool, rule: Rule) -> Result<Outcome> {
    let user = world.user(&user_name(entry.id())).await?;
    let known = entry.known();
    let known_ids = world.know(user, &known).await?;
    let learning = world.say(user, entry.prompt()).await?;
    let standing = world.memories(user).await?;

    let label_texts: Vec<String> = entry.keep().iter().map(|label| label.text.clone()).collect();
    let vectors = world.embed(&label_texts).await?;
    let labels = entry.keep().iter().zip(vectors);
    let labels: Vec<Statement> =
        labels.map(|(label, vector)| Statement::of_label(label, entry.prompt(), vector)).collect();

    let is_known = |memory: &&Memory| known_ids.contains(&memory.id);
    let saved: Vec<&Memory> = standing.iter().filter(|memory| !is_known(memory)).collect();
    let saved_ids: Vec<MemoryId> = saved.iter().map(|memory| memory.id).collect();
    let saved = statements(world, &saved).await?;
    let right = saved.iter().map(|saved| labels.iter().any(|label| saved.fits(label, rule).is_some())).collect();
    let known_still: Vec<&Memory> = standing.iter().filter(is_known).collect();
    let known_still = statements(world, &known_still).await?;
    let known_already = labels.iter().map(|label| known_still.iter().any(|known| known.says(label))).collect();
    let still: BTreeSet<MemoryId> = standing.iter().map(|memory| memory.id).collect();
    let known = known.iter().zip(&known_ids).map(|(label, id)| Known {
        text: label.text.clone(),
        should: fate(entry, &label.text),
        ended: !still.contains(id),
    });

    let mut outcome = Outcome {
        id: entry.id().to_owned(),
        part: entry.part,
        language: entry.language,
        category: entry.category().to_owned(),
        sampled,
        holds: entry.holds(),
        passed: Gate::may_hold(entry.prompt()),
        failed: learning == Learning::Failed,
        found: assigned(&saved, &labels, rule),
        labels,
        saved,
        known_already,
        right,
        known: known.collect(),
        again: None,
    };
    if sampled && entry.holds() && learning == Learning::Done {
        let prompt = said_again(entry.prompt(), entry.language);
        world.say(user, &prompt).await?;
        let all = world.memories(user).await?;
        let first: BTreeSet<MemoryId> = saved_ids.into_iter().collect();
        let new = all.iter().filter(|memory| !is_known(memory));
        let (old, new): (Vec<&Memory>, Vec<&Memory>) = new.partition(|memory| first.contains(&memory.id));
        let first = Feeding { labels: outcome.labels.clone(), saved: statements(world, &old).await? };
        let labels = entry.keep().iter().zip(&outcome.labels);
        let labels = labels.map(|(label, is)| Statement::of_label(label, &prompt, is.vector.clone())).collect();
        let second = Feeding { labels, saved: statements(world, &new).await? };
        outcome.again = Some(Again { passed: Gate::may_hold(&prompt), double: doubles(&first, &second, rule) });
    }
    Ok(outcome)
}

/// What stands of what was learnt from one saying of a prompt, and the labels as they lie in it.
struct Feeding {
    labels: Vec<Statement>,
    saved: Vec<Statement>,
}

/// Of memories of one user, oldest first, which say what an older one says: by their words, by their cosine, or because both are
/// what one label says, each in the prompt it came from.
fn doubles(first: &Feeding, second: &Feeding, rule: Rule) -> Vec<bool> {
    let same = |new: &Statement, old: &Statement| new.says(old) || cosine(&new.vector, &old.vector) >= rule.same;
    let label_of = |statement: &Statement, labels: &[Statement]| {
        let fits = labels.iter().enumerate().filter_map(|(label, is)| Some((statement.fits(is, rule)?, label)));
        fits.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, label)| label)
    };
    let of_first: Vec<Option<usize>> = first.saved.iter().map(|saved| label_of(saved, &first.labels)).collect();
    let all: Vec<&Statement> = first.saved.iter().chain(&second.saved).collect();
    let is_double = |at: usize| {
        let told_before = at >= first.saved.len() && {
            let label = label_of(all[at], &second.labels);
            label.is_some() && of_first.contains(&label)
        };
        told_before || all[..at].iter().any(|old| same(all[at], old))
    };
    (0..all.len()).map(is_double).collect()
}

async fn statements(world: &World, memories: &[&Memory]) -> Result<Vec<Statement>> {
    let texts: Vec<String> = memories.iter().map(|memory| memory.text.as_str().to_owned()).collect();
    let vectors = world.embed(&texts).await?;
    let statement = |(memory, vector): (&&Memory, Vec<f32>)| {
        let span = memory.source.as_ref().and_then(|source| source.span.as_ref());
        let place = span.map(|span| span.start as usize..span.start as usize + span.text.len());
        Statement {
            text: memory.text.as_str().to_owned(),
            kind: memory.kind,
            places: place.into_iter().collect(),
            vector,
        }
    };
    Ok(memories.iter().zip(vectors).map(statement).collect())
}

fn fate(entry: &Entry, text: &str) -> Fate {
    let named = |texts: &[String]| texts.iter().any(|other| other == text);
    match () {
        () if named(entry.updates()) => Fate::IsSuperseded,
        () if named(entry.retracts()) => Fate::IsRetracted,
        () => Fate::Stays,
    }
}

/// A name that the rules for names allow.
fn user_name(id: &str) -> String {
    format!("eval-{id}")
}
