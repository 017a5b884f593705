//! The words of a text, as they are compared: lower case, without accents, stems, no stop words.
//!
//! A word is found by any of its forms: whole, and by its stem. Whole, so that names ('Docker', 'Recife', 'v2.1') match
//! across languages whatever a stemmer makes of them. The stem is a function of the word *without* accents: what the
//! Portuguese stemmer needs accents for, it is given back by the ending ('programacao' is stemmed as 'programação'). So
//! spellings with and without accents have one stem.
//!
//! Which stemmer is for the text to say, by its stop words, accents and endings, and it takes clear evidence: in a text that
//! shows too little, such as 'docker volumes', each word has the stems of both languages.

use super::{
    lexicon,
    split::{Shape, Split, Tongue, fold_into},
};
use rust_stemmers::{Algorithm, Stemmer};
use std::borrow::Cow;

/// Endings that lost their accents, and plurals that the stemmer does not know. The first that fits is replaced.
const ENDINGS: [(&str, &str); 18] = [
    ("coes", "ção"),
    ("cao", "ção"),
    ("oes", "ão"),
    ("aes", "ão"),
    ("aos", "ão"),
    ("ao", "ão"),
    ("aveis", "ável"),
    ("avel", "ável"),
    ("iveis", "ível"),
    ("ivel", "ível"),
    ("encias", "ência"),
    ("encia", "ência"),
    ("ancias", "ância"),
    ("ancia", "ância"),
    ("ais", "al"),
    ("eis", "el"),
    ("ois", "ol"),
    ("ns", "m"),
];
/// No Portuguese plural has one of these before its s.
const BEFORE_FOREIGN_S: [char; 13] = ['b', 'c', 'd', 'f', 'g', 'k', 'l', 'm', 'p', 'r', 't', 'w', 'y'];
/// Words shorter than this are their own stems, in letters.
const LEAST_STEMMED: usize = 4;

/// A word that may find something.
pub(super) struct Word<'a> {
    /// The word whole, then its stems that differ from it.
    pub(super) forms: &'a [String],
    /// Whether sharing it means little: it is common everywhere, or says next to nothing alone.
    pub(super) weak: bool,
}

/// The terms that a text is found by, in its order: for each word that is no stop word the word in lower case and without
/// accents, then its stems where they differ from it. A text of one language shares terms with one of the other where they
/// share names or roots.
#[must_use]
pub fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    words(text, |word| terms.extend_from_slice(word.forms));
    terms
}

/// Calls `each` for every word of a text that is no stop word, in order.
pub(super) fn words(text: &str, mut each: impl FnMut(&Word<'_>)) {
    let split = Split::new(text);
    let tongue = split.tongue();
    let mut forms = [String::new(), String::new(), String::new()];
    for token in &split.tokens {
        let whole = &split.folded[token.at.clone()];
        let [first, second, third] = &mut forms;
        first.clear();
        first.push_str(whole);
        let mut count = 1;
        if token.shape == Shape::Plain {
            if tongue != Tongue::English {
                stem_into(whole, Tongue::Portuguese, second);
                count += usize::from(second != first);
            }
            if tongue != Tongue::Portuguese {
                let next = if count == 1 { &mut *second } else { &mut *third };
                stem_into(whole, Tongue::English, next);
                let new = next != first && (count == 1 || forms[2] != forms[1]);
                count += usize::from(new);
            }
        }
        let forms = &forms[..count];
        let weak = match token.shape {
            Shape::Acronym => false,
            Shape::Number => whole.len() < 3,
            Shape::Plain | Shape::Mixed => {
                whole.chars().nth(2).is_none() && !whole.ends_with(['+', '#'])
                    || forms.iter().any(|form| lexicon::is_common(form))
            }
        };
        each(&Word { forms, weak });
    }
}

/// The stem of a word in lower case without accents; of a language that is not known, the word.
pub(super) fn stem(word: &str, tongue: Tongue) -> String {
    let mut stem = String::new();
    stem_into(word, tongue, &mut stem);
    stem
}

fn stem_into(word: &str, tongue: Tongue, stem: &mut String) {
    stem.clear();
    if word.chars().nth(LEAST_STEMMED - 1).is_none() {
        stem.push_str(word);
        return;
    }
    match tongue {
        Tongue::Portuguese => fold_into(&Stemmer::create(Algorithm::Portuguese).stem(&accented(word)), stem),
        Tongue::English => stem.push_str(&Stemmer::create(Algorithm::English).stem(word)),
        Tongue::Unsure => stem.push_str(word),
    }
}

/// The word as the Portuguese stemmer knows its ending.
fn accented(word: &str) -> Cow<'_, str> {
    if word.len() <= LEAST_STEMMED {
        return Cow::Borrowed(word);
    }
    let found = ENDINGS.iter().find_map(|(bare, full)| word.strip_suffix(bare).map(|start| (start, *full)));
    if let Some((start, full)) = found {
        return Cow::Owned([start, full].concat());
    }
    // 'emails', 'drivers': plurals that came with their words.
    Cow::Borrowed(word.strip_suffix('s').filter(|one| one.ends_with(BEFORE_FOREIGN_S)).unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(one: &str, other: &str) -> bool {
        let others = terms(other);
        terms(one).iter().any(|term| others.contains(term))
    }

    fn tongue(text: &str) -> Tongue {
        Split::new(text).tongue()
    }

    #[test]
    fn words_are_folded_stemmed_and_without_stop_words() {
        assert_eq!(terms("O usuário programa em Rust e é médico"), ["programa", "program", "rust", "medico", "medic"]);
        assert_eq!(terms("The user is running two marathons"), ["running", "run", "two", "marathons", "marathon"]);
        assert_eq!(terms("Você e a gente não vamos"), ["gente", "gent"]);
        assert!(terms("do you and I, é o que há — a?!").is_empty());
    }

    #[test]
    fn inflections_match_within_a_language() {
        for (one, other) in [
            ("Eu programo sistemas para a empresa", "Trabalha com programação de um sistema"),
            ("Ela é médica", "Os médicos do hospital"),
            ("Faço viagens de trem", "A viagem foi longa"),
            ("Adoro os animais", "Tenho um animal em casa"),
            ("São muitas opções", "Qual é a opção?"),
            ("Coisas possíveis para mim", "Isso não é possível"),
            ("Meus irmãos moram longe", "Meu irmão mora aqui"),
            ("I am allergic to nuts", "Is there a nut in this?"),
            ("She studies and I was studying", "I want to study with them"),
            ("I work as a nurse", "the nurses of my ward"),
        ] {
            assert!(share(one, other), "{one} | {other}: {:?} {:?}", terms(one), terms(other));
        }
        assert!(!share("Gosta de cachorros", "Alérgica a camarão"));
    }

    #[test]
    fn spellings_without_accents_have_the_same_terms() {
        for (with, without) in [
            ("sou médica e faço programação", "sou medica e faco programacao"),
            ("opções de avião, não de ônibus", "opcoes de aviao, nao de onibus"),
            ("É impossível, até para a agência", "E impossivel, ate para a agencia"),
            ("Prefere pães e maçãs do verão", "Prefere paes e macas do verao"),
            ("o café da manhã", "o CAFE\u{301} DA MANHA\u{303}"),
        ] {
            assert_eq!(terms(with), terms(&without.to_lowercase()), "{with}");
        }
        assert!(share("programacao", "programar"), "a lone word too");
        assert!(share("programacoes", "A programação de hoje"));
    }

    #[test]
    fn names_match_across_languages() {
        for (one, other) in [
            ("Usa Docker e Kubernetes no trabalho", "I deploy with docker at my company"),
            ("The user was born in Florianópolis", "Como está o tempo em Florianopolis?"),
            ("My dog is called Bolinha", "O que a Bolinha pode comer?"),
            ("A Vitória é minha irmã", "Write a card for Vitoria's birthday"),
            ("Programação em Python", "programming for the kids"),
        ] {
            assert!(share(one, other), "{one} | {other}: {:?} {:?}", terms(one), terms(other));
        }
    }

    #[test]
    fn numbers_versions_and_odd_names_stay_whole() {
        assert_eq!(terms("Usa Node.js v18.2 e Python 3.12"), ["usa", "node.js", "v18.2", "python", "3.12"]);
        assert_eq!(terms("Programo em C++ e C#, não em C"), ["programo", "program", "c++", "c#"]);
        assert_eq!(
            terms("Trabalha com TI e AWS na EMBRAPA"),
            ["trabalha", "trabalh", "ti", "aws", "embrapa", "embrap"]
        );
        assert_eq!(terms("o GPT-4"), ["gpt", "4", "gpt4"]);
        assert!(share("My e-mail is down", "os emails dela") && share("wi-fi", "o wifi de casa"));
        assert_eq!(terms("dá-me isso"), Vec::<String>::new());
        assert!(share("Trabalha na área de TI", "quanto se paga em TI?") && !share("isso é para ti", "o TI"));
    }

    #[test]
    fn a_language_is_told_by_clear_evidence_only() {
        assert_eq!(tongue("onde eu moro?"), Tongue::Portuguese);
        assert_eq!(tongue("Quero recomendações"), Tongue::Portuguese);
        assert_eq!(tongue("voce sabe programacao"), Tongue::Portuguese);
        assert_eq!(tongue("where do I live?"), Tongue::English);
        assert_eq!(tongue("It's for São Paulo"), Tongue::English);
        for unsure in ["docker", "me do a no", "casa house", "the book de Ana", "42", ""] {
            assert_eq!(tongue(unsure), Tongue::Unsure, "{unsure}");
        }
        assert_eq!(terms("programas"), ["programas", "program", "programa"], "both stems");
    }

    #[test]
    fn other_scripts_keep_their_letters() {
        assert_eq!(terms("Ёлка, Ψυχή"), ["елка", "ψυχη"]);
        assert!(share("मुझे हिन्दी आती है", "हिन्दी"));
        assert!(!share("हिन्दी", "हन्द"));
        assert_eq!(terms("ﬁlm ½").first().map(String::as_str), Some("film"));
    }
}
