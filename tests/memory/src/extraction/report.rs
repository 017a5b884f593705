//! The extraction's figures.

use super::{Fate, Outcome};
use crate::{
    answers::Calls,
    figures::{Share, quantile, table},
    prompts::{Language, Part},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The tables of what was learnt, in Markdown.
#[must_use]
pub fn tables(outcomes: &[Outcome], calls: &Calls) -> String {
    let gated: Vec<Outcome> = outcomes.iter().map(Outcome::behind_the_gate).collect();
    let mut text = String::new();
    for (title, outcomes) in [("Behind the gate, as in production", &gated), ("Without the gate", &outcomes.to_vec())] {
        text.push_str(&format!("{title}:\n\n{}\n", saved(outcomes)));
    }
    text.push_str(&format!(
        "Said twice, and over several turns:\n\n{}\n",
        changes(&[("behind the gate", &gated), ("without it", outcomes)])
    ));
    text.push_str(&format!("By category, development part, behind the gate:\n\n{}\n", categories(&gated)));
    text.push_str(&seconds(calls));
    text
}

/// Rows of parts and languages that there are outcomes of.
fn groups(outcomes: &[Outcome]) -> Vec<(String, Vec<&Outcome>)> {
    let mut groups = Vec::new();
    for part in Part::ALL {
        let of_part: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.part == part).collect();
        for language in Language::ALL {
            let of_language = of_part.iter().filter(|outcome| outcome.language == language).copied().collect();
            groups.push((format!("{part}, {language}"), of_language));
        }
        groups.push((format!("{part}, both"), of_part));
    }
    groups.retain(|(_, outcomes): &(_, Vec<_>)| !outcomes.is_empty());
    groups
}

fn saved(outcomes: &[Outcome]) -> String {
    let sampled: Vec<Outcome> = outcomes.iter().filter(|outcome| outcome.sampled).cloned().collect();
    let rows = groups(&sampled).into_iter().map(|(name, outcomes)| {
        let of = outcomes.iter();
        let precision: Share = of.clone().flat_map(|outcome| outcome.right.iter().copied()).collect();
        let is_found = |outcome: &&&Outcome| {
            let known = outcome.known_already.clone();
            outcome
                .found
                .clone()
                .into_iter()
                .zip(known)
                .map(|(found, known)| found.is_some() || known)
                .collect::<Vec<_>>()
        };
        let recall: Share = of.clone().flat_map(|outcome| is_found(&outcome)).collect();
        let kinds = |outcome: &&Outcome| {
            let pairs = outcome.found.iter().zip(&outcome.labels);
            let kinds = pairs.filter_map(|(found, label)| Some(outcome.saved.get((*found)?)?.kind == label.kind));
            kinds.collect::<Vec<bool>>()
        };
        let kinds: Share = of.clone().flat_map(kinds).collect();
        let empty = of.clone().filter(|outcome| !outcome.holds);
        let junk: Share = empty.map(|outcome| !outcome.saved.is_empty()).collect();
        let failed = of.clone().filter(|outcome| outcome.failed).count();
        let figures = [precision, recall, kinds, junk].map(|share| share.to_string());
        [vec![name, outcomes.len().to_string()], figures.to_vec(), vec![failed.to_string()]].concat()
    });
    let head = ["", "prompts", "precision", "recall", "kind right", "junk", "failed"];
    table(&head, &rows.collect::<Vec<_>>())
}

fn changes(ways: &[(&str, &[Outcome])]) -> String {
    let mut rows = Vec::new();
    for (way, outcomes) in ways {
        for (name, outcomes) in groups(outcomes).into_iter().filter(|(name, _)| name.ends_with("both")) {
            let again = outcomes.iter().filter_map(|outcome| outcome.again.as_ref());
            let double: Share = again.flat_map(|again| again.double.iter().copied()).collect();
            let known = outcomes.iter().flat_map(|outcome| &outcome.known);
            let ended = |fate: Fate| -> Share {
                known.clone().filter(|known| known.should == fate).map(|known| known.ended).collect()
            };
            let figures = [double, ended(Fate::IsSuperseded), ended(Fate::IsRetracted), ended(Fate::Stays)];
            let name = format!("{}, {way}", name.trim_end_matches(", both"));
            rows.push([vec![name], figures.map(|share| share.to_string()).to_vec()].concat());
        }
    }
    table(&["", "double", "contradictions superseded", "retractions ended", "ended wrongly"], &rows)
}

fn categories(outcomes: &[Outcome]) -> String {
    let mut categories: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.part == Part::Dev && outcome.sampled) {
        let right = outcome.right.iter().filter(|right| **right).count();
        let found =
            outcome.found.iter().zip(&outcome.known_already).filter(|(found, known)| found.is_some() || **known);
        let junk = !outcome.holds && !outcome.saved.is_empty();
        let row = categories.entry(&outcome.category).or_default();
        let counts = [
            1,
            outcome.labels.len(),
            found.count(),
            outcome.saved.len(),
            outcome.saved.len() - right,
            usize::from(junk),
        ];
        row.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let rows = categories.into_iter().map(|(category, counts)| {
        [vec![format!("`{category}`")], counts.iter().map(usize::to_string).collect()].concat()
    });
    let head = ["", "prompts", "labels", "found", "saved", "of these wrong", "prompts with junk"];
    table(&head, &rows.collect::<Vec<_>>())
}

fn seconds(calls: &Calls) -> String {
    let of =
        |figure: fn(&super::super::answers::Answer) -> f64| -> Vec<f64> { calls.answers.iter().map(figure).collect() };
    let mut seconds = of(|answer| answer.seconds);
    let mut sent = of(|answer| answer.prompt_tokens.unwrap_or(0) as f64);
    let mut came = of(|answer| answer.completion_tokens.unwrap_or(0) as f64);
    let models: BTreeSet<&str> = calls.answers.iter().filter_map(|answer| answer.model.as_deref()).collect();
    format!(
        "{} calls, {} of them made now, answered by {}: median {:.1} s, p90 {:.1} s; median tokens {:.0} sent, {:.0} answered.\n",
        calls.answers.len(),
        calls.made,
        models.into_iter().collect::<Vec<_>>().join(", "),
        quantile(&mut seconds, 0.5),
        quantile(&mut seconds, 0.9),
        quantile(&mut sent, 0.5),
        quantile(&mut came, 0.5),
    )
}

/// What became of each prompt of the development part, a line of JSON each, for a look at what went wrong. Of the held-out
/// part nothing is told.
#[must_use]
pub fn details(outcomes: &[Outcome]) -> String {
    let lines = outcomes.iter().filter(|outcome| outcome.part == Part::Dev).map(|outcome| {
        let saved = outcome.saved.iter().zip(&outcome.right);
        let saved: Vec<Value> =
            saved.map(|(saved, right)| json!({"kind": saved.kind, "text": saved.text, "right": right})).collect();
        let labels = outcome.labels.iter().zip(&outcome.found);
        let labels: Vec<Value> = labels
            .map(|(label, found)| json!({"kind": label.kind, "text": label.text, "found": found.is_some()}))
            .collect();
        let known: Vec<Value> = outcome
            .known
            .iter()
            .map(|known| json!({"text": known.text, "should": format!("{:?}", known.should), "ended": known.ended}))
            .collect();
        let double = outcome.again.as_ref().map(|again| again.double.clone());
        let line = json!({
            "id": outcome.id, "category": outcome.category, "passed": outcome.passed, "failed": outcome.failed,
            "labels": labels, "saved": saved, "known": known, "double": double,
        });
        format!("{line}\n")
    });
    lines.collect()
}
