//! Asks a model what a prompt says about its author.

use crate::policy::Ports;
use palavra_domain::{
    ApiKey, CompletionRequest, MemoryKind, MemoryText, Message, ModelError, ModelId, Prompt, ResponseFormat, Role,
    UserId,
};
use serde::Deserialize;
use thiserror::Error;

/// The most characters of a prompt that are looked at: what people say about themselves stands in short prompts, or at
/// the beginning of long ones.
const PROMPT_MAX_CHARS: usize = 4_000;
/// The most memories taken from one prompt.
const MAX_FOUND: usize = 8;
/// The most tokens the list may have.
const MAX_TOKENS: u32 = 400;

const SYSTEM: &str = "You extract lasting facts and preferences that the user states about themselves: profession, place, \
family, likes, dislikes, and how they want to be answered. Use only what the user explicitly says about themselves, in \
the user's own language. If the message is a question or says nothing lasting about the user, the list is empty. Answer \
with JSON only: {\"memories\":[{\"kind\":\"profile|preference|instruction|fact\",\"text\":\"…\"}]}";

/// Examples as earlier turns: models, small ones above all, follow them far better than rules.
const EXAMPLES: [(&str, &str); 8] = [
    (
        "Moro em Lisboa, sou médica e gosto de exemplos práticos",
        r#"{"memories":[{"kind":"profile","text":"Mora em Lisboa"},{"kind":"profile","text":"É médica"},{"kind":"preference","text":"Gosta de exemplos práticos"}]}"#,
    ),
    ("How do I sort a list in Python?", r#"{"memories":[]}"#),
    (
        "I work as a nurse and I hate long emails",
        r#"{"memories":[{"kind":"profile","text":"Works as a nurse"},{"kind":"preference","text":"Hates long emails"}]}"#,
    ),
    ("Qual é a capital do Japão?", r#"{"memories":[]}"#),
    (
        "Me chame de Bia e responda sempre em português",
        r#"{"memories":[{"kind":"instruction","text":"Quer ser chamada de Bia"},{"kind":"instruction","text":"Quer respostas sempre em português"}]}"#,
    ),
    ("Traduza para o inglês: 'eu moro em Paris e sou cantor'", r#"{"memories":[]}"#),
    ("Bom dia!", r#"{"memories":[]}"#),
    ("What do you know about me?", r#"{"memories":[]}"#),
];

const SCHEMA: &str = r#"{"type":"object","properties":{"memories":{"type":"array","maxItems":8,"items":{"type":"object","properties":{"kind":{"type":"string","enum":["profile","preference","instruction","fact"]},"text":{"type":"string","maxLength":300}},"required":["kind","text"],"additionalProperties":false}}},"required":["memories"],"additionalProperties":false}"#;

/// Something a prompt says about its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: MemoryKind,
    pub(super) text: MemoryText,
}

/// Why nothing can be said of a prompt.
#[derive(Debug, Error)]
pub(super) enum ExtractError {
    #[error("the extracting model failed")]
    Model(#[from] ModelError),
    #[error("the extracting model's answer is no list of memories")]
    Unreadable(#[from] serde_json::Error),
}

/// What the prompt says about its author, in the author's language.
pub(super) async fn extract(
    ports: &Ports,
    key: &ApiKey,
    model: &ModelId,
    user: UserId,
    prompt: &Prompt,
) -> Result<Vec<Found>, ExtractError> {
    let mut request = CompletionRequest {
        model: model.clone(),
        messages: messages(prompt),
        format: ResponseFormat::JsonSchema { name: "memories", schema: SCHEMA },
        max_tokens: Some(MAX_TOKENS),
        temperature: Some(0.0),
        end_user: user.to_string(),
    };
    // A catalogue that does not know better leaves it to the provider, who refuses what it cannot enforce.
    let known = ports.catalog.find(model).await.unwrap_or_default();
    if known.is_some_and(|model| !model.structured_outputs) {
        request.format = ResponseFormat::Text;
    }
    let mut answer = ports.model.complete(key, &request).await;
    let refused = matches!(answer, Err(ModelError::ModelNotFound | ModelError::Rejected { .. }));
    if refused && request.format != ResponseFormat::Text {
        request.format = ResponseFormat::Text;
        answer = ports.model.complete(key, &request).await;
    }
    Ok(read(&answer?.text)?)
}

fn messages(prompt: &Prompt) -> Vec<Message> {
    let mut messages = vec![Message::new(Role::System, SYSTEM)];
    for (said, found) in EXAMPLES {
        messages.push(Message::new(Role::User, said));
        messages.push(Message::new(Role::Assistant, found));
    }
    let prompt: String = prompt.as_str().chars().take(PROMPT_MAX_CHARS).collect();
    messages.push(Message::new(Role::User, prompt));
    messages
}

#[derive(Deserialize)]
struct List {
    memories: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    kind: String,
    text: String,
}

/// Reads the list out of an answer that may have prose or a code fence around it. Items that are no memories are left out.
fn read(answer: &str) -> Result<Vec<Found>, serde_json::Error> {
    let whole = answer.trim();
    let list: List = match (whole.find('{'), whole.rfind('}')) {
        (Some(start), Some(end)) if start < end => serde_json::from_str(&whole[start..=end])?,
        _ => serde_json::from_str(whole)?,
    };
    let found = list.memories.into_iter().filter_map(|item| {
        let text = MemoryText::parse(item.text.trim()).ok()?;
        Some(Found { kind: MemoryKind::parse(&item.kind).unwrap_or(MemoryKind::Fact), text })
    });
    Ok(found.take(MAX_FOUND).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(answer: &str) -> Vec<String> {
        read(answer).unwrap().into_iter().map(|found| found.text.into_string()).collect()
    }

    #[test]
    fn reads_plain_and_fenced_lists() {
        let list = r#"{"memories":[{"kind":"profile","text":" Mora em Recife "},{"kind":"odd","text":"x"}]}"#;
        assert_eq!(texts(list), ["Mora em Recife", "x"]);
        assert_eq!(texts(&format!("Sure:\n```json\n{list}\n```\nDone.")), ["Mora em Recife", "x"]);
        assert_eq!(read(list).unwrap()[1].kind, MemoryKind::Fact);
    }

    #[test]
    fn leaves_out_what_is_no_memory_and_refuses_what_is_no_list() {
        let long = "x".repeat(1001);
        let answer = format!(r#"{{"memories":[{{"kind":"fact","text":""}},{{"kind":"fact","text":"{long}"}}]}}"#);
        assert!(texts(&answer).is_empty());
        for bad in ["", "no", "{}", r#"{"memories":"x"}"#, "[1,2]"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_examples_keep_to_the_schema() {
        for (_, list) in EXAMPLES {
            assert!(read(list).is_ok(), "{list}");
        }
        assert!(serde_json::from_str::<serde_json::Value>(SCHEMA).is_ok());
    }
}
