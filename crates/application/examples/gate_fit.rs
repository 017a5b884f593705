//! Fits the gate's table of points to labelled prompts and prints it: see `tests/memory/gate/fit.sh`.
//!
//! Arguments are files, each with how often its prompts count in front if that is not once: `3:w1.txt`. A file is one of the labelled
//! corpus (`.jsonl`), or has a prompt a line, `+ pt direct|moro em Recife`. A logistic regression with a penalty on squares, over the
//! features that two prompts or more have; the odds of a prompt are the sum of the odds of its sentences. Beforehand it prints on standard error how tables that have not seen a file judge it. The limit
//! from which prompts pass is taken from these judgements, of the files that count most.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod labels;

use labels::Labels;
use palavra_application::Gate;
use serde::Deserialize;
use std::{collections::BTreeMap, error::Error, fs};

/// How much of what holds something is to pass, of prompts of authors that the table has not seen.
const RECALL: f64 = 0.98;
/// The penalty on the squares of the points.
const PENALTY: f64 = 6.0;
const ROUNDS: u32 = 250;
/// Points below this, in hundredths, are left out.
const LEAST: i32 = 4;

#[derive(Deserialize)]
struct Line {
    prompt: String,
    #[serde(flatten)]
    labels: Labels,
}

struct Example {
    file: usize,
    weight: f64,
    holds: bool,
    /// The features of the prompt, then of each sentence.
    parts: Vec<Vec<usize>>,
}

struct Fitted {
    points: Vec<f64>,
    always: f64,
}

impl Fitted {
    fn of(&self, features: &[usize]) -> f64 {
        features.iter().filter_map(|feature| self.points.get(*feature)).sum()
    }

    /// The odds, and how much each sentence has to do with them.
    fn odds(&self, example: &Example) -> (f64, Vec<f64>) {
        let Some((prompt, sentences)) = example.parts.split_first() else {
            return (self.always, Vec::new());
        };
        let odds: Vec<f64> = sentences.iter().map(|sentence| self.of(sentence)).collect();
        let most = odds.iter().copied().fold(f64::MIN, f64::max);
        let mut shares: Vec<f64> = odds.iter().map(|odds| (odds - most).exp()).collect();
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        let together = if odds.is_empty() { 0.0 } else { most + sum.ln() };
        (self.always + self.of(prompt) + together, shares)
    }
}

/// Gradient descent with momentum (Nesterov), steps for each feature by the most its gradient can change.
fn fit(examples: &[&Example], features: usize) -> Fitted {
    let mut bend = vec![PENALTY; features];
    let mut bend_always = 1e-9;
    for example in examples {
        let prompt = example.parts.first().map_or(0, Vec::len);
        let longest = example.parts.iter().skip(1).map(Vec::len).max().unwrap_or_default();
        let most = 0.25 * example.weight * (prompt + longest + 1) as f64;
        let mut all: Vec<usize> = example.parts.iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all.iter().for_each(|feature| bend[*feature] += most);
        bend_always += most;
    }
    let mut fitted = Fitted { points: vec![0.0; features], always: 0.0 };
    let mut before = Fitted { points: vec![0.0; features], always: 0.0 };
    for round in 0..ROUNDS {
        let momentum = f64::from(round) / f64::from(round + 3);
        let ahead = |now: f64, before: f64| now + momentum * (now - before);
        let looked = Fitted {
            points: fitted.points.iter().zip(&before.points).map(|(now, before)| ahead(*now, *before)).collect(),
            always: ahead(fitted.always, before.always),
        };
        let mut gradient: Vec<f64> = looked.points.iter().map(|points| PENALTY * points).collect();
        let mut gradient_always = 0.0;
        for example in examples {
            let held = f64::from(u8::from(example.holds));
            let (odds, shares) = looked.odds(example);
            let error = example.weight * (1.0 / (1.0 + (-odds).exp()) - held);
            for (part, share) in example.parts.iter().zip(std::iter::once(&1.0).chain(&shares)) {
                part.iter().for_each(|feature| gradient[*feature] += error * share);
            }
            gradient_always += error;
        }
        let steps = looked.points.iter().zip(gradient.iter().zip(&bend));
        let next = steps.map(|(points, (gradient, bend))| points - gradient / bend).collect();
        before = std::mem::replace(
            &mut fitted,
            Fitted { points: next, always: looked.always - gradient_always / bend_always },
        );
    }
    fitted
}

/// The prompts of a file, each with whether it holds something.
fn read(file: &str) -> Result<Vec<(String, bool)>, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    if file.ends_with(".jsonl") {
        let lines = text.lines().map(serde_json::from_str::<Line>);
        return Ok(lines.map(|line| line.map(|line| (line.prompt, line.labels.hold()))).collect::<Result<_, _>>()?);
    }
    let split = text.lines().filter_map(|line| line.split_once('|'));
    Ok(split.map(|(label, prompt)| (prompt.replace("\\n", "\n"), label.starts_with('+'))).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    let mut found: Vec<(usize, f64, bool, Vec<Vec<String>>)> = Vec::new();
    for (index, argument) in std::env::args().skip(1).enumerate() {
        let (weight, file) = argument.split_once(':').unwrap_or(("1", &argument));
        for (prompt, holds) in read(file)? {
            let mut features = Gate::features(&prompt);
            for part in &mut features {
                part.sort_unstable();
                part.dedup();
            }
            found.push((index, weight.parse()?, holds, features));
        }
        files.push((file.to_owned(), weight.parse::<f64>()?));
    }
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (.., features) in &found {
        let mut all: Vec<&str> = features.iter().flatten().map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all.iter().for_each(|feature| *counts.entry(feature).or_default() += 1);
    }
    let names: Vec<&str> = counts.iter().filter(|(_, count)| **count > 1).map(|(name, _)| *name).collect();
    let number = |feature: &String| names.binary_search(&feature.as_str()).ok();
    let examples = found.iter().map(|(file, weight, holds, features)| Example {
        file: *file,
        weight: *weight,
        holds: *holds,
        parts: features.iter().map(|part| part.iter().filter_map(number).collect()).collect(),
    });
    let examples: Vec<Example> = examples.collect();
    let limit = look(&files, &examples, names.len());

    let fitted = fit(&examples.iter().collect::<Vec<_>>(), names.len());
    let hundredths = |points: f64| (points * 100.0).round() as i32;
    println!("{} *", hundredths(fitted.always - limit));
    for (name, points) in names.iter().zip(&fitted.points).map(|(name, points)| (name, hundredths(*points))) {
        if points.abs() >= LEAST {
            println!("{points} {name}");
        }
    }
    Ok(())
}

/// Prints how each file is judged by a table that has not seen it, and returns the limit.
fn look(files: &[(String, f64)], examples: &[Example], features: usize) -> f64 {
    let judged: Vec<Vec<(bool, f64)>> = (0..files.len())
        .map(|file| {
            let (inside, outside): (Vec<&Example>, Vec<&Example>) =
                examples.iter().partition(|example| example.file == file);
            let fitted = fit(&outside, features);
            inside.iter().map(|example| (example.holds, fitted.odds(example).0)).collect()
        })
        .collect();
    let heaviest = files.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
    let honest = |file: &usize| files.get(*file).is_some_and(|(_, weight)| *weight >= heaviest);
    let of = |wanted: &dyn Fn(&usize) -> bool| -> Vec<(bool, f64)> {
        (0..files.len()).filter(wanted).filter_map(|file| judged.get(file)).flatten().copied().collect()
    };
    let honestly = of(&honest);
    for recall in [0.9, 0.95, 0.97, RECALL, 0.99] {
        eprintln!("{:<44} {}", "files that count most, at once", show(&honestly, limit(&honestly, recall)));
    }
    for (file, (name, _)) in files.iter().enumerate() {
        // For a file that counts most the limit is what the others of these say.
        let others = of(&|other| honest(other) && *other != file);
        let limit = limit(if others.is_empty() { &honestly } else { &others }, RECALL);
        eprintln!("{name:<44} {}", judged.get(file).map_or_else(String::new, |judged| show(judged, limit)));
    }
    limit(&honestly, RECALL)
}

/// The limit at which so much of what holds something passes.
fn limit(judged: &[(bool, f64)], recall: f64) -> f64 {
    let mut odds: Vec<f64> = judged.iter().filter(|(holds, _)| *holds).map(|(_, odds)| *odds).collect();
    odds.sort_unstable_by(f64::total_cmp);
    odds.get(((1.0 - recall) * odds.len() as f64) as usize).copied().unwrap_or_default()
}

fn show(judged: &[(bool, f64)], limit: f64) -> String {
    let share = |holds: bool| {
        let of: Vec<bool> = judged.iter().filter(|(held, _)| *held == holds).map(|(_, odds)| *odds >= limit).collect();
        of.iter().filter(|passes| **passes == holds).count() as f64 * 100.0 / of.len().max(1) as f64
    };
    format!("limit {limit:>6.2}: recall {:5.1} %, reduction {:5.1} %", share(true), share(false))
}
