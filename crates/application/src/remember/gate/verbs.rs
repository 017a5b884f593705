//! Forms in which people say verbs of themselves, made from the verbs of `verbs.txt`.

use super::lexicon::entries;

const VERBS: &str = include_str!("verbs.txt");

/// Gives each form with its class to `take`: for a class `x` of Portuguese `x1` (I), `x_we`, `x3` (a gente …), `x_ing`, `x_past` (I did),
/// `x_inf`; for `x` of English `x` (I, we), `x_ing`, `xd` (I did).
pub(super) fn forms(mut take: impl FnMut(&str, &str)) {
    for (name, verbs) in entries(VERBS) {
        let Some((language, class)) = name.split_once(' ') else {
            continue;
        };
        for verb in verbs.split_whitespace() {
            match language {
                "portuguese" => portuguese(class, verb, &mut take),
                "english" => english(class, verb, &mut take),
                _ => take(class, verb),
            }
        }
    }
}

fn portuguese(class: &str, infinitive: &str, take: &mut impl FnMut(&str, &str)) {
    let Some((stem, ending)) = infinitive.len().checked_sub(2).and_then(|at| infinitive.split_at_checked(at)) else {
        return;
    };
    // 'Dou', 'vou', 'vejo' are among the irregular forms.
    if stem.len() < 2 {
        return;
    }
    let last = stem.chars().next_back();
    let (we, gerund, third) = match ending {
        "ar" => ("amos", "ando", "a"),
        "er" => ("emos", "endo", "e"),
        _ => ("imos", "indo", "e"),
    };
    let first = match (ending, last) {
        ("er" | "ir", Some('g')) => format!("{}jo", stem.trim_end_matches('g')),
        _ => format!("{stem}o"),
    };
    let past = match (ending, last) {
        ("ar", Some('g')) => format!("{stem}uei"),
        ("ar", _) => format!("{stem}ei"),
        _ => format!("{stem}i"),
    };
    take(&format!("{class}1"), &first);
    take(&format!("{class}_past"), &past);
    // Folded, 'tocar' and 'começar' look alike.
    if ending == "ar" && last == Some('c') {
        take(&format!("{class}_past"), &format!("{}quei", stem.trim_end_matches('c')));
    }
    for (tense, ending) in [("_we", we), ("_ing", gerund), ("3", third)] {
        take(&format!("{class}{tense}"), &format!("{stem}{ending}"));
    }
    take(&format!("{class}_inf"), infinitive);
}

fn english(class: &str, base: &str, take: &mut impl FnMut(&str, &str)) {
    let stem = base.strip_suffix('e').unwrap_or(base);
    let last = base.chars().next_back().unwrap_or(' ');
    take(class, base);
    // Whether the last letter is doubled is not worth knowing: the wrong form is no word.
    for ing in [format!("{stem}ing"), format!("{base}{last}ing")] {
        take(&format!("{class}_ing"), &ing);
    }
    let tried = base.strip_suffix('y').unwrap_or(base);
    for past in [format!("{stem}ed"), format!("{base}{last}ed"), format!("{tried}ied")] {
        take(&format!("{class}d"), &past);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(class: &str, form: &str) -> bool {
        let mut found = false;
        forms(|of, given| found |= of == class && given == form);
        found
    }

    #[test]
    fn makes_the_forms_people_use_of_themselves() {
        for (class, form) in [
            ("life1", "moro"),
            ("life1", "dirijo"),
            ("life1", "prefiro"),
            ("life_past", "toquei"),
            ("turn_past", "casei"),
            ("turn_past", "larguei"),
            ("life_we", "moramos"),
            ("life_ing", "morando"),
            ("elife", "live"),
            ("elife_ing", "living"),
            ("elife_ing", "swimming"),
            ("eturnd", "married"),
            ("eturnd", "moved"),
            ("eturnd", "sold"),
        ] {
            assert!(has(class, form), "{class} {form}");
        }
        assert!(!has("habit1", "do"));
    }
}
