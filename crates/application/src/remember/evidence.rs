//! What a memory rests on: words that are really in the prompt, and are its author's own.

use super::gate::OwnWords;
use palavra_domain::Span;
use std::ops::Range;

/// The longest span that is kept, in characters; a longer one says nothing in particular.
const SPAN_MAX_CHARS: usize = 400;

/// The part of the prompt that a model quoted, if it is there, word for word, in its author's own words. Case and white space
/// may differ, and quotation marks around it do not count: models change these when they copy.
pub(super) fn find(prompt: &str, own: &OwnWords, quote: &str) -> Option<Span> {
    let quote = quote.trim().trim_matches(['"', '“', '”', '«', '»', '\'', '…']).trim();
    let length = quote.chars().count();
    if !(2..=SPAN_MAX_CHARS).contains(&length) {
        return None;
    }
    places(prompt, quote).into_iter().find(|place| own.contains(place.start, place.end)).and_then(|place| {
        let start = u32::try_from(place.start).ok()?;
        Some(Span { start, text: prompt[place].to_owned() })
    })
}

/// Where a text stands in another.
fn places(text: &str, sought: &str) -> Vec<Range<usize>> {
    let exact: Vec<Range<usize>> = text.match_indices(sought).map(|(at, found)| at..at + found.len()).collect();
    if !exact.is_empty() {
        return whole_words(text, exact);
    }
    let (text_letters, sought_letters) = (letters(text), letters(sought));
    let sought_letters: Vec<char> = sought_letters.into_iter().map(|letter| letter.folded).collect();
    if sought_letters.is_empty() {
        return Vec::new();
    }
    let alike = text_letters
        .windows(sought_letters.len())
        .filter(|window| window.iter().map(|letter| letter.folded).eq(sought_letters.iter().copied()));
    let found = alike.filter_map(|window| Some(window.first()?.start..window.last()?.end));
    whole_words(text, found.collect())
}

/// Those that do not begin or end within a word.
fn whole_words(text: &str, places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let within = |at: usize| {
        let before = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        before && text[at..].chars().next().is_some_and(char::is_alphanumeric)
    };
    places.into_iter().filter(|place| !within(place.start) && !within(place.end)).collect()
}

/// A character as it is compared, and the bytes that it stands for.
struct Letter {
    folded: char,
    start: usize,
    end: usize,
}

/// A text in lower case, with single spaces.
fn letters(text: &str) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::with_capacity(text.len());
    for (start, c) in text.trim().char_indices().map(|(at, c)| (at + text.len() - text.trim_start().len(), c)) {
        let end = start + c.len_utf8();
        if c.is_whitespace() {
            match letters.last_mut() {
                Some(last) if last.folded == ' ' => last.end = end,
                _ => letters.push(Letter { folded: ' ', start, end }),
            }
        } else {
            letters.extend(c.to_lowercase().map(|folded| Letter { folded, start, end }));
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::{super::gate::own_words, *};

    fn found(prompt: &str, quote: &str) -> Option<(u32, String)> {
        find(prompt, &own_words(prompt), quote).map(|span| (span.start, span.text))
    }

    #[test]
    fn words_are_found_as_they_stand_in_the_prompt() {
        let prompt = "Olá! Moro  em\nRecife e gosto de açaí.";
        assert_eq!(found(prompt, "gosto de açaí"), Some((24, "gosto de açaí".into())));
        assert_eq!(found(prompt, "“moro em recife”"), Some((6, "Moro  em\nRecife".into())));
        assert_eq!(found(prompt, "MORO EM RECIFE"), Some((6, "Moro  em\nRecife".into())));
    }

    #[test]
    fn what_is_not_there_is_no_evidence() {
        let prompt = "Moro em Recife.";
        for quote in ["moro em Olinda", "", "M", "oro em Recife", "Moro em Reci", &"Moro em Recife".repeat(40)] {
            assert_eq!(found(prompt, quote), None, "{quote}");
        }
    }

    #[test]
    fn what_is_quoted_or_pasted_is_no_evidence() {
        let quoted = "Traduza para o inglês: \"eu moro em Paris\"";
        assert_eq!(found(quoted, "eu moro em Paris"), None);
        // The same words count where they are the author's own.
        let both = "O texto diz: \"moro em Paris\". Eu também moro em Paris.";
        let (start, text) = found(both, "moro em Paris").unwrap();
        assert_eq!(text, "moro em Paris");
        assert_eq!(Some(start as usize), both.rfind("moro em Paris"));
    }
}
