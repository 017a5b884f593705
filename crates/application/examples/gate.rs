//! Measures the gate over labelled prompts: `cargo run --release -p palavra-application --example gate -- FILE.jsonl …`.
//!
//! A line is `{"id", "category", "prompt", "keep": […], "updates"?: […], "retracts"?: […]}`; the id begins with the language. A
//! prompt holds something when one of the lists is not empty. Options: `--odd`, `--even` take only such ids, `--wrong` prints what was
//! judged wrongly and why.

#![allow(clippy::print_stdout)]

mod labels;

use labels::Labels;
use palavra_application::Gate;
use serde::Deserialize;
use std::{collections::BTreeMap, error::Error, fs, hint::black_box, time::Instant};

#[derive(Deserialize)]
struct Line {
    id: String,
    category: String,
    prompt: String,
    #[serde(flatten)]
    labels: Labels,
}

impl Line {
    fn holds(&self) -> bool {
        self.labels.hold()
    }

    fn language(&self) -> &'static str {
        let mut parts = self.id.split('-');
        if parts.any(|part| part == "pt") { "pt" } else { "en" }
    }

    fn number(&self) -> u32 {
        self.id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default()
    }
}

/// How many of how many.
#[derive(Clone, Copy, Default)]
struct Rate {
    hits: u32,
    of: u32,
}

impl Rate {
    fn add(&mut self, hit: bool) {
        self.of += 1;
        self.hits += u32::from(hit);
    }

    /// The rate with its Wilson interval of 95%, in per cent.
    fn show(self) -> String {
        if self.of == 0 {
            return "-".to_owned();
        }
        let (hits, of, z) = (f64::from(self.hits), f64::from(self.of), 1.96);
        let rate = hits / of;
        let centre = (rate + z * z / (2.0 * of)) / (1.0 + z * z / of);
        let half = z * (rate * (1.0 - rate) / of + z * z / (4.0 * of * of)).sqrt() / (1.0 + z * z / of);
        let low = (centre - half).max(0.0) * 100.0;
        let high = (centre + half).min(1.0) * 100.0;
        format!("{:5.1}% [{low:4.1}, {high:5.1}] {}/{}", rate * 100.0, self.hits, self.of)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (options, files): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let has = |option: &str| options.iter().any(|given| given == option);
    let mut lines: Vec<Line> = Vec::new();
    for file in &files {
        for line in fs::read_to_string(file)?.lines() {
            lines.push(serde_json::from_str(line)?);
        }
    }
    lines.retain(|line| {
        let odd = line.number() % 2 == 1;
        (!has("--odd") || odd) && (!has("--even") || !odd)
    });

    let mut table: BTreeMap<(String, String), (Rate, Rate)> = BTreeMap::new();
    let mut micros: Vec<f64> = Vec::new();
    black_box(Gate::may_hold("warm up"));
    for line in &lines {
        let start = Instant::now();
        let passes = black_box(Gate::may_hold(black_box(&line.prompt)));
        micros.push(start.elapsed().as_secs_f64() * 1e6);
        for language in [line.language(), "all"] {
            for category in [line.category.as_str(), "all"] {
                let (recall, reduction) = table.entry((language.to_owned(), category.to_owned())).or_default();
                if line.holds() { recall.add(passes) } else { reduction.add(!passes) }
            }
        }
        if has("--wrong") && passes != line.holds() {
            let verdict = if line.holds() { "MISSED" } else { "passed" };
            let prompt: String = line.prompt.chars().take(400).collect();
            println!("{verdict} {} {} {prompt:?}\n    {:?}", line.id, line.category, Gate::explain(&line.prompt));
        }
    }

    println!("{:<4} {:<22} {:<32} {:<32}", "", "", "recall", "reduction");
    for ((language, category), (recall, reduction)) in &table {
        println!("{language:<4} {category:<22} {:<32} {:<32}", recall.show(), reduction.show());
    }
    micros.sort_unstable_by(f64::total_cmp);
    let mean = micros.iter().sum::<f64>() / micros.len().max(1) as f64;
    let at = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!("µs a prompt: median {:.1}, mean {mean:.1}, p99 {:.1}", at(0.5), at(0.99));
    Ok(())
}
