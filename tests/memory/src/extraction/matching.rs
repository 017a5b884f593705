//! Whether what was saved is what a label says.
//!
//! A saved memory matches a label when the words that it rests on are the label's (half of the shorter of the two spans lies in the
//! other) and the texts are not about different things (cosine from [`Rule::about`] on), or when the texts say the same by their
//! words or by their cosine alone (from [`Rule::same`] on). Kinds are compared apart.

use crate::prompts::Label;
use palavra_domain::{MemoryKind, recall::text::terms};
use std::{collections::BTreeSet, ops::Range};

/// From which cosines on texts are alike; it depends on the embedding model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// They say the same.
    pub same: f32,
    /// They may say the same, if they rest on the same words.
    pub about: f32,
}

/// A text about a user, with what it rests on.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it says.
    pub text: String,
    /// What kind of thing it is.
    pub kind: MemoryKind,
    /// The words of the prompt that it rests on, in bytes: wherever they stand in it.
    pub places: Vec<Range<usize>>,
    /// The embedding of the text as a passage.
    pub vector: Vec<f32>,
}

impl Statement {
    /// What a label says of a prompt.
    #[must_use]
    pub fn of_label(label: &Label, prompt: &str, vector: Vec<f32>) -> Self {
        let places = prompt.match_indices(&label.quote).map(|(at, quote)| at..at + quote.len()).collect();
        Self { text: label.text.clone(), kind: label.kind, places, vector }
    }

    /// How well this fits a label, if it matches: higher is better.
    #[must_use]
    pub fn fits(&self, label: &Self, rule: Rule) -> Option<f32> {
        let cosine = cosine(&self.vector, &label.vector);
        let shared = overlap(&self.places, &label.places) >= 0.5;
        let matches = self.says(label) || cosine >= rule.same || shared && cosine >= rule.about;
        matches.then_some(cosine)
    }

    /// Whether the two texts have the same words.
    #[must_use]
    pub fn says(&self, other: &Self) -> bool {
        let words = |text: &str| terms(text).into_iter().collect::<BTreeSet<String>>();
        let own = words(&self.text);
        !own.is_empty() && own == words(&other.text) || self.text == other.text
    }
}

/// For each label, which saved one is it: every saved one is of one label at most, the best pairs first.
#[must_use]
pub fn assigned(saved: &[Statement], labels: &[Statement], rule: Rule) -> Vec<Option<usize>> {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (of_label, label) in labels.iter().enumerate() {
        let fitting =
            saved.iter().enumerate().filter_map(|(of_saved, saved)| Some((saved.fits(label, rule)?, of_saved)));
        pairs.extend(fitting.map(|(fit, of_saved)| (fit, of_label, of_saved)));
    }
    pairs.sort_by(|(one, ..), (other, ..)| other.total_cmp(one));
    let mut found = vec![None; labels.len()];
    for (_, label, saved) in pairs {
        if found[label].is_none() && !found.contains(&Some(saved)) {
            found[label] = Some(saved);
        }
    }
    found
}

/// The largest part that two of the places have of the shorter of them.
fn overlap(places: &[Range<usize>], others: &[Range<usize>]) -> f32 {
    let pairs = places.iter().flat_map(|place| others.iter().map(move |other| (place, other)));
    let parts = pairs.map(|(place, other)| {
        let shared = place.end.min(other.end).saturating_sub(place.start.max(other.start));
        shared as f32 / place.len().min(other.len()).max(1) as f32
    });
    parts.fold(0.0, f32::max)
}

/// The cosine of two vectors; 0 when one has no direction.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { dot(a, b) / length } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { same: 0.95, about: 0.8 };

    fn statement(text: &str, place: Range<usize>, vector: [f32; 2]) -> Statement {
        Statement { text: text.into(), kind: MemoryKind::Fact, places: vec![place], vector: vector.to_vec() }
    }

    #[test]
    fn the_same_words_of_the_prompt_match_unless_the_text_is_of_something_else() {
        let label = statement("Mora em Recife", 10..20, [1.0, 0.0]);
        let fits = |place, vector| statement("Vive por lá", place, vector).fits(&label, RULE).is_some();
        assert!(fits(12..40, [1.0, 0.5]));
        assert!(!fits(16..40, [1.0, 0.5]), "less than half of the shorter");
        assert!(!fits(12..40, [0.5, 1.0]), "of something else");
        assert!(fits(50..60, [1.0, 0.1]), "the same by its meaning");
        assert!(statement("mora em recife.", 50..60, [0.0, 1.0]).fits(&label, RULE).is_some(), "the same by its words");
    }

    #[test]
    fn a_saved_one_finds_one_label() {
        let labels = [statement("a", 0..10, [1.0, 0.0]), statement("b", 10..20, [0.0, 1.0])];
        let both = statement("c", 0..20, [1.0, 0.9]);
        assert_eq!(assigned(std::slice::from_ref(&both), &labels, Rule { about: 0.5, ..RULE }), [Some(0), None]);
        let second = statement("d", 10..20, [0.1, 1.0]);
        assert_eq!(assigned(&[both, second], &labels, Rule { about: 0.5, ..RULE }), [Some(0), Some(1)]);
        assert_eq!(assigned(&[], &labels, RULE), [None, None]);
    }
}
