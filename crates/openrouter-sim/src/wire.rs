//! The JSON of the protocol.

use crate::billing::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The body of `POST /chat/completions`, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct ChatCall {
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) stream: bool,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    pub(crate) response_format: Option<Value>,
    #[serde(default)]
    pub(crate) provider: Value,
}

impl ChatCall {
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// The schema the answer is to keep to.
    pub(crate) fn schema(&self) -> Option<&Value> {
        let format = self.response_format.as_ref().filter(|format| format["type"] == "json_schema")?;
        Some(&format["json_schema"]["schema"])
    }

    /// Everything the system messages say.
    pub(crate) fn system(&self) -> String {
        self.said_by("system").collect::<Vec<_>>().join("\n")
    }

    /// What the user said, oldest first.
    pub(crate) fn prompts(&self) -> Vec<String> {
        self.said_by("user").collect()
    }

    fn said_by(&self, role: &str) -> impl Iterator<Item = String> {
        self.messages.iter().filter(move |message| message.role == role).map(ChatMessage::text)
    }
}

/// A message.
#[derive(Debug, Deserialize)]
pub(crate) struct ChatMessage {
    role: String,
    #[serde(default)]
    content: Value,
}

impl ChatMessage {
    /// Its text: a string, or the text parts of a list.
    pub(crate) fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
        }
    }
}

/// The body of `POST /embeddings`.
#[derive(Debug, Deserialize)]
pub(crate) struct EmbeddingCall {
    pub(crate) model: Option<String>,
    pub(crate) input: Input,
    pub(crate) dimensions: Option<usize>,
    pub(crate) encoding_format: Option<String>,
}

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Input {
    One(String),
    Many(Vec<String>),
}

impl Input {
    pub(crate) fn texts(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CachedTokens {
    pub(crate) cached_tokens: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReasoningTokens {
    pub(crate) reasoning_tokens: u64,
}

/// The whole answer, when it is not streamed.
#[derive(Debug, Serialize)]
pub(crate) struct Completion<'a> {
    pub(crate) id: &'a str,
    pub(crate) object: &'static str,
    pub(crate) created: u64,
    pub(crate) model: &'a str,
    pub(crate) provider: &'static str,
    pub(crate) choices: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<&'a Usage>,
}

/// The answer of `POST /embeddings`.
#[derive(Debug, Serialize)]
pub(crate) struct Embedded<'a> {
    pub(crate) object: &'static str,
    pub(crate) data: Vec<Vector>,
    pub(crate) model: &'a str,
    pub(crate) id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<Usage>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Vector {
    pub(crate) object: &'static str,
    pub(crate) index: usize,
    pub(crate) embedding: Vec<f32>,
}

/// The body of an error.
pub(crate) fn error(code: &Value, message: &str, error_type: Option<&str>) -> Value {
    let mut error = json!({"code": code, "message": message});
    if let Some(error_type) = error_type {
        error["metadata"] = json!({"error_type": error_type});
    }
    json!({"error": error, "user_id": "user_simulated"})
}
