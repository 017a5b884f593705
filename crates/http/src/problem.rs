//! Errors as RFC 9457 problems.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use palavra_domain::{BoxError, ChatId, FailureCode, InvalidValue, StoreError, TurnFailure, VaultError};
use serde::Serialize;
use std::{fmt, time::Duration};
use utoipa::ToSchema;

macro_rules! codes {
    ($($name:ident = $code:literal, $status:literal, $title:literal, $detail:literal;)*) => {
        /// What went wrong, in a word that programs can rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each code's detail says what it is")]
        pub enum Code { $($name,)* }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Its HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What happened, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What to do, where nothing more particular is known.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }
        }
    };
}

codes! {
    MalformedJson = "malformed_json", 400, "The body is not JSON", "Send a JSON object in UTF-8.";
    InvalidParameter = "invalid_parameter", 400, "A parameter is not valid", "Correct the parameters named in errors.";
    Unauthenticated = "unauthenticated", 401, "No valid access token", "Log in with POST /login, or renew the token with POST /token/refresh, and send it as 'Authorization: Bearer …'.";
    InvalidCredentials = "invalid_credentials", 401, "Wrong username or password", "Check both and try again.";
    OutOfCredits = "out_of_credits", 402, "OpenRouter credits used up", "Add credits at openrouter.ai/credits, or raise the limit of the key, and send the prompt again.";
    ContentRefused = "content_refused", 403, "The provider refused the prompt", "Change the prompt, or ask another model.";
    NotFound = "not_found", 404, "No such address", "See /docs for the addresses there are.";
    ChatNotFound = "chat_not_found", 404, "No such chat", "GET /chats lists your chats.";
    MemoryNotFound = "memory_not_found", 404, "No such memory", "GET /memories lists your memories.";
    ModelNotFound = "model_not_found", 404, "No provider serves this model", "GET /models lists the models there are.";
    MethodNotAllowed = "method_not_allowed", 405, "This address does not take this method", "See the Allow header.";
    UsernameTaken = "username_taken", 409, "The username is taken", "Choose another one; upper and lower case make no difference.";
    ChatBusy = "chat_busy", 409, "The chat is answering another prompt", "Wait for that answer, or send the prompt to another chat.";
    ApiKeyMissing = "api_key_missing", 409, "No OpenRouter key", "Hand one over with PUT /user/profile {\"openrouter_api_key\": \"…\"}; keys are made at openrouter.ai/keys.";
    Stale = "stale", 409, "It was changed meanwhile", "Read it again and repeat the change.";
    BodyTooLarge = "body_too_large", 413, "The body is too large", "Send less: a body may have 1 MiB.";
    ValidationFailed = "validation_failed", 422, "A value is not valid", "Correct the fields named in errors.";
    ContextTooLong = "context_too_long", 422, "The prompt does not fit the model", "Shorten the prompt, or ask a model with a longer context: GET /models tells.";
    ApiKeyRejected = "api_key_rejected", 424, "OpenRouter does not accept the key", "Check the key at openrouter.ai/keys and hand over a good one with PUT /user/profile.";
    RateLimited = "rate_limited", 429, "Too many requests", "Wait as long as the Retry-After header says.";
    Internal = "internal", 500, "A fault of the server", "Try again; if it stays, tell the operator the request_id.";
    UpstreamInvalid = "upstream_invalid", 502, "The provider's answer could not be used", "Send the prompt again, or ask another model.";
    UpstreamInterrupted = "upstream_interrupted", 502, "The answer broke off", "What came is kept in the chat. Send the prompt again.";
    StoreUnavailable = "store_unavailable", 503, "A store is unavailable", "Try again as the Retry-After header says.";
    UpstreamUnavailable = "upstream_unavailable", 503, "The provider is unavailable", "Try again as the Retry-After header says, or ask another model.";
    Overloaded = "overloaded", 503, "The server is stopping or overloaded", "Try again as the Retry-After header says.";
    UpstreamTimeout = "upstream_timeout", 504, "The provider did not answer in time", "Send the prompt again, or ask another model.";
}

impl From<FailureCode> for Code {
    fn from(code: FailureCode) -> Self {
        match code {
            FailureCode::ApiKeyRejected => Self::ApiKeyRejected,
            FailureCode::OutOfCredits => Self::OutOfCredits,
            FailureCode::ContentRefused => Self::ContentRefused,
            FailureCode::ModelNotFound => Self::ModelNotFound,
            FailureCode::ContextTooLong => Self::ContextTooLong,
            FailureCode::RateLimited => Self::RateLimited,
            FailureCode::UpstreamInvalid => Self::UpstreamInvalid,
            FailureCode::UpstreamInterrupted => Self::UpstreamInterrupted,
            FailureCode::UpstreamUnavailable => Self::UpstreamUnavailable,
            FailureCode::UpstreamTimeout => Self::UpstreamTimeout,
            FailureCode::StoreUnavailable => Self::StoreUnavailable,
            FailureCode::Internal => Self::Internal,
        }
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, as a path where it is nested.
    pub field: String,
    /// What is asked of it.
    pub message: String,
}

/// An error as it is written: `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// A URI for the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened, in a word that programs can rely on.
    pub code: &'static str,
    /// What to do.
    pub detail: String,
    /// Names the request in the server's log.
    pub request_id: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The chat, when the prompt was written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub chat_id: Option<String>,
    /// The turn, when the prompt was written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
}

/// An error on its way to the client: what is told, and a source for the log that is not.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    turn: Option<(ChatId, u32)>,
    allow: Option<String>,
    source: Option<BoxError>,
}

impl Problem {
    /// A problem that says what its code says.
    #[must_use]
    pub fn new(code: Code) -> Self {
        // Where waiting helps, every answer says how long.
        let retry_after = match code {
            Code::StoreUnavailable | Code::Overloaded => Some(Duration::from_secs(1)),
            Code::UpstreamUnavailable => Some(Duration::from_secs(5)),
            Code::RateLimited => Some(Duration::from_secs(10)),
            _ => None,
        };
        let errors = Vec::new();
        Self(Box::new(Parts { code, detail: None, errors, retry_after, turn: None, allow: None, source: None }))
    }

    /// A value of a body that is not valid.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Code::ValidationFailed).field(field, message)
    }

    /// A parameter that is not valid.
    #[must_use]
    pub fn parameter(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameter).field(field, message)
    }

    /// Says which field is wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Says something more particular than the code does.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait.or(self.0.retry_after);
        self
    }

    /// Says which turn it is about.
    #[must_use]
    pub fn turn(mut self, chat: ChatId, seq: u32) -> Self {
        self.0.turn = Some((chat, seq));
        self
    }

    /// Says which methods the address takes.
    #[must_use]
    pub fn allow(mut self, methods: String) -> Self {
        self.0.allow = Some(methods);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The problem as it is written.
    #[must_use]
    pub fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: format!("urn:palavra:problem:{}", self.0.code.as_str()),
            title: self.0.code.title(),
            status: self.0.code.status(),
            code: self.0.code.as_str(),
            detail: self.0.detail.clone().unwrap_or_else(|| self.0.code.detail().to_owned()),
            request_id: request_id.to_owned(),
            errors: self.0.errors.clone(),
            chat_id: self.0.turn.map(|(chat, _)| chat.to_string()),
            turn: self.0.turn.map(|(_, seq)| seq),
        }
    }

    /// The whole response.
    #[must_use]
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait) = self.0.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1)));
        }
        if let Some(methods) = &self.0.allow {
            response.insert_header((header::ALLOW, methods.as_str()));
        }
        if self.0.code == Code::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        let body = serde_json::to_vec(&self.body(request_id)).unwrap_or_default();
        response.insert_header((header::CONTENT_TYPE, "application/problem+json")).body(body)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.as_str())
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Without a request id: the middleware writes the response anew with it.
    fn error_response(&self) -> HttpResponse {
        self.response("")
    }
}

impl From<InvalidValue> for Problem {
    fn from(invalid: InvalidValue) -> Self {
        Self::invalid(invalid.field, invalid.message)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable { .. } => Code::StoreUnavailable,
            StoreError::Stale(_) => Code::Stale,
            StoreError::Conflict(_) | StoreError::Corrupt { .. } | StoreError::Unexpected { .. } => Code::Internal,
        };
        Self::new(code).caused_by(error)
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        Self::new(Code::Internal).caused_by(error)
    }
}

impl From<TurnFailure> for Problem {
    fn from(failure: TurnFailure) -> Self {
        Self::new(failure.code.into()).retry_after(failure.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_of_its_class_and_says_what_to_do() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert!(code.detail().ends_with('.'), "{code:?}");
            assert!(seen.insert(code.as_str()), "{code:?} is there twice");
        }
    }

    #[test]
    fn sources_are_not_told() {
        let problem = Problem::from(StoreError::Unexpected { source: "canary".into() });
        let body = serde_json::to_string(&problem.body("r")).unwrap();
        assert!(!body.contains("canary"), "{body}");
        assert!(body.contains(r#""code":"internal""#), "{body}");
    }

    #[test]
    fn waits_are_rounded_up_to_whole_seconds() {
        let problem = Problem::new(Code::RateLimited).retry_after(Some(Duration::from_millis(1200)));
        assert_eq!(problem.response("r").headers().get("retry-after").unwrap(), "2");
    }
}
