//! Tokens and money. Amounts are whole pico-dollars (10⁻¹² USD), so that a cost is exact.

use crate::{catalogue::SimModel, wire};
use serde::Serialize;
use serde_json::value::RawValue;

/// Tokens of a text: its bytes by four, rounded up.
pub(crate) fn tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

/// Pico-dollars as a plain decimal number of dollars.
pub(crate) fn dollars(pico: u64) -> String {
    const ONE: u64 = 1_000_000_000_000;
    let text = format!("{}.{:012}", pico / ONE, pico % ONE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A JSON number (or whatever stands there), written as it is.
pub(crate) fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// What an answer costs, in pico-dollars.
pub(crate) fn cost(model: &SimModel, prompt: u64, completion: u64) -> u64 {
    prompt * model.prompt_pico + completion * model.completion_pico
}

/// The `usage` of an answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) total_tokens: u64,
    pub(crate) cost: Box<RawValue>,
    is_byok: bool,
    prompt_tokens_details: wire::CachedTokens,
    completion_tokens_details: wire::ReasoningTokens,
}

impl Usage {
    pub(crate) fn new(model: &SimModel, prompt: u64, completion: u64) -> Self {
        Self {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt + completion,
            cost: raw(dollars(cost(model, prompt, completion))),
            is_byok: false,
            prompt_tokens_details: wire::CachedTokens { cached_tokens: 0 },
            completion_tokens_details: wire::ReasoningTokens { reasoning_tokens: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        assert_eq!(dollars(0), "0");
        assert_eq!(dollars(150_000), "0.00000015");
        assert_eq!(dollars(1_000_000_000_000), "1");
        assert_eq!(dollars(12_345_678_901_234), "12.345678901234");
    }

    #[test]
    fn tokens_round_up() {
        assert_eq!(["", "a", "abcd", "abcde", "ção"].map(tokens), [0, 1, 1, 2, 2]);
    }
}
