//! From two rankings to one, and from a ranking to what a prompt takes with it.

use super::Rules;
use crate::{Memory, MemoryKind, Timestamp};

/// The k of reciprocal rank fusion: how little the first places differ.
const K: f32 = 60.0;
/// How much an old memory may lose beside a new one: about three places in a ranking.
const AGEING: f32 = 0.05;
/// After this time without a change half of that is lost, in milliseconds: a year.
const HALF_LIFE: f32 = 365.0 * 24.0 * 3600.0 * 1000.0;
/// What one of many facts loses beside what the user is, likes and asks for: about one place.
const FACT: f32 = 0.985;
/// Bytes of a token, rather too few, as everywhere a prompt is counted.
const TOKEN_BYTES: usize = 3;
/// What a memory takes besides its text, in tokens: the line it stands in.
const LINE_TOKENS: usize = 2;

/// Adds a ranking, best first, to the scores of all memories.
pub(super) fn add_ranking(scores: &mut [f32], ranking: &[(usize, f32)]) {
    for ((memory, _), rank) in ranking.iter().zip(1_u16..) {
        if let Some(score) = scores.get_mut(*memory) {
            *score += 1.0 / (K + f32::from(rank));
        }
    }
}

/// A sum over `rankings` rankings as a score: 1 for what is first in all of them, new and no mere fact.
pub(super) fn weighed(sum: f32, rankings: u8, memory: &Memory, now: Timestamp) -> f32 {
    let age = now.since(memory.updated_at).as_millis() as f32;
    let fresh = 1.0 - AGEING * (1.0 - (-age / HALF_LIFE).exp2());
    let kind = match memory.kind {
        MemoryKind::Profile | MemoryKind::Preference | MemoryKind::Instruction => 1.0,
        MemoryKind::Fact => FACT,
    };
    sum * (K + 1.0) / f32::from(rankings.max(1)) * fresh * kind
}

/// What a prompt takes with it, as places in the list of memories.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// What was found, best first.
    pub(super) found: Vec<usize>,
    /// Standing instructions that were not, newest first.
    pub(super) standing: Vec<usize>,
}

/// Chooses from the memories `found`, best first, and those `standing`, newest first. The standing have the places and the
/// part of the budget that the rules keep for them; the found fill the rest. What does not fit is passed over.
pub(super) fn choose(
    memories: &[Memory],
    found: impl Iterator<Item = usize>,
    standing: &[usize],
    rules: &Rules,
) -> Chosen {
    let cost = |place: usize| memories.get(place).map_or(usize::MAX, tokens);
    let kept_places = rules.standing.min(rules.limit);
    let mut kept = Room { places: kept_places, tokens: Rules::share(rules.token_budget) };
    let mut waiting: Vec<usize> = standing.iter().copied().filter(|place| kept.takes(cost(*place))).collect();
    let spent: usize = waiting.iter().map(|place| cost(*place)).sum();
    let mut rest = Room { places: rules.limit - waiting.len(), tokens: rules.token_budget - spent };
    let mut chosen = Vec::new();
    for place in found {
        if let Some(at) = waiting.iter().position(|kept| *kept == place) {
            chosen.push(waiting.remove(at));
        } else if rest.takes(cost(place)) {
            chosen.push(place);
        } else if rest.places == 0 && waiting.is_empty() {
            break;
        }
    }
    Chosen { found: chosen, standing: waiting }
}

/// What a memory takes of the budget.
fn tokens(memory: &Memory) -> usize {
    memory.text.as_str().len().div_ceil(TOKEN_BYTES) + LINE_TOKENS
}

struct Room {
    places: usize,
    tokens: usize,
}

impl Room {
    fn takes(&mut self, tokens: usize) -> bool {
        let fits = self.places > 0 && tokens <= self.tokens;
        if fits {
            self.places -= 1;
            self.tokens -= tokens;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{DAY, NOW, memory},
        *,
    };

    fn rules(limit: usize, token_budget: usize) -> Rules {
        Rules::new(0.3, limit, token_budget)
    }

    #[test]
    fn places_in_both_rankings_add_up() {
        let mut scores = vec![0.0; 4];
        add_ranking(&mut scores, &[(0, 0.9), (1, 0.8), (2, 0.7)]);
        add_ranking(&mut scores, &[(2, 12.0), (1, 3.0)]);
        assert_eq!(scores, [1.0 / 61.0, 1.0 / 62.0 + 1.0 / 62.0, 1.0 / 63.0 + 1.0 / 61.0, 0.0]);
        let profile = memory(1, MemoryKind::Profile, "Mora em Recife", 0);
        assert!((weighed(2.0 / 61.0, 2, &profile, NOW) - 1.0).abs() < 1e-6);
        assert!((weighed(1.0 / 61.0, 1, &profile, NOW) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn age_and_kind_weigh_little() {
        let score = |kind, days| weighed(1.0 / 61.0, 1, &memory(1, kind, "Mora em Recife", days), NOW);
        assert!((score(MemoryKind::Profile, 365) - (1.0 - AGEING / 2.0)).abs() < 1e-4, "half after a year");
        assert!(score(MemoryKind::Profile, 1) > score(MemoryKind::Profile, 30));
        assert!(score(MemoryKind::Profile, 30) > score(MemoryKind::Fact, 30));
        let oldest = score(MemoryKind::Fact, 20_000);
        assert!(oldest > weighed(1.0 / (K + 8.0), 1, &memory(1, MemoryKind::Profile, "Mora em Recife", 0), NOW));
        let changed_later = memory(1, MemoryKind::Profile, "Mora em Recife", 0);
        assert!((weighed(1.0, 1, &changed_later, NOW.minus(DAY)) - 61.0).abs() < 1e-3, "a clock that is behind");
    }

    #[test]
    fn standing_instructions_come_in_and_the_found_fill_the_rest() {
        let memories: Vec<Memory> =
            (0..8).map(|number| memory(number, MemoryKind::Fact, "Mora em Recife", 0)).collect();
        let chosen = choose(&memories, [0, 1, 2, 3].into_iter(), &[6, 2, 7, 5], &rules(4, 1000));
        assert_eq!(chosen, Chosen { found: vec![0, 1, 2], standing: vec![6] });
        let chosen = choose(&memories, [6, 1, 2, 3].into_iter(), &[6, 7], &rules(3, 1000));
        assert_eq!(chosen, Chosen { found: vec![6, 1, 2], standing: vec![] }, "one that is found has its place");
        let chosen = choose(&memories, [0].into_iter(), &[], &rules(0, 1000));
        assert_eq!(chosen, Chosen { found: vec![], standing: vec![] });
    }

    #[test]
    fn the_budget_is_kept_and_what_is_too_long_passed_over() {
        let texts = ["x".repeat(300), "y".repeat(30), "z".repeat(30), "w".repeat(30)];
        let memories: Vec<Memory> =
            (0..).zip(&texts).map(|(number, text)| memory(number, MemoryKind::Fact, text, 0)).collect();
        let places = |budget, standing: &[usize]| {
            let chosen = choose(&memories, [0, 1, 2].into_iter(), standing, &rules(8, budget));
            (chosen.found, chosen.standing)
        };
        assert_eq!(places(24, &[]), (vec![1, 2], vec![]));
        assert_eq!(places(23, &[]), (vec![1], vec![]));
        assert_eq!(places(126, &[]), (vec![0, 1, 2], vec![]));
        assert_eq!(places(32, &[3]), (vec![1], vec![3]), "twelve of thirty-two are an instruction's");
        assert_eq!(places(31, &[3]), (vec![1, 2], vec![]), "eleven do not hold it");
        assert_eq!(places(0, &[3]), (vec![], vec![]));
    }
}
