//! HTTP: one host, no redirects, bounded bodies.

use crate::{
    SetupError,
    errors::{self, Failure},
    redact::Redactor,
};
use palavra_domain::{ApiKey, BoxError, ModelError};
use reqwest::{
    Client, Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// The largest answer that is read whole.
pub(crate) const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// How much of an error's body is read, and how long it may take.
const ERROR_LIMIT: usize = 64 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(5);

/// One host that is called.
#[derive(Clone)]
pub(crate) struct Upstream {
    http: Client,
    /// Without a slash at its end.
    base: Arc<str>,
}

impl Upstream {
    pub(crate) fn new(base_url: &str, connect_timeout: Duration, headers: HeaderMap) -> Result<Self, SetupError> {
        let base = address(base_url)?;
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("palavra/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(connect_timeout);
        if base.starts_with("http:") {
            // Without redirects no TLS comes into play, so the system's certificates, which may be missing, need not be read.
            builder = builder.tls_certs_only([]);
        }
        let http = builder
            .build()
            .map_err(|source| SetupError::Connections { url: base.clone(), source: Box::new(source) })?;
        Ok(Self { http, base: base.into() })
    }

    /// A request with the key, which the HTTP client then neither prints nor compresses.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        key: Option<&ApiKey>,
    ) -> Result<RequestBuilder, ModelError> {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let Some(key) = key else { return Ok(request) };
        // A key is checked for this when it is made; one that does not fit is none that OpenRouter knows.
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(|_| ModelError::Credentials)?;
        value.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, value))
    }
}

fn address(text: &str) -> Result<String, SetupError> {
    let refused = |url: &str, problem: &str| SetupError::Address { url: url.to_owned(), problem: problem.to_owned() };
    // What cannot be parsed could hold anything, so it is not repeated.
    let mut url = Url::parse(text.trim()).map_err(|error| refused("…", &error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("…", "it must not have credentials"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(url.as_str(), "it must start with https:// or http://"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        url.set_query(None);
        url.set_fragment(None);
        return Err(refused(url.as_str(), "it must not have a query or a fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Sends a request and waits for the head of its answer. An error status is turned into its error.
pub(crate) async fn send(request: RequestBuilder, redactor: &Redactor<'_>) -> Result<Response, ModelError> {
    let response = request.send().await.map_err(unreachable)?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    if (300..400).contains(&status) {
        let reason = "a redirect, and none is followed: check the base URL".to_owned();
        return Err(ModelError::Rejected { status, reason });
    }
    // The status says enough when the body does not come.
    let body = timeout(ERROR_TIME, read_at_most(response, ERROR_LIMIT)).await.unwrap_or_default();
    Err(errors::of_status(status, &Failure::parse(&body), retry_after, redactor))
}

/// Sends a request and reads its answer whole, all within `time`.
pub(crate) async fn fetch(
    request: RequestBuilder,
    time: Duration,
    limit: usize,
    redactor: &Redactor<'_>,
) -> Result<Vec<u8>, ModelError> {
    let whole = async { read(send(request, redactor).await?, limit).await };
    timeout(time, whole).await.unwrap_or(Err(ModelError::Timeout))
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, ModelError> {
    let too_long = || malformed(format!("the answer is longer than {limit} bytes"));
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + part.len() > limit {
            return Err(too_long());
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// The start of a body, as much as there is of it.
async fn read_at_most(mut response: Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(part)) = response.chunk().await {
        let room = limit - body.len();
        body.extend_from_slice(&part[..part.len().min(room)]);
        if part.len() >= room {
            break;
        }
    }
    body
}

/// Nothing came of the request.
fn unreachable(error: reqwest::Error) -> ModelError {
    ModelError::Unavailable { retry_after: None, source: Box::new(error) }
}

/// The answer broke off.
pub(crate) fn broken(error: &reqwest::Error) -> ModelError {
    tracing::debug!(error = error as &dyn std::error::Error, "an answer broke off");
    ModelError::Interrupted
}

pub(crate) fn malformed(problem: impl Into<BoxError>) -> ModelError {
    ModelError::Malformed { source: problem.into() }
}

/// `Retry-After`, in seconds or as a date; a date is compared with the server's own clock, which its `Date` header tells.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |text| chrono::DateTime::parse_from_rfc2822(text).ok();
    let wait = date(wanted)? - date(text(DATE)?)?;
    // A moment that has passed asks for no wait.
    Some(wait.to_std().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert_eq!(address(" https://openrouter.ai/api/v1/ ").unwrap(), "https://openrouter.ai/api/v1");
        assert_eq!(address("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        for bad in [
            "",
            "openrouter.ai",
            "ftp://a/b",
            "https://u:canary@a/",
            "https://a/?canary=1",
            "https://a/#x",
            "file:///a",
        ] {
            let error = address(bad).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        let wait = |value: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            retry_after(&headers)
        };
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait("7", None), Some(Duration::from_secs(7)));
        assert_eq!(wait("0.5", None), Some(Duration::from_millis(500)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:00 GMT", date), Some(Duration::from_secs(23)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT", date), Some(Duration::ZERO));
        for bad in ["-1", "soon", "NaN", "inf", "1e300"] {
            assert_eq!(wait(bad, date), None, "{bad}");
        }
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:00 GMT", None), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
