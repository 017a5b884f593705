//! Which prompts are learnt from, and how they are said a second time.

use crate::prompts::{Entry, Language, Part};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// A sample of `size` prompts of each part, in equal shares by language and by whether they hold something; all of a share where
/// there are fewer. A larger sample holds the smaller one of the same seed. With it come the other prompts before which
/// something was known, which are not of the sample (`false`).
///
/// The order is by chance too, so that a run that is stopped has a sample as well.
#[must_use]
pub fn sample<'a>(entries: &'a [Entry], parts: &[Part], size: usize, seed: u64) -> Vec<(&'a Entry, bool)> {
    let mut drawn: Vec<&Entry> = entries.iter().filter(|entry| parts.contains(&entry.part)).collect();
    drawn.sort_by_cached_key(|entry| chance(seed, entry.id()));
    let mut taken: BTreeMap<(Part, Language, bool), usize> = BTreeMap::new();
    let mut sampled = Vec::new();
    let mut others = Vec::new();
    for entry in drawn {
        let place = taken.entry((entry.part, entry.language, entry.holds())).or_default();
        if *place < size / 4 {
            sampled.push((*place, entry));
        } else if !entry.context().is_empty() {
            others.push((entry, false));
        }
        *place += 1;
    }
    // By the place in its share: all shares advance together.
    sampled.sort_by_key(|(place, _)| *place);
    sampled.into_iter().map(|(_, entry)| (entry, true)).chain(others).collect()
}

fn chance(seed: u64, id: &str) -> u64 {
    let hash = Sha256::digest(format!("{seed} {id}").as_bytes());
    hash.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The prompt as its author might say it a second time: its sentences in reverse order, or, when it is a single one, with a few
/// words in front that add nothing.
#[must_use]
pub fn said_again(prompt: &str, language: Language) -> String {
    let mut sentences: Vec<&str> = Vec::new();
    let mut from = 0;
    for (at, c) in prompt.char_indices() {
        let next = at + c.len_utf8();
        let ends = c == '\n' || matches!(c, '.' | '!' | '?') && prompt[next..].starts_with(' ');
        if ends {
            sentences.push(prompt[from..next].trim());
            from = next;
        }
    }
    sentences.push(prompt[from..].trim());
    sentences.retain(|sentence| !sentence.is_empty());
    if sentences.len() > 1 {
        sentences.reverse();
        return sentences.join(" ");
    }
    let front = match language {
        Language::Pt => "Como eu já disse:",
        Language::En => "As I said before:",
    };
    format!("{front} {}", prompt.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::{folder, load};
    use std::collections::BTreeSet;

    #[test]
    fn a_larger_sample_holds_the_smaller_one() {
        let entries = load(&folder()).unwrap();
        let ids = |size, seed| -> BTreeSet<&str> {
            let sample = sample(&entries, &Part::ALL, size, seed);
            sample.into_iter().filter(|(_, sampled)| *sampled).map(|(entry, _)| entry.id()).collect()
        };
        assert_eq!(ids(16, 1).len(), 32);
        assert!(ids(16, 1).is_subset(&ids(32, 1)) && ids(16, 1) != ids(16, 2));
    }

    #[test]
    fn a_sample_is_balanced_from_its_beginning() {
        let entries = load(&folder()).unwrap();
        let sample = sample(&entries, &[Part::Dev], 40, 1);
        let holding = sample.iter().take(20).filter(|(entry, _)| entry.holds()).count();
        let portuguese = sample.iter().take(20).filter(|(entry, _)| entry.language == Language::Pt).count();
        assert_eq!((holding, portuguese), (10, 10));
        let turns = sample.iter().filter(|(entry, _)| !entry.context().is_empty()).count();
        assert_eq!(turns, entries.iter().filter(|e| e.part == Part::Dev && !e.context().is_empty()).count());
    }

    #[test]
    fn prompts_are_said_again_in_another_order() {
        let pt = |prompt| said_again(prompt, Language::Pt);
        assert_eq!(pt("Oi! Moro em Recife. Como faço açaí?"), "Como faço açaí? Moro em Recife. Oi!");
        assert_eq!(pt("uma linha\noutra linha"), "outra linha uma linha");
        assert_eq!(pt("pesa 1.5 kg"), "Como eu já disse: pesa 1.5 kg");
    }
}
