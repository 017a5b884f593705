//! Whether a prompt is about its author or about the world.
//!
//! 'Quem era Thor na mitologia?' shares a word with 'Tem um cachorro chamado Thor', as 'Que ração devo comprar pro Thor?' does.
//! A question without a first person, and a text to be translated or corrected, are held to be about the world. In doubt
//! a prompt is about its author.

use super::{lexicon, split};
use unicode_segmentation::UnicodeSegmentation;

/// What questions begin with, or have as their second word ('em que ano', 'in which year').
const QUESTION: [&str; 21] = [
    "who", "whom", "whose", "what", "which", "where", "when", "why", "how", "quem", "qual", "quais", "onde", "aonde",
    "quando", "que", "quanto", "quanta", "quantos", "quantas", "porque",
];
/// What questions begin with, and only that.
const FIRST_OF_QUESTION: [&str; 7] = ["is", "are", "was", "were", "does", "did", "como"];
/// What comes after these is not the author's speech.
const TASK: [&str; 11] = [
    "translate",
    "rewrite",
    "proofread",
    "correct",
    "traduza",
    "traduz",
    "traduzir",
    "corrija",
    "corrigir",
    "reescreva",
    "revise",
];
/// The author, or what the author may or should do.
const AUTHOR: [&str; 40] = [
    "i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "im", "ive", "should", "could", "can", "eu", "mim",
    "comigo", "meu", "minha", "meus", "minhas", "nos", "nosso", "nossa", "nossos", "nossas", "conosco", "gente",
    "posso", "devo", "tenho", "quero", "preciso", "vou", "estou", "sou", "podemos", "devemos", "temos", "consigo",
];
/// Stop words after which a verb may come; after others ('o mundo', 'de arquivo') there are nouns.
const BEFORE_VERBS: [&str; 9] = ["como", "quando", "onde", "aonde", "quanto", "nao", "ja", "ainda", "tambem"];

/// Whether a prompt is a question or a task that has nothing of its author in it.
pub(super) fn is_the_world(prompt: &str) -> bool {
    let mut words = prompt.unicode_words().map(split::folded);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is = |list: &[&str], word: &String| list.contains(&word.as_str());
    if is(&TASK, &first) {
        return true;
    }
    if !is(&FIRST_OF_QUESTION, &first) && !is(&QUESTION, &first) && !is(&QUESTION, &second) {
        return false;
    }
    let (mut last, mut before) = (String::new(), String::new());
    for word in [first, second].into_iter().chain(words) {
        if is(&AUTHOR, &word) || first_person(&word) && verb_may_follow(&last, &before) {
            return false;
        }
        (before, last) = (last, word);
    }
    true
}

/// Whether a word ends as Portuguese verbs of the first person do: 'rego', 'guardei', 'fazemos'.
fn first_person(word: &str) -> bool {
    let ends = word.ends_with('o') && !word.ends_with("ao") || word.ends_with("ei") || word.ends_with("mos");
    ends && word.len() >= 3 && lexicon::stop_word(word).is_none()
}

fn verb_may_follow(last: &str, before: &str) -> bool {
    lexicon::stop_word(last).is_none() || BEFORE_VERBS.contains(&last) || last == "que" && before == "o"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_without_a_first_person_are_about_the_world() {
        for world in [
            "Quem era Thor na mitologia nórdica?",
            "Em que ano a Turquia se tornou república?",
            "Por que o relâmpago vem antes do trovão?",
            "Onde fica a nascente do rio?",
            "What's the capital of Australia?",
            "Was Beethoven deaf?",
            "In which year was Zorro first published?",
            "Traduza: eu moro em Recife",
            "Translate 'my dog' into French",
        ] {
            assert!(is_the_world(world), "{world}");
        }
    }

    #[test]
    fn all_else_is_about_its_author() {
        for own in [
            "Que ração devo comprar pro Thor?",
            "Como rego as orquídeas?",
            "Onde guardei a chave?",
            "Que livro compro pra Manuela?",
            "O que faço com isso?",
            "Como é que a gente chega em Olinda?",
            "What's a good film for my wife?",
            "Where'd I park? I'm lost",
            "Thor is limping",
            "Write a slogan for Savanna Wheels",
            "o farofa ta espirrando",
            "",
        ] {
            assert!(!is_the_world(own), "{own}");
        }
    }
}
