//! What a message calls for over what is known, as the small model of a memory would answer.

use crate::{
    extract::{Found, statements},
    words::fold,
};
use serde_json::{Value, json};

/// Words that say that something known is over.
const OVER: [&str; 8] = [
    "nao moro mais",
    "nao trabalho mais",
    "nao sou mais",
    "nao gosto mais",
    "nao tenho mais",
    "no longer",
    "anymore",
    "any more",
];

/// A question of the extractor: the entries that are known, and the user's message.
pub(crate) struct Question<'a> {
    known: Vec<(&'a str, &'a str)>,
    message: &'a str,
}

impl<'a> Question<'a> {
    /// Takes a question apart: `Known:`, a line an entry, `Message:`, the message.
    pub(crate) fn of(text: &'a str) -> Self {
        let Some((known, message)) = text.strip_prefix("Known:\n").and_then(|rest| rest.split_once("\nMessage:\n"))
        else {
            return Self { known: Vec::new(), message: text };
        };
        Self { known: known.lines().filter_map(|line| line.split_once(": ")).collect(), message }
    }

    /// The operations, in the order of the message.
    pub(crate) fn operations(&self) -> Vec<Value> {
        statements(self.message).iter().map(|found| self.operation(found)).collect()
    }

    fn operation(&self, found: &Found) -> Value {
        let said = fold(&found.quote);
        let over = OVER.iter().any(|words| said.contains(words));
        let (op, id) = match self
            .known
            .iter()
            .find(|(_, entry)| if over { ended(&said, entry) } else { replaced(&found.text, entry) })
        {
            Some((id, _)) if over => ("retract", *id),
            Some((id, _)) => ("update", *id),
            None => ("add", ""),
        };
        json!({"op": op, "id": id, "quote": found.quote, "kind": found.kind, "text": found.text})
    }
}

/// Whether what is said to be over is this entry: the words that name something are the same.
fn ended(said: &str, entry: &str) -> bool {
    let entry = fold(entry);
    let names: Vec<&str> = entry.split_whitespace().filter(|word| word.len() > 3).skip(1).collect();
    !names.is_empty() && names.iter().all(|word| said.contains(word))
}

/// Whether the text says something else of what there is one of: both begin with the same two words of a place or a name.
fn replaced(text: &str, entry: &str) -> bool {
    let begin = |text: &str| fold(text).split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let one_of = ["mora em", "lives in", "is called", "trabalha como", "works as"];
    fold(text) != fold(entry) && begin(text) == begin(entry) && one_of.contains(&begin(text).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(question: &str) -> Vec<(String, String, String)> {
        let told = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let operations = Question::of(question).operations();
        operations.iter().map(|value| (told(value, "op"), told(value, "id"), told(value, "text"))).collect()
    }

    #[track_caller]
    fn answers(question: &str, expected: &[(&str, &str, &str)]) {
        let found = operations(question);
        let found: Vec<_> = found.iter().map(|(op, id, text)| (op.as_str(), id.as_str(), text.as_str())).collect();
        assert_eq!(found, expected, "{question}");
    }

    #[test]
    fn adds_updates_and_retracts() {
        answers("Known:\n(none)\nMessage:\nMoro em Recife", &[("add", "", "Mora em Recife")]);
        answers(
            "Known:\nm1: É médica\nm2: Mora em Recife\nMessage:\nMoro em Olinda",
            &[("update", "m2", "Mora em Olinda")],
        );
        answers(
            "Known:\nm1: Mora em Recife\nMessage:\nNão moro mais em Recife.",
            &[("retract", "m1", "Não mora mais em Recife")],
        );
        answers("Known:\nm1: Mora em Recife\nMessage:\nQue horas são?", &[]);
        answers("sou médica", &[("add", "", "É médica")]);
    }
}
