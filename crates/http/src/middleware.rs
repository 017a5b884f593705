//! What is done with every request: it gets an id, is counted and logged, and its failure is written as a problem.

use crate::{
    problem::{Code, Problem},
    state::AppState,
};
use actix_web::{
    HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use std::{error::Error, time::Instant};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest path and query that are looked at, in bytes.
const URI_MAX_BYTES: usize = 8 * 1024;

/// Names a request in responses and in the log.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Wraps every request.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let begun = Instant::now();
    let id = request.app_data::<web::Data<AppState>>().map(|state| state.ids.next().simple().to_string());
    let id = RequestId(id.unwrap_or_default());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();

    let uri = request.uri();
    let uri_bytes = uri.path().len() + uri.query().map_or(0, str::len);
    let answered = if uri_bytes > URI_MAX_BYTES {
        let problem = Problem::new(Code::InvalidParameter).detail("The address is too long: it may have 8 KiB.");
        Ok(request.error_response(problem))
    } else {
        next.call(request).await.map(ServiceResponse::map_into_boxed_body)
    };
    let mut response = match answered {
        Ok(response) => {
            let rewritten = match response.response().error() {
                Some(error) => Some(problem_of(error, &id.0)),
                None => bare_failure(response.status()).map(|code| Problem::new(code).response(&id.0)),
            };
            match rewritten {
                Some(rewritten) => response.into_response(rewritten),
                None => response,
            }
        }
        Err(error) => return Err(error),
    };
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }

    let status = response.status().as_u16();
    let route = response.request().match_pattern().unwrap_or_else(|| "none".to_owned());
    let elapsed = begun.elapsed();
    let labels = [("method", method.to_string()), ("route", route.clone()), ("status", status.to_string())];
    metrics::counter!("palavra_http_requests_total", &labels).increment(1);
    metrics::histogram!("palavra_http_request_seconds", "route" => route.clone()).record(elapsed.as_secs_f64());
    tracing::info!(target: "palavra::access", %method, route, status, ms = elapsed.as_secs_f64() * 1e3, request_id = id.0);
    Ok(response)
}

/// Writes a failure as a problem. What is the server's own fault is logged here, once, with its causes.
fn problem_of(error: &actix_web::Error, request_id: &str) -> actix_web::HttpResponse {
    match error.as_error::<Problem>() {
        Some(problem) => {
            if problem.code().status() >= 500 {
                let chain = chain(problem);
                tracing::error!(code = problem.code().as_str(), error = chain, request_id, "a request failed");
            }
            problem.response(request_id)
        }
        None => {
            let status = error.as_response_error().status_code().as_u16();
            let code = if status < 500 { Code::InvalidParameter } else { Code::Internal };
            tracing::warn!(%error, status, request_id, "a request failed outside the handlers");
            Problem::new(code).response(request_id)
        }
    }
}

/// The code for a failure that somebody else's service answered without an error, such as a missing page of the documentation.
fn bare_failure(status: StatusCode) -> Option<Code> {
    match status.as_u16() {
        404 => Some(Code::NotFound),
        405 => Some(Code::MethodNotAllowed),
        400..=499 => Some(Code::InvalidParameter),
        500..=599 => Some(Code::Internal),
        _ => None,
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
