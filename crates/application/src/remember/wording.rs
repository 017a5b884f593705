//! How statements are worded, in Portuguese and English: whether they deny, take back, or say one of the things of which a
//! person has one at a time.

use palavra_domain::recall::text::terms;
use std::collections::BTreeSet;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Words that turn a statement into its opposite.
const DENIALS: [&str; 16] = [
    "nao", "nunca", "jamais", "nem", "nenhum", "nenhuma", "sem", "not", "never", "no", "without", "dont", "doesnt",
    "isnt", "cannot", "cant",
];
/// Further words of which one stands in every statement that takes something back.
const ENDINGS: [&str; 40] = [
    "deixei",
    "parei",
    "larguei",
    "abandonei",
    "desisti",
    "sai",
    "mudei",
    "troquei",
    "vendi",
    "perdi",
    "morreu",
    "faleceu",
    "terminei",
    "acabou",
    "esqueca",
    "esquece",
    "apague",
    "apaga",
    "remova",
    "ex",
    "antes",
    "errado",
    "engano",
    "stopped",
    "quit",
    "left",
    "sold",
    "lost",
    "gave",
    "moved",
    "broke",
    "died",
    "passed",
    "forget",
    "anymore",
    "longer",
    "wrong",
    "former",
    "used",
    "remove",
];

/// Things of which a person has one at a time, each with the beginnings of statements of it. What follows is its value.
const SLOTS: [(&str, &[&str]); 3] = [
    (
        "home",
        &[
            "mora em",
            "mora no",
            "mora na",
            "moro em",
            "moro no",
            "moro na",
            "vive em",
            "vive no",
            "vive na",
            "vivo em",
            "reside em",
            "lives in",
            "live in",
            "i live in",
            "is living in",
            "is based in",
            "based in",
            "mudou se para",
            "se mudou para",
            "moved to",
            "agora mora em",
            "atualmente mora em",
            "now lives in",
            "currently lives in",
        ],
    ),
    (
        "name",
        &[
            "chama se",
            "se chama",
            "me chamo",
            "o nome e",
            "meu nome e",
            "nome e",
            "is called",
            "is named",
            "my name is",
            "name is",
            "quer ser chamado de",
            "quer ser chamada de",
            "quer ser chamado a de",
            "wants to be called",
            "prefers to be called",
            "me chame de",
            "call me",
        ],
    ),
    (
        "language of answers",
        &[
            "quer respostas em",
            "quer respostas sempre em",
            "prefere respostas em",
            "responda sempre em",
            "responda em",
            "wants answers in",
            "wants replies in",
            "prefers answers in",
            "always answer in",
            "answer in",
            "reply in",
        ],
    ),
];

/// Lower case, no accents, single spaces between letters and digits.
fn folded(text: &str) -> String {
    let lower = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let letters: String =
        lower.filter(|c| !matches!(c, '\'' | '’')).map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the statement denies something.
pub(super) fn denies(text: &str) -> bool {
    folded(text).split(' ').any(|word| DENIALS.contains(&word))
}

/// Whether the words could take back something that held before.
pub(super) fn takes_back(text: &str) -> bool {
    folded(text).split(' ').any(|word| DENIALS.contains(&word) || ENDINGS.contains(&word))
}

/// How two statements about one person go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// They say the same.
    Same,
    /// The first says all that the second says, and more.
    More,
    /// The first says nothing that the second does not say.
    Less,
    /// They cannot both hold.
    Opposite,
    /// None of these can be told from the words.
    Other,
}

/// How `new` stands to `old`, by their words alone.
pub(super) fn relation(new: &str, old: &str) -> Relation {
    if let (Some((slot, value)), Some((other, held))) = (slot(new), slot(old))
        && slot == other
    {
        let (value, held) = (Content::of(&value), Content::of(&held));
        return included(&value, &held).unwrap_or(Relation::Opposite);
    }
    let (words, held) = (Content::of(new), Content::of(old));
    if words.is_empty() || held.is_empty() {
        return if folded(new) == folded(old) { Relation::Same } else { Relation::Other };
    }
    let alike = denies(new) == denies(old);
    match included(&words, &held) {
        Some(Relation::Same) if !alike => Relation::Opposite,
        Some(relation) if alike => relation,
        _ => Relation::Other,
    }
}

/// Which of two includes the other, if one does.
fn included(new: &Content, old: &Content) -> Option<Relation> {
    match (new.includes(old), old.includes(new)) {
        (true, true) => Some(Relation::Same),
        (true, false) => Some(Relation::More),
        (false, true) => Some(Relation::Less),
        (false, false) => None,
    }
}

/// The words of a statement that it is about, each as the terms that it may stand for: not the ones that deny.
struct Content(Vec<BTreeSet<String>>);

impl Content {
    fn of(text: &str) -> Self {
        let words = text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’')).filter(|word| !denies(word));
        Self(
            words
                .map(|word| terms(word).into_iter().collect())
                .filter(|terms: &BTreeSet<String>| !terms.is_empty())
                .collect(),
        )
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every word of the other is among these, in whatever language it is read.
    fn includes(&self, other: &Self) -> bool {
        other.0.iter().all(|word| self.0.iter().any(|own| !own.is_disjoint(word)))
    }
}

/// The thing that the statement gives a value to, and the value. A home has a name: "mora em apartamento" names none.
fn slot(text: &str) -> Option<(&'static str, String)> {
    let folded = folded(text);
    let (name, beginning) = SLOTS.iter().find_map(|(name, beginnings)| {
        let fits = |beginning: &&&str| folded.strip_prefix(**beginning).is_some_and(|rest| rest.starts_with(' '));
        beginnings.iter().find(fits).map(|beginning| (*name, *beginning))
    })?;
    // The folded words stand for the words of the text one to one, but for apostrophes and hyphens within them.
    let skipped = beginning.split(' ').count();
    let mut words =
        text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '(' | ')' | '/')).filter(|word| !word.is_empty());
    let value: Vec<&str> = words.by_ref().skip(skipped).collect();
    let first = value.first()?.chars().next()?;
    let named = name != "home" || first.is_uppercase();
    named.then(|| (name, value.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn stands(new: &str, old: &str, expected: Relation) {
        assert_eq!(relation(new, old), expected, "{new:?} to {old:?}");
    }

    #[test]
    fn the_same_in_other_dress_is_the_same() {
        stands("mora em  RECIFE.", "Mora em Recife", Relation::Same);
        stands("É medica", "É médica.", Relation::Same);
        stands("Works as a nurse", "works as nurse", Relation::Same);
        stands("Moro em Recife", "Vive em Recife", Relation::Same);
    }

    #[test]
    fn a_denial_is_the_opposite_of_what_it_denies() {
        stands("Não gosta de café", "Gosta de café", Relation::Opposite);
        stands("Doesn't like coffee", "Likes coffee", Relation::Opposite);
        stands("Não come carne vermelha", "Come peixe", Relation::Other);
    }

    #[test]
    fn of_some_things_there_is_one() {
        stands("Mora em Olinda", "Mora em Recife", Relation::Opposite);
        stands("Lives in Denver", "Mora em Recife", Relation::Opposite);
        stands("Wants to be called Bia", "Is called Beatriz", Relation::Opposite);
        stands("Mora em apartamento", "Mora em Recife", Relation::Other);
        stands("Gosta de chá", "Gosta de café", Relation::Other);
        stands("Tem um gato", "Tem um cachorro", Relation::Other);
    }

    #[test]
    fn what_is_more_exact_says_more() {
        stands("Mora em Recife, em Boa Viagem", "Mora em Recife", Relation::More);
        stands("Tem um cachorro", "Tem um cachorro chamado Thor", Relation::Less);
        stands("Works as a nurse on night shifts", "Works as a nurse", Relation::More);
    }

    #[test]
    fn retractions_sound_like_retractions() {
        for text in [
            "não moro mais em Recife",
            "I quit my job",
            "larguei a faculdade",
            "I no longer eat meat",
            "esqueça meu apelido",
        ] {
            assert!(takes_back(text), "{text}");
        }
        for text in ["moro em Recife", "I love my job"] {
            assert!(!takes_back(text), "{text}");
        }
    }
}
