//! Where an embedding model's cosines have their marks: from where on a memory bears on a prompt, and two say the same.

use super::{Answered, Searchable, ask, precision_and_f2, rules};
use crate::{
    extraction::matching::cosine,
    figures::{quantile, table},
    prompts::{Entry, Part},
};
use anyhow::Result;
use palavra_domain::{EmbedAs, ports::Embedder, recall::Mode};

/// How much less than the best F2 the chosen floor may have: the curve is flat there, and a higher floor brings back less that does
/// not belong.
const LOSS: f64 = 0.01;
/// The floors that are tried: from, to, step, in thousandths.
const TRIED: (u16, u16, u16) = (740, 880, 10);

/// What floors do.
pub struct Floors {
    /// Each floor that was tried, and what came back on the first half of the users.
    pub tried: Vec<(f32, Vec<Vec<Answered>>)>,
    /// The highest floor that has about the best F2.
    pub chosen: f32,
    /// What comes back with it on the other half.
    pub other_half: Vec<Vec<Answered>>,
}

impl Floors {
    /// Tries floors on every second user, hybrid, and chooses the highest whose F2 is about the best.
    #[must_use]
    pub fn swept(users: &[Searchable<'_>]) -> Self {
        let half = |from: usize, floor: f32| -> Vec<Vec<Answered>> {
            users.iter().skip(from).step_by(2).map(|user| ask(user, &rules(Mode::Hybrid, floor))).collect()
        };
        let (from, to, step) = TRIED;
        let floors = (from..=to).step_by(usize::from(step)).map(|floor| f32::from(floor) / 1000.0);
        let tried: Vec<(f32, Vec<Vec<Answered>>)> = floors.map(|floor| (floor, half(0, floor))).collect();
        let scores: Vec<f64> = tried.iter().map(|(_, answers)| precision_and_f2(&answers.concat()).1).collect();
        let best = scores.iter().copied().fold(0.0, f64::max);
        let good = tried.iter().zip(scores).filter(|(_, score)| *score >= best - LOSS);
        let chosen = good.map(|((floor, _), _)| *floor).fold(0.0, f32::max);
        Self { tried, chosen, other_half: half(1, chosen) }
    }
}

/// How near texts are that say the same, and texts of one user that do not, in Markdown: each label of the development part beside
/// the words it rests on; an old text beside the one that takes its place; each two memories of one user of the recall set.
///
/// # Errors
/// When the embedder fails.
pub async fn sames(entries: &[Entry], users: &[Searchable<'_>], embedder: &dyn Embedder) -> Result<String> {
    let dev = entries.iter().filter(|entry| entry.part == Part::Dev);
    let labels = dev.clone().flat_map(Entry::keep);
    let (texts, quotes): (Vec<String>, Vec<String>) =
        labels.map(|label| (label.text.clone(), label.quote.clone())).unzip();
    let updates = dev.filter(|entry| entry.updates().len() == 1 && entry.keep().len() == 1);
    let (old, new): (Vec<String>, Vec<String>) =
        updates.map(|entry| (entry.updates()[0].clone(), entry.keep()[0].text.clone())).unzip();
    let mut same = pairs(embedder, &texts, &quotes).await?;
    let mut superseded = pairs(embedder, &old, &new).await?;
    let mut different = Vec::new();
    for user in users {
        let facts: Vec<String> = user.user.memories.iter().map(|fact| fact.text.clone()).collect();
        let vectors = embedder.embed(None, &facts, EmbedAs::Passage).await?.vectors;
        for (at, one) in vectors.iter().enumerate() {
            different.extend(vectors[..at].iter().map(|other| f64::from(cosine(one, other))));
        }
    }
    let mut rows = Vec::new();
    let groups: [(&str, &mut Vec<f64>); 3] = [
        ("a text and the words it rests on", &mut same),
        ("an old text and what supersedes it", &mut superseded),
        ("two memories of one user", &mut different),
    ];
    let marks = [0.85, 0.88, 0.90, 0.92, 0.94, 0.96];
    for (name, cosines) in groups {
        let quantiles = [0.01, 0.05, 0.5, 0.95, 0.99].map(|part| format!("{:.3}", quantile(cosines, part)));
        let above = marks.map(|mark| {
            let above = cosines.iter().filter(|cosine| **cosine >= mark).count();
            format!("{:.1} %", 100.0 * above as f64 / cosines.len().max(1) as f64)
        });
        rows.push([vec![name.to_owned(), cosines.len().to_string()], quantiles.to_vec(), above.to_vec()].concat());
    }
    let above: Vec<String> = marks.iter().map(|mark| format!("≥ {mark:.2}")).collect();
    let head = ["", "pairs", "p1", "p5", "median", "p95", "p99"];
    let head: Vec<&str> = head.into_iter().chain(above.iter().map(String::as_str)).collect();
    Ok(table(&head, &rows))
}

/// The cosines of texts with others, each as a passage.
async fn pairs(embedder: &dyn Embedder, ones: &[String], others: &[String]) -> Result<Vec<f64>> {
    let ones = embedder.embed(None, ones, EmbedAs::Passage).await?.vectors;
    let others = embedder.embed(None, others, EmbedAs::Passage).await?.vectors;
    Ok(ones.iter().zip(&others).map(|(one, other)| f64::from(cosine(one, other))).collect())
}
