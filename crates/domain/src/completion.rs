//! Calls to chat models.

use crate::{ModelId, Usage, Usd};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The deployment.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of `role`.
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// What form an answer is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseFormat {
    /// Any text.
    Text,
    /// JSON after this schema, enforced by the provider; a provider that cannot is not used.
    JsonSchema {
        /// A name for the schema.
        name: &'static str,
        /// The schema, as JSON.
        schema: &'static str,
    },
}

/// A call to a chat model.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletionRequest {
    /// The model.
    pub model: ModelId,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// What form the answer is to have.
    pub format: ResponseFormat,
    /// The most tokens the answer may have; the provider's own limit when `None`.
    pub max_tokens: Option<u32>,
    /// 0 for the most likely answer; the provider's default when `None`.
    pub temperature: Option<f32>,
    /// A stable pseudonym of the user, so that a provider's measures against one do not hit others.
    pub end_user: String,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// How it ended.
    pub finish: CompletionFinish,
}

/// How an answer ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompletionFinish {
    /// The provider's id of the call.
    pub generation_id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// Why it ended, in the provider's word.
    pub finish_reason: Option<String>,
    /// What it used, as billed.
    pub usage: Usage,
}

/// A part of a streamed answer.
#[derive(Clone, Debug, PartialEq)]
pub enum CompletionEvent {
    /// The provider took the call up under this id.
    Started {
        /// The provider's id of the call, where it gave one.
        generation_id: Option<String>,
    },
    /// More text; never empty.
    Delta(String),
    /// The end; nothing follows.
    Finished(CompletionFinish),
}

/// A model of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Its id.
    pub id: ModelId,
    /// Its name for people.
    pub name: String,
    /// How many tokens it takes, answer included.
    pub context_length: Option<u32>,
    /// How many tokens it answers with at most.
    pub max_completion_tokens: Option<u32>,
    /// US dollars for a token sent; `None` where it varies or is not known.
    pub prompt_price: Option<Usd>,
    /// US dollars for a token answered; `None` where it varies or is not known.
    pub completion_price: Option<Usd>,
    /// Whether an endpoint of it enforces a JSON schema.
    pub structured_outputs: bool,
}
