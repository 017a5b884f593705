//! Words of Portuguese and English: folding, stop words, language, stems.

use std::{collections::HashSet, sync::LazyLock};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The languages that are answered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Portuguese,
    English,
}

/// Lower case, without accents.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// The words of a folded text: runs of letters and digits.
pub(crate) fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

const PORTUGUESE: &str = "a ao aos as ate com como da das de dele dela deles delas depois do dos e ela elas ele eles em \
    entre era essa essas esse esses esta estao estas estava este estes estou eu foi for foram ha isso isto ja lhe lhes mais mas \
    me mesmo meu meus mim minha minhas muito na nao nas nem no nos nossa nossas nosso nossos num numa o onde os ou para pela \
    pelas pelo pelos por porque pra qual quais quando quanto que quem sao se seja sem ser sera seu seus si so sobre sou sua suas \
    tambem te tem tenho ter teu tinha tu tua tudo um uma umas uns vai voce voces vou";

const ENGLISH: &str = "a about after all also am an and any are as at be because been but by can could did do does for from \
    had has have he her here hers him his how i if in into is it its just ll m me more most my myself no nor not of on or our \
    out re s she should so some such t than that the their them then there these they this those to too up us ve very was we \
    were what when where which while who why will with would you your yours";

static PORTUGUESE_STOPS: LazyLock<HashSet<&str>> = LazyLock::new(|| PORTUGUESE.split_whitespace().collect());
static ENGLISH_STOPS: LazyLock<HashSet<&str>> = LazyLock::new(|| ENGLISH.split_whitespace().collect());

/// Whether a folded word says nothing by itself, in either language.
pub(crate) fn is_stop(word: &str) -> bool {
    PORTUGUESE_STOPS.contains(word) || ENGLISH_STOPS.contains(word)
}

/// The language of a text, by its stop words; accents decide a draw, and English what has neither.
pub(crate) fn language(text: &str) -> Language {
    let folded = fold(text);
    let (mut portuguese, mut english) = (0, 0);
    for word in words(&folded) {
        // A word of both languages says nothing.
        match (PORTUGUESE_STOPS.contains(word), ENGLISH_STOPS.contains(word)) {
            (true, false) => portuguese += 1,
            (false, true) => english += 1,
            (true, true) | (false, false) => {}
        }
    }
    let accented = text.chars().any(|c| "ãõçáéíóúâêôàÃÕÇÁÉÍÓÚÂÊÔÀ".contains(c));
    if portuguese > english || (portuguese == english && accented) { Language::Portuguese } else { Language::English }
}

/// A crude stem of a folded word: plurals, some endings, and the vowel of gender or person.
pub(crate) fn stem(word: &str) -> String {
    const PLURALS: [(&str, &str); 5] = [("coes", "cao"), ("oes", "ao"), ("ais", "al"), ("eis", "el"), ("ies", "y")];
    const ENDINGS: [&str; 12] =
        ["mente", "ingly", "mento", "ments", "ment", "ando", "endo", "indo", "ing", "ed", "ly", "es"];
    let mut stem = word.to_owned();
    if word.len() > 4 {
        if let Some((plural, singular)) = PLURALS.iter().find(|(plural, _)| word.ends_with(plural)) {
            stem.truncate(word.len() - plural.len());
            stem.push_str(singular);
        } else if let Some(ending) = ENDINGS.iter().find(|ending| word.ends_with(*ending))
            && word.len() >= ending.len() + 4
        {
            stem.truncate(word.len() - ending.len());
        }
    }
    if stem.len() > 3 && stem.ends_with('s') && !stem.ends_with("ss") {
        stem.pop();
    }
    if stem.len() > 4 && (stem.ends_with("ar") || stem.ends_with("er") || stem.ends_with("ir")) {
        stem.truncate(stem.len() - 2);
    } else if stem.len() > 3 && stem.ends_with(['a', 'e', 'o']) {
        stem.pop();
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_apart() {
        for text in ["Qual é a capital do Brasil?", "sou desenvolvedor de software", "Olá!", "Onde eu moro?"] {
            assert_eq!(language(text), Language::Portuguese, "{text}");
        }
        for text in ["What is the capital of France?", "I live in Lisbon", "hello", "Who am I?"] {
            assert_eq!(language(text), Language::English, "{text}");
        }
    }

    #[test]
    fn stems_join_what_belongs_together() {
        for (one, other) in [
            ("moro", "mora"),
            ("morar", "moro"),
            ("respostas", "resposta"),
            ("medico", "medicas"),
            ("reuniao", "reunioes"),
            ("city", "cities"),
            ("formalmente", "formal"),
            ("answers", "answer"),
            ("dogs", "dog"),
        ] {
            assert_eq!(stem(one), stem(other), "{one} {other}");
        }
        assert_ne!(stem("cafe"), stem("casa"));
    }
}
