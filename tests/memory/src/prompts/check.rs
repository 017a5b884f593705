//! The rules of README.md that a machine can check. Messages name the place and the rule, never a text.

use super::{Entry, Label, Part};
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Categories whose prompts hold something, in the development part.
const ALWAYS: [&str; 5] = ["direct", "implicit", "preference", "instruction", "mixed"];
/// Categories whose prompts hold nothing, in the development part.
const NEVER: [&str; 4] = ["question", "first_person_question", "roleplay", "greeting"];
const SOMETIMES: [&str; 15] = [
    "remember",
    "quoted",
    "hypothetical",
    "translate",
    "correct",
    "summarise",
    "code",
    "other_people",
    "momentary",
    "joke",
    "injection",
    "one_off_format",
    "retraction",
    "contradiction",
    "long",
];
/// What the API accepts of a memory.
const TEXT_MAX_CHARS: usize = 1_000;
/// Extraction reads no further into a prompt.
const PROMPT_MAX_CHARS: usize = 4_000;

/// What is wrong with the prompts, each with its place.
#[must_use]
pub fn faults(entries: &[Entry]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    let mut prompts: BTreeMap<(String, Vec<&str>), &str> = BTreeMap::new();
    for entry in entries {
        let place = entry.place.as_str();
        faults.extend(of_entry(entry).into_iter().map(|fault| format!("{place}: {fault}")));
        if let Some(first) = ids.insert(entry.id(), place) {
            faults.push(format!("{place}: the id stands at {first} too"));
        }
        // A prompt may come again after other earlier ones: what it means is then another matter.
        let earlier = entry.context().iter().map(|earlier| earlier.prompt.as_str()).collect();
        if let Some(first) = prompts.insert((folded(entry.prompt()), earlier), place) {
            faults.push(format!("{place}: the same prompt stands at {first}"));
        }
    }
    faults
}

fn of_entry(entry: &Entry) -> Vec<String> {
    let mut faults = Vec::new();
    let (front, number) = entry.id().rsplit_once('-').unwrap_or_default();
    let numbered = number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit());
    let plain = front.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if !numbered || !plain || !front.ends_with(entry.language.to_string().as_str()) {
        faults.push("the id does not end with its language and four digits".to_owned());
    }
    let category = entry.category();
    let (always, never) = (ALWAYS.contains(&category), NEVER.contains(&category));
    if !always && !never && !SOMETIMES.contains(&category) {
        faults.push("the category is not known".to_owned());
    }
    // The held-out part's author has the categories say only what a prompt tests.
    if entry.part == Part::Dev && (always && !entry.holds() || never && entry.holds()) {
        faults.push("a prompt of this category always or never holds something".to_owned());
    }
    if entry.line.context.as_ref().is_some_and(Vec::is_empty) {
        faults.push("context is empty: leave it out".to_owned());
    }
    let mut known = BTreeSet::new();
    for (earlier, number) in entry.context().iter().zip(1..) {
        let ends = [earlier.updates.as_ref(), earlier.retracts.as_ref()];
        let found = of_prompt(&earlier.prompt, &earlier.keep, ends, &mut known);
        faults.extend(found.into_iter().map(|fault| format!("context {number}: {fault}")));
    }
    let ends = [entry.line.updates.as_ref(), entry.line.retracts.as_ref()];
    faults.extend(of_prompt(entry.prompt(), entry.keep(), ends, &mut known));
    faults
}

/// What is wrong with one prompt; `known` has the texts that were kept so far, and is moved on.
fn of_prompt(
    prompt: &str,
    keep: &[Label],
    [updates, retracts]: [Option<&Vec<String>>; 2],
    known: &mut BTreeSet<String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |wrong: bool, what: &str| {
        if wrong {
            faults.push(what.to_owned());
        }
    };
    fault(prompt.trim().is_empty(), "the prompt is blank");
    fault(prompt.chars().count() > PROMPT_MAX_CHARS, "the prompt is too long");
    for label in keep {
        fault(
            !is_text(&label.text) || label.text.chars().count() > TEXT_MAX_CHARS,
            "a text is blank, padded or too long",
        );
        fault(!is_text(&label.quote) || !prompt.contains(&label.quote), "a quote is not in the prompt to the letter");
    }
    let texts: BTreeSet<String> = keep.iter().map(|label| label.text.clone()).collect();
    fault(texts.len() < keep.len(), "two memories have the same text");
    fault([updates, retracts].into_iter().flatten().any(Vec::is_empty), "updates or retracts is empty: leave it out");
    fault(updates.is_some() && keep.is_empty(), "updates without anything in keep: that is retracts");
    for ended in [updates, retracts].into_iter().flatten().flatten() {
        fault(!known.remove(ended), "what ends is not known by then, or ends twice");
    }
    known.extend(texts);
    faults
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.trim() == text
}

/// Letters and digits only, without case or accents: prompts that differ by less are the same. A prompt without any is itself.
fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let plain: String = plain.map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    if words.is_empty() { text.to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};

    fn entry(line: &str) -> Entry {
        Entry { line: read_line(line, "x:1").unwrap(), part: Part::Dev, language: Language::Pt, place: "x:1".into() }
    }

    const GOOD: &str = r#"{"id":"pt-0001","category":"contradiction","prompt":"agora moro em Natal",
        "context":[{"prompt":"moro em Recife","keep":[{"kind":"profile","text":"Mora em Recife","quote":"moro em Recife"}]}],
        "keep":[{"kind":"profile","text":"Mora em Natal","quote":"moro em Natal"}],"updates":["Mora em Recife"]}"#;

    #[test]
    fn a_sound_entry_has_no_faults() {
        assert!(faults(&[entry(GOOD)]).is_empty());
        assert_eq!(entry(GOOD).known()[0].text, "Mora em Recife");
    }

    #[test]
    fn every_rule_has_its_fault() {
        for (from, to) in [
            ("pt-0001", "en-0001"),
            ("pt-0001", "pt-1"),
            ("contradiction", "question"),
            ("contradiction", "novel"),
            ("\"quote\":\"moro em Natal\"", "\"quote\":\"Moro em Natal\""),
            ("\"text\":\"Mora em Natal\"", "\"text\":\" Mora em Natal\""),
            ("\"updates\":[\"Mora em Recife\"]", "\"updates\":[\"Mora em Olinda\"]"),
            ("\"updates\":[\"Mora em Recife\"]", "\"retracts\":[]"),
            ("agora moro em Natal", " "),
        ] {
            let line = GOOD.replace(from, to);
            assert!(line != GOOD && !faults(&[entry(&line)]).is_empty(), "{from} to {to}");
        }
        let twice = [entry(GOOD), entry(&GOOD.replace("agora moro", "AGORA, moro"))];
        assert_eq!(faults(&twice).len(), 2, "{:?}", faults(&twice));
    }

    #[test]
    fn what_is_not_of_the_form_is_refused_without_being_repeated() {
        for line in ["", "{}", &GOOD.replace("updates", "update"), &GOOD.replace("profile", "secret-kind")] {
            let error = read_line::<Line>(line, "x:1").unwrap_err().to_string();
            assert!(error.starts_with("x:1: not of the form") && !error.contains("secret-kind"), "{error}");
        }
    }
}
