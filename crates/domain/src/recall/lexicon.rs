//! Words that find nothing, and words that find little: short lists of Portuguese and English.
//!
//! The lists of the registry count 'trabalho', 'viagem', 'home' and 'computer' among the stop words, which are what
//! memories are about; these are only as long as they must be.

use super::{split::Tongue, text};
use std::sync::LazyLock;

const STOP: [(&str, Tongue); 3] = [
    (include_str!("words/stop_pt.txt"), Tongue::Portuguese),
    (include_str!("words/stop_en.txt"), Tongue::English),
    (include_str!("words/stop_both.txt"), Tongue::Unsure),
];
const COMMON: [(&str, Tongue); 2] =
    [(include_str!("words/common_pt.txt"), Tongue::Portuguese), (include_str!("words/common_en.txt"), Tongue::English)];

static STOP_WORDS: LazyLock<Vec<(u64, Tongue)>> = LazyLock::new(|| {
    let words = STOP.iter().flat_map(|(list, tongue)| list.split_whitespace().map(|word| (hash(word), *tongue)));
    let mut words: Vec<_> = words.collect();
    words.sort_unstable_by_key(|(word, _)| *word);
    words
});

static COMMON_FORMS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut forms = Vec::new();
    for (list, tongue) in COMMON {
        for word in list.split_whitespace() {
            forms.push(hash(word));
            forms.push(hash(&text::stem(word, tongue)));
        }
    }
    forms.sort_unstable();
    forms.dedup();
    forms
});

/// The language whose stop word this is, `Unsure` when it is one of both; `None` when it is none.
pub(super) fn stop_word(folded: &str) -> Option<Tongue> {
    let words = &*STOP_WORDS;
    let place = words.binary_search_by_key(&hash(folded), |(word, _)| *word).ok()?;
    words.get(place).map(|(_, tongue)| *tongue)
}

/// Whether a word or stem is so common in prompts and memories alike that sharing it means little.
pub(super) fn is_common(form: &str) -> bool {
    COMMON_FORMS.binary_search(&hash(form)).is_ok()
}

/// FNV-1a of 64 bits: the same in every process, and so wide that no two words of one user's memories share a value.
pub(super) fn hash(form: &str) -> u64 {
    form.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_folded_and_no_word_is_in_two() {
        let lists = STOP.iter().chain(&COMMON).flat_map(|(list, _)| list.split_whitespace());
        let mut seen = std::collections::BTreeSet::new();
        for word in lists {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
            assert!(seen.insert(word), "{word} is listed twice");
        }
    }

    #[test]
    fn stop_words_know_their_language() {
        assert_eq!(stop_word("voce"), Some(Tongue::Portuguese));
        assert_eq!(stop_word("the"), Some(Tongue::English));
        assert_eq!(stop_word("do"), Some(Tongue::Unsure));
        assert_eq!(stop_word("recife"), None);
        assert!(is_common("trabalh") && is_common("work") && !is_common("recif"));
    }
}
