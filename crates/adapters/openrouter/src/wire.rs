//! The JSON that is sent.

use palavra_domain::{CompletionRequest, EmbedAs, ModelError, ResponseFormat, Role};
use serde::Serialize;
use serde_json::value::RawValue;

/// The body of `POST /chat/completions`.
#[derive(Serialize)]
pub(crate) struct ChatBody<'a> {
    model: &'a str,
    messages: Vec<MessageBody<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    usage: Include,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Provider>,
    plugins: [Plugin; 1],
    user: &'a str,
}

#[derive(Serialize)]
struct MessageBody<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Include {
    include: bool,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    json_schema: Schema<'a>,
}

#[derive(Serialize)]
struct Schema<'a> {
    name: &'a str,
    strict: bool,
    schema: &'a RawValue,
}

#[derive(Serialize)]
struct Provider {
    require_parameters: bool,
}

#[derive(Serialize)]
struct Plugin {
    id: &'static str,
    enabled: bool,
}

impl<'a> ChatBody<'a> {
    pub(crate) fn new(request: &'a CompletionRequest, stream: bool) -> Result<Self, ModelError> {
        let (response_format, provider) = match &request.format {
            ResponseFormat::Text => (None, None),
            ResponseFormat::JsonSchema { name, schema } => {
                let schema = serde_json::from_str(schema).map_err(|error| ModelError::Rejected {
                    status: 400,
                    reason: format!("the schema {name} is no JSON: {error}"),
                })?;
                let json_schema = Schema { name, strict: true, schema };
                // Without this a provider that cannot do it drops the parameter without a word.
                (Some(Format { r#type: "json_schema", json_schema }), Some(Provider { require_parameters: true }))
            }
        };
        let messages = request.messages.iter().map(|message| MessageBody {
            role: match message.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: &message.content,
        });
        Ok(Self {
            model: request.model.as_str(),
            messages: messages.collect(),
            stream,
            stream_options: stream.then_some(StreamOptions { include_usage: true }),
            usage: Include { include: true },
            max_completion_tokens: request.max_tokens,
            temperature: request.temperature,
            response_format,
            provider,
            // It would drop messages from the middle on its own; what fits is decided before the call.
            plugins: [Plugin { id: "context-compression", enabled: false }],
            user: &request.end_user,
        })
    }
}

/// The body of `POST /embeddings`.
#[derive(Serialize)]
pub(crate) struct EmbedBody<'a> {
    model: &'a str,
    input: &'a [String],
    dimensions: usize,
    encoding_format: &'static str,
    input_type: &'static str,
}

impl<'a> EmbedBody<'a> {
    pub(crate) fn new(model: &'a str, dimensions: usize, input: &'a [String], side: EmbedAs) -> Self {
        let input_type = match side {
            EmbedAs::Query => "query",
            EmbedAs::Passage => "passage",
        };
        Self { model, input, dimensions, encoding_format: "float", input_type }
    }
}
