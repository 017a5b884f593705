//! What a provider's errors mean: the one place where they are told apart.

use crate::redact::Redactor;
use palavra_domain::ModelError;
use serde_json::Value;
use std::time::Duration;

/// What an error object says. Everything in it may be missing.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Failure {
    /// `error.code` where it is a number, or digits.
    code: Option<u16>,
    /// The words that name the error: `metadata.error_type`, then `code`, then `type`.
    names: Vec<String>,
    message: String,
}

/// What an error is about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    RateLimited,
    ContextTooLong,
    Refused,
    Credentials,
    OutOfCredits,
    ModelNotFound,
    Timeout,
    Unavailable,
    Rejected,
}

impl Failure {
    /// Reads the body of an error response: `{"error": {…}}` as a rule, but proxies answer with anything.
    pub(crate) fn parse(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(mut fields)) => match fields.remove("error") {
                Some(error) => Self::of(&error),
                None => Self::of(&Value::Object(fields)),
            },
            Ok(_) | Err(_) => Self { message: String::from_utf8_lossy(body).trim().to_owned(), ..Self::default() },
        }
    }

    /// Reads an error object (or a text in its place).
    pub(crate) fn of(error: &Value) -> Self {
        if let Some(message) = error.as_str() {
            return Self { message: message.to_owned(), ..Self::default() };
        }
        let code = &error["code"];
        let number = code.as_u64().or_else(|| code.as_str()?.parse().ok());
        let names = [&error["metadata"]["error_type"], code, &error["type"]];
        let message = ["message", "detail"].iter().find_map(|name| error[*name].as_str()).unwrap_or_default();
        Self {
            code: number.and_then(|number| u16::try_from(number).ok()),
            names: names.iter().filter_map(|name| name.as_str()).map(str::to_ascii_lowercase).collect(),
            message: message.to_owned(),
        }
    }

    fn named(&self) -> Option<Class> {
        self.names.iter().find_map(|name| {
            Some(match name.as_str() {
                "context_length_exceeded" | "exceed_context_size_error" | "payload_too_large" | "string_too_long" => {
                    Class::ContextTooLong
                }
                "content_policy_violation" | "content_filter" | "refusal" | "permission_denied" | "moderation" => {
                    Class::Refused
                }
                "authentication" | "invalid_api_key" => Class::Credentials,
                "payment_required" | "insufficient_quota" => Class::OutOfCredits,
                "not_found" | "model_not_found" => Class::ModelNotFound,
                "rate_limit_exceeded" => Class::RateLimited,
                "timeout" => Class::Timeout,
                "provider_overloaded" | "provider_unavailable" | "server" => Class::Unavailable,
                _ => return None,
            })
        })
    }

    /// What the wording of a 400 or 422 says; providers behind OpenRouter write these in many ways.
    fn worded(&self) -> Option<Class> {
        const TOO_LONG: [&str; 9] = [
            "context length",
            "context_length",
            "context window",
            "context size",
            "maximum context",
            "too many tokens",
            "prompt is too long",
            "input is too long",
            "reduce the length",
        ];
        const POLICY: [&str; 7] = [
            "content policy",
            "content_policy",
            "content management policy",
            "usage policy",
            "moderation",
            "flagged",
            "guardrail",
        ];
        const NO_MODEL: [&str; 3] = ["not a valid model", "model not found", "no such model"];
        let message = self.message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&TOO_LONG) {
            Some(Class::ContextTooLong)
        } else if says(&POLICY) {
            Some(Class::Refused)
        } else if says(&NO_MODEL) {
            Some(Class::ModelNotFound)
        } else {
            None
        }
    }

    fn class(&self, status: u16) -> Class {
        let by_status = || match status {
            400 | 422 => self.worded().unwrap_or(Class::Rejected),
            401 => Class::Credentials,
            402 => Class::OutOfCredits,
            // A key with a spending limit of its own is refused with 403 once it has been reached.
            403 if self.message.to_lowercase().contains("limit exceeded") => Class::OutOfCredits,
            403 => Class::Refused,
            404 => Class::ModelNotFound,
            408 | 504 | 524 => Class::Timeout,
            413 => Class::ContextTooLong,
            429 => Class::RateLimited,
            500..=599 => Class::Unavailable,
            _ => Class::Rejected,
        };
        self.named().unwrap_or_else(by_status)
    }

    fn error(&self, class: Class, status: u16, retry_after: Option<Duration>, redactor: &Redactor<'_>) -> ModelError {
        match class {
            Class::RateLimited => ModelError::RateLimited { retry_after },
            Class::ContextTooLong => ModelError::ContextTooLong,
            Class::Refused => ModelError::Refused,
            Class::Credentials => ModelError::Credentials,
            Class::OutOfCredits => ModelError::OutOfCredits,
            Class::ModelNotFound => ModelError::ModelNotFound,
            Class::Timeout => ModelError::Timeout,
            Class::Unavailable => {
                let message = format!("status {status}: {}", redactor.clean(&self.message));
                ModelError::Unavailable { retry_after, source: message.into() }
            }
            Class::Rejected => ModelError::Rejected { status, reason: redactor.clean(&self.message) },
        }
    }
}

/// The error of a response with an error status.
pub(crate) fn of_status(
    status: u16,
    failure: &Failure,
    retry_after: Option<Duration>,
    redactor: &Redactor<'_>,
) -> ModelError {
    let class = failure.class(status);
    tracing::debug!(status, reason = redactor.clean(&failure.message), ?class, "a call was answered with an error");
    failure.error(class, status, retry_after, redactor)
}

/// The error of an error object in an answer that began with HTTP 200. Once some of the text is out (`delivered`), a limit
/// or an outage has cut the answer off; before that it is what it would have been as a status.
pub(crate) fn in_answer(failure: &Failure, delivered: bool, redactor: &Redactor<'_>) -> ModelError {
    let status = failure.code.unwrap_or(502);
    let class = failure.class(status);
    tracing::debug!(status, reason = redactor.clean(&failure.message), ?class, "an answer ended in an error");
    match class {
        Class::RateLimited | Class::Unavailable if delivered => ModelError::Interrupted,
        class => failure.error(class, status, None, redactor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(status: u16, body: &Value) -> ModelError {
        of_status(status, &Failure::parse(body.to_string().as_bytes()), None, &Redactor::new(None))
    }

    fn plain(status: u16, message: &str) -> ModelError {
        error(status, &json!({"error": {"code": status, "message": message}}))
    }

    #[test]
    fn statuses_mean_what_the_reference_says() {
        assert!(
            matches!(plain(400, "bad temperature"), ModelError::Rejected { status: 400, reason } if reason == "bad temperature")
        );
        assert!(matches!(plain(401, ""), ModelError::Credentials));
        assert!(matches!(plain(402, ""), ModelError::OutOfCredits));
        assert!(matches!(plain(403, "flagged"), ModelError::Refused));
        assert!(matches!(plain(403, "Key limit exceeded (total limit)"), ModelError::OutOfCredits));
        assert!(matches!(plain(404, "No endpoints found"), ModelError::ModelNotFound));
        assert!(matches!(plain(413, ""), ModelError::ContextTooLong));
        assert!(matches!(plain(422, ""), ModelError::Rejected { status: 422, .. }));
        assert!(matches!(plain(418, ""), ModelError::Rejected { status: 418, .. }));
        assert!(matches!(plain(429, ""), ModelError::RateLimited { .. }));
        for status in [408, 504, 524] {
            assert!(matches!(plain(status, ""), ModelError::Timeout), "{status}");
        }
        for status in [500, 502, 503, 529] {
            assert!(matches!(plain(status, ""), ModelError::Unavailable { .. }), "{status}");
        }
    }

    #[test]
    fn a_400_is_told_apart_by_name_or_wording() {
        for message in [
            "This endpoint's maximum context length is 4096 tokens. However, you requested about 5000 tokens",
            "the request exceeds the available context size",
            "prompt is too long: 200001 tokens > 200000 maximum",
        ] {
            assert!(matches!(plain(400, message), ModelError::ContextTooLong), "{message}");
        }
        assert!(matches!(plain(400, "Rejected by our Content Policy"), ModelError::Refused));
        assert!(matches!(plain(400, "foo/bar is not a valid model ID"), ModelError::ModelNotFound));
        let llama = json!({"error": {"code": 400, "message": "too big", "type": "exceed_context_size_error"}});
        assert!(matches!(error(400, &llama), ModelError::ContextTooLong));
        let named = |name: &str| error(400, &json!({"error": {"message": "x", "metadata": {"error_type": name}}}));
        assert!(matches!(named("context_length_exceeded"), ModelError::ContextTooLong));
        assert!(matches!(named("content_policy_violation"), ModelError::Refused));
        assert!(matches!(named("something_new"), ModelError::Rejected { .. }));
    }

    #[test]
    fn any_body_will_do() {
        for body in [
            &b"<html>Bad gateway</html>"[..],
            b"",
            b"null",
            b"[1]",
            b"{\"error\":\"down\"}",
            b"{\"detail\":[]}",
            b"\xff\xfe",
        ] {
            let error = of_status(502, &Failure::parse(body), None, &Redactor::new(None));
            assert!(matches!(error, ModelError::Unavailable { .. }), "{body:?}");
        }
    }

    #[test]
    fn an_answer_that_has_begun_is_cut_off_by_outages() {
        let of = |code: Value, delivered| {
            in_answer(&Failure::of(&json!({"code": code, "message": "m"})), delivered, &Redactor::new(None))
        };
        for code in
            [json!(429), json!(502), json!("502"), json!("rate_limit_exceeded"), json!("server_error"), json!(null)]
        {
            assert!(matches!(of(code.clone(), true), ModelError::Interrupted), "{code}");
        }
        assert!(matches!(of(json!(429), false), ModelError::RateLimited { .. }));
        assert!(matches!(of(json!(null), false), ModelError::Unavailable { .. }));
        assert!(matches!(of(json!(403), true), ModelError::Refused));
        assert!(matches!(of(json!(408), true), ModelError::Timeout));
        assert!(matches!(of(json!("context_length_exceeded"), true), ModelError::ContextTooLong));
        assert!(matches!(of(json!(402), true), ModelError::OutOfCredits));
    }
}
