//! What an answer used.

use crate::money::Usd;
use serde::{Deserialize, Serialize};

/// Tokens and cost as the provider reported them, of one call or summed. A part that nobody reported is `None`, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of everything that was sent.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer.
    pub completion_tokens: Option<u64>,
    /// Both together, as reported.
    pub total_tokens: Option<u64>,
    /// US dollars that were billed.
    pub cost: Option<Usd>,
}

impl Usage {
    /// The sum, part by part: a part is `None` only when both are.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        fn sum<T>(a: Option<T>, b: Option<T>, add: impl FnOnce(T, T) -> T) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(add(a, b)),
                (Some(one), None) | (None, Some(one)) => Some(one),
                (None, None) => None,
            }
        }
        Self {
            prompt_tokens: sum(self.prompt_tokens, other.prompt_tokens, u64::saturating_add),
            completion_tokens: sum(self.completion_tokens, other.completion_tokens, u64::saturating_add),
            total_tokens: sum(self.total_tokens, other.total_tokens, u64::saturating_add),
            cost: sum(self.cost, other.cost, |a, b| a.checked_add(b).unwrap_or(a.max(b))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_is_missing_and_zero_is_zero() {
        let nothing = Usage::default();
        assert_eq!(nothing.plus(nothing), nothing);
        let free = Usage { cost: Some(Usd::ZERO), total_tokens: Some(3), ..nothing };
        assert_eq!(nothing.plus(free), free);
        assert_eq!(free.plus(free).total_tokens, Some(6));
        assert_eq!(free.plus(free).cost, Some(Usd::ZERO));
    }
}
