//! Statements that an author makes about themselves, found as a small model would.

use crate::{
    patterns::{FILLERS, JOINTS, PATTERNS, Pattern, TOLD, TURNS},
    words::fold,
};

/// The most that is found in one message, and the most characters of each: what fits in a short answer.
const MOST: usize = 8;
const LONGEST: usize = 160;

/// A thing worth remembering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: &'static str,
    /// The author's words, told of someone else where that is easily done.
    pub(crate) text: String,
    /// The author's words as they stand in the message.
    pub(crate) quote: String,
}

/// A word: where it stands in the message, and what it is compared by.
#[derive(Clone, Copy)]
struct Word<'a> {
    start: usize,
    end: usize,
    folded: &'a str,
    /// What closes the sentence or the phrase behind it.
    close: Close,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Close {
    Nothing,
    Comma,
    Sentence,
    Question,
}

/// What a message says about its author, in its order.
pub(crate) fn statements(message: &str) -> Vec<Found> {
    let message = unquoted(inner(message));
    let pieces = split(&message);
    let words: Vec<Word<'_>> = pieces
        .iter()
        .map(|(start, end, folded, close)| Word { start: *start, end: *end, folded, close: *close })
        .collect();
    let mut found: Vec<Found> = Vec::new();
    let mut from = 0;
    while from < words.len() && found.len() < MOST {
        let to = clause_end(&words, from);
        if let Some(statement) = statement(&message, &words[from..to])
            && !found.iter().any(|earlier| earlier.text == statement.text)
        {
            found.push(statement);
        }
        from = to;
    }
    found
}

/// The message inside a `<tag>…</tag>` that wraps all of it.
fn inner(message: &str) -> &str {
    let text = message.trim();
    let opened = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let Some((tag, rest)) = opened.filter(|(tag, _)| !tag.is_empty() && !tag.contains(['<', '/'])) else { return text };
    rest.trim_end().strip_suffix(&format!("</{tag}>")).map_or(text, str::trim)
}

/// Blanks out what is quoted or code: that is not the author speaking of themselves.
fn unquoted(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut closing: Option<char> = None;
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let within = closing.is_some();
        // Between letters it is an apostrophe.
        let apostrophe =
            c == '\'' && before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric());
        match closing {
            Some(end) if c == end && !apostrophe => closing = None,
            Some(_) => {}
            None => {
                closing = match c {
                    '"' | '`' => Some(c),
                    '“' => Some('”'),
                    '«' => Some('»'),
                    '\'' if !before.is_alphanumeric() => Some(c),
                    _ => None,
                }
            }
        }
        let kept = c == '\n' || !(within || closing.is_some());
        result.push(if kept { c } else { ' ' });
        before = c;
    }
    result
}

/// Words with their places. An apostrophe belongs to its word, a hyphen parts two (`chamo-me`).
fn split(text: &str) -> Vec<(usize, usize, String, Close)> {
    let mut words: Vec<(usize, usize, String, Close)> = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), '\n')]) {
        if c.is_alphanumeric() || (matches!(c, '\'' | '’') && start.is_some()) {
            start.get_or_insert(at);
            continue;
        }
        if let Some(start) = start.take() {
            words.push((start, at, fold(&text[start..at]).replace('’', "'"), Close::Nothing));
        }
        let close = match c {
            '?' => Close::Question,
            '.' | '!' | ';' | ':' | '\n' | '…' => Close::Sentence,
            ',' | '(' | ')' | '—' | '–' => Close::Comma,
            _ => continue,
        };
        // "3.5" and "a.b" do not end a sentence.
        let inside = c == '.' && text[at + 1..].starts_with(char::is_alphanumeric);
        if let Some(word) = words.last_mut().filter(|word| word.3 == Close::Nothing && !inside) {
            word.3 = close;
        }
    }
    words
}

/// Where the clause that starts at `from` ends: with its sentence, or where another statement or a request begins.
fn clause_end(words: &[Word<'_>], from: usize) -> usize {
    for at in from..words.len() {
        if matches!(words[at].close, Close::Sentence | Close::Question) {
            return at + 1;
        }
        let rest = &words[at + 1..];
        let parted = words[at].close == Close::Comma || rest.first().is_some_and(|word| JOINTS.contains(&word.folded));
        if parted && (find(rest).is_some() || turns(rest)) {
            return at + 1;
        }
    }
    words.len()
}

/// Whether these words go on with a question or a request.
fn turns(words: &[Word<'_>]) -> bool {
    let joint = words.first().is_some_and(|word| JOINTS.contains(&word.folded));
    let words = &words[usize::from(joint)..];
    TURNS.iter().any(|turn| starts(words, turn).is_some())
}

/// How many words `pattern` takes up at the start of `words`.
fn starts(words: &[Word<'_>], pattern: &str) -> Option<usize> {
    let mut at = 0;
    let mut expected = pattern.split_whitespace();
    while let Some(part) = expected.next() {
        if part == "*" {
            let tail: Vec<&str> = expected.collect();
            return (1..=3).map(|skip| at + skip).find_map(|from| {
                let rest = words.get(from..)?;
                starts(rest, &tail.join(" ")).map(|taken| from + taken)
            });
        }
        if words.get(at)?.folded != part {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// Where a statement begins in the clause, behind its fillers, and how it is made.
fn find(words: &[Word<'_>]) -> Option<(usize, &'static Pattern)> {
    let mut from = 0;
    loop {
        let rest = words.get(from..)?;
        let fitting = PATTERNS.iter().find(|pattern| {
            let Some(taken) = starts(rest, pattern.words) else { return false };
            let Some(next) = rest.get(taken) else { return false };
            // An article does not hide what follows it.
            let article = matches!(next.folded, "a" | "an" | "um" | "uma" | "uns" | "umas");
            let after = if article { rest.get(taken + 1).map_or(next.folded, |word| word.folded) } else { next.folded };
            let has = |list: &str, word: &str| list.split_whitespace().any(|listed| listed == word);
            !has(pattern.unless, next.folded)
                && !has(pattern.unless, after)
                && (pattern.needs.is_empty() || has(pattern.needs, next.folded))
        });
        if let Some(pattern) = fitting {
            return Some((from, pattern));
        }
        let filler = FILLERS.iter().filter_map(|filler| starts(rest, filler)).max()?;
        from += filler;
    }
}

fn statement(message: &str, clause: &[Word<'_>]) -> Option<Found> {
    let last = clause.last()?;
    if last.close == Close::Question {
        return None;
    }
    let (from, pattern) = find(clause)?;
    let said = &message[clause[from].start..last.end];
    let told = TOLD.iter().find(|(words, _)| *words == pattern.words);
    let text =
        match told.and_then(|(_, told)| Some((told, clause.get(from + starts(&clause[from..], pattern.words)?)?))) {
            Some((told, rest)) => format!("{told} {}", &message[rest.start..last.end]),
            None => {
                let mut characters = said.chars();
                characters.next()?.to_uppercase().chain(characters).collect()
            }
        };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    Some(Found { kind: pattern.kind, text, quote: said.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(message: &str) -> Vec<(&'static str, String)> {
        statements(message).into_iter().map(|found| (found.kind, found.text)).collect()
    }

    #[track_caller]
    fn says(message: &str, expected: &[(&'static str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect();
        assert_eq!(found(message), expected, "{message}");
    }

    #[test]
    fn finds_what_portuguese_speakers_say_of_themselves() {
        says("sou desenvolvedor de software", &[("profile", "É desenvolvedor de software")]);
        says(
            "Moro em Lisboa, sou médica e gosto de exemplos práticos",
            &[("profile", "Mora em Lisboa"), ("profile", "É médica"), ("preference", "Gosta de exemplos práticos")],
        );
        says("Eu gosto de maçã, banana e uva.", &[("preference", "Gosta de maçã, banana e uva")]);
        says("Olá! Fale comigo formalmente, por favor.", &[("instruction", "Quer conversar formalmente, por favor")]);
        says(
            "Me chame de Zé; tenho dois filhos",
            &[("instruction", "Quer ser chamado(a) de Zé"), ("fact", "Tem dois filhos")],
        );
        says("Na verdade agora moro em Olinda", &[("profile", "Mora em Olinda")]);
        says("Minha cor favorita é azul", &[("preference", "Minha cor favorita é azul")]);
        says("Sou advogado, qual livro devo ler?", &[("profile", "É advogado")]);
        says(
            "Meu nome é João e não gosto de café",
            &[("profile", "Chama-se João"), ("preference", "Não gosta de café")],
        );
    }

    #[test]
    fn finds_what_english_speakers_say_of_themselves() {
        says("Talk to me formally", &[("instruction", "Wants to be talked to formally")]);
        says(
            "I work as a nurse and I hate long emails",
            &[("profile", "Works as a nurse"), ("preference", "Hates long emails")],
        );
        says("Hi, I'm a teacher. My name is Ana!", &[("profile", "Is a teacher"), ("profile", "Is called Ana")]);
        says("Please call me Zed, how are you?", &[("instruction", "Wants to be called Zed")]);
        says("<message>\nI live in Lisbon\n</message>", &[("profile", "Lives in Lisbon")]);
        says("I don't like 'x', I'm a cook", &[("preference", "Doesn't like"), ("profile", "Is a cook")]);
        says("I have two dogs and a cat", &[("fact", "Has two dogs and a cat")]);
    }

    #[test]
    fn leaves_questions_tasks_and_quotes_alone() {
        for message in [
            "Qual é a capital do Brasil?",
            "What is the capital of France?",
            "How do I sort a list in Python?",
            "Bom dia!",
            "",
            "Tenho uma dúvida sobre Rust",
            "I have a question",
            "I'm trying to sort a list",
            "Translate: \"I am a doctor\"",
            "Traduza “sou médico” para o inglês",
            "Traduza para o inglês: 'eu moro em Paris e sou cantor'",
            "Do I like pizza?",
            "Responda em uma palavra: quanto é 2 + 2?",
            "Trabalho escolar sobre a água",
            "Sou",
        ] {
            assert_eq!(found(message), [], "{message}");
        }
    }
}
