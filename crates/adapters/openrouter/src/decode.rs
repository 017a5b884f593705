//! The JSON that is received. Nearly everything may be missing, null or of a shape that is not ours to judge.

use crate::{
    errors::{Failure, in_answer},
    redact::Redactor,
    transport::malformed,
};
use palavra_domain::{Completion, CompletionFinish, ModelError, Usage, Usd};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

/// A whole answer, or a chunk of a streamed one.
#[derive(Deserialize)]
pub(crate) struct Answer<'a> {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) choices: Option<Vec<Choice>>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    pub(crate) error: Option<Value>,
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    pub(crate) finish_reason: Option<String>,
    pub(crate) error: Option<Value>,
    message: Option<Said>,
    delta: Option<Said>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Choice {
    /// The text of the answer or of the chunk.
    pub(crate) fn into_text(self) -> String {
        match self.delta.or(self.message).and_then(|said| said.content) {
            None => String::new(),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }

    /// What went wrong, where the choice says that something did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match &self.error {
            Some(error) => Some(Failure::of(error)),
            None => (self.finish_reason.as_deref() == Some("error")).then(Failure::default),
        }
    }
}

/// Reads JSON that has to be there. JSON that stops in the middle is an answer that broke off.
pub(crate) fn json<'a, T: Deserialize<'a>>(body: &'a [u8], redactor: &Redactor<'_>) -> Result<T, ModelError> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_eof() { ModelError::Interrupted } else { malformed(redactor.clean(&error.to_string())) }
    })
}

/// A whole answer that is not streamed.
pub(crate) fn completion(
    body: &[u8],
    generation_id: Option<String>,
    redactor: &Redactor<'_>,
) -> Result<Completion, ModelError> {
    let answer: Answer<'_> = json(body, redactor)?;
    if let Some(error) = &answer.error {
        return Err(in_answer(&Failure::of(error), false, redactor));
    }
    let choice = answer.choices.into_iter().flatten().next().ok_or_else(|| malformed("the answer has no choices"))?;
    if let Some(failure) = choice.failure() {
        return Err(in_answer(&failure, false, redactor));
    }
    let finish = CompletionFinish {
        generation_id: generation_id.or(answer.id),
        model: answer.model,
        finish_reason: choice.finish_reason.clone(),
        usage: usage(answer.usage),
    };
    Ok(Completion { text: choice.into_text(), finish })
}

#[derive(Deserialize)]
struct Reported<'a> {
    #[serde(borrow)]
    prompt_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    total_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
}

/// What was used. What cannot be read counts as not reported.
pub(crate) fn usage(reported: Option<&RawValue>) -> Usage {
    let Some(Ok(reported)) = reported.map(|usage| serde_json::from_str::<Reported<'_>>(usage.get())) else {
        return Usage::default();
    };
    fn number<T: DeserializeOwned>(value: Option<&RawValue>) -> Option<T> {
        value.and_then(|value| serde_json::from_str(value.get()).ok())
    }
    Usage {
        prompt_tokens: number(reported.prompt_tokens),
        completion_tokens: number(reported.completion_tokens),
        total_tokens: number(reported.total_tokens),
        cost: reported.cost.and_then(|cost| money("usage.cost", cost)),
    }
}

/// An amount, from the text of a JSON number or string.
pub(crate) fn money(what: &str, value: &RawValue) -> Option<Usd> {
    let text = value.get().trim_matches('"');
    match text.parse() {
        Ok(amount) => Some(amount),
        Err(problem) => {
            let shown: String = text.chars().take(40).collect();
            tracing::warn!(what, value = shown, %problem, "an amount was left out");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Usage {
        usage(Some(&RawValue::from_string(text.to_owned()).unwrap()))
    }

    #[test]
    fn money_is_exact_and_missing_is_missing() {
        let cost = |text: &str| read(&format!("{{\"cost\":{text}}}")).cost.map(|cost| cost.to_string());
        assert_eq!(cost("0.1").as_deref(), Some("0.1"));
        assert_eq!(cost("0.30000000000000004").as_deref(), Some("0.30000000000000004"));
        assert_eq!(cost("1.25e-7").as_deref(), Some("0.000000125"));
        assert_eq!(cost("\"0.002\"").as_deref(), Some("0.002"));
        assert_eq!(cost("0").as_deref(), Some("0"));
        for text in ["null", "-0.1", "\"free\"", "{}", "true", "1e999"] {
            assert_eq!(cost(text), None, "{text}");
        }
        assert_eq!(read("{}"), Usage::default());
        assert_eq!(read("[]"), Usage::default());
        assert_eq!(usage(None), Usage::default());
    }

    #[test]
    fn odd_counts_spoil_nothing_else() {
        let usage = read(r#"{"prompt_tokens":-3,"completion_tokens":"x","total_tokens":7,"cost":0.5}"#);
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (None, None, Some(7)));
        assert_eq!(usage.cost.map(|cost| cost.to_string()).as_deref(), Some("0.5"));
    }

    #[test]
    fn whole_answers_are_read_leniently() {
        let read = |text: &str| completion(text.as_bytes(), None, &Redactor::new(None));
        let answer =
            read(r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"},{}]}}]}"#).unwrap();
        assert_eq!(answer, Completion { text: "ab".into(), finish: CompletionFinish::default() });
        assert_eq!(read(r#"{"choices":[{"message":{"content":null},"finish_reason":"stop"}]}"#).unwrap().text, "");
        assert!(matches!(read(r#"{"choices":[]}"#), Err(ModelError::Malformed { .. })));
        assert!(matches!(read(r#"{"choices":[{"#), Err(ModelError::Interrupted)));
        assert!(matches!(read("<html>"), Err(ModelError::Malformed { .. })));
        assert!(matches!(read(r#"{"error":{"code":429}}"#), Err(ModelError::RateLimited { .. })));
        assert!(matches!(read(r#"{"choices":[{"finish_reason":"error"}]}"#), Err(ModelError::Unavailable { .. })));
    }
}
