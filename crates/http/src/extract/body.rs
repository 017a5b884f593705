//! Bodies.

use super::serde_words::in_words;
use crate::{
    problem::{Code, Problem},
    state::AppState,
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, future::LocalBoxFuture};
use serde::de::{DeserializeOwned, IgnoredAny};

/// A JSON body. Its content type is not looked at: a body that is JSON is taken as JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(request, payload);
        Box::pin(async move { json(&bytes.await?).map(Self) })
    }
}

/// A body that is JSON, or a form when its content type says so: what OAuth2 clients send to log in.
pub(crate) struct LoginBody<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for LoginBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let is_form = kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded");
        let bytes = read(request, payload);
        Box::pin(async move {
            let bytes = bytes.await?;
            // Some clients (curl -d) say 'form' of everything; no form begins with a brace.
            if !is_form || bytes.first() == Some(&b'{') {
                return json(&bytes).map(Self);
            }
            serde_urlencoded_words(&bytes).map(Self)
        })
    }
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde would take an array for the fields of an object in their order; no client means that.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        well_formed(bytes)?;
        return Err(Problem::invalid("body", "must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return malformed(&error);
        }
        // A field may be wrong before the text is: what is no JSON at all is told first.
        if let Err(malformed) = well_formed(bytes) {
            return malformed;
        }
        let (field, message) = in_words(&path, &error.to_string());
        Problem::invalid(field, message)
    })?;
    reader.end().map_err(|_| {
        Problem::new(Code::MalformedJson)
            .detail("Something follows the JSON value. Send one JSON object and nothing after it.")
    })?;
    Ok(value)
}

/// Whether the text is JSON, whatever it says.
fn well_formed(bytes: &[u8]) -> Result<(), Problem> {
    serde_json::from_slice::<IgnoredAny>(bytes).map(drop).map_err(|error| malformed(&error))
}

/// Positions are told, contents are not.
fn malformed(error: &serde_json::Error) -> Problem {
    let place = format!("at line {}, column {}", error.line(), error.column());
    Problem::new(Code::MalformedJson).detail(format!("The body stops being JSON {place}. Send a JSON object in UTF-8."))
}

fn serde_urlencoded_words<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let form = web::Query::<T>::from_query(std::str::from_utf8(bytes).map_err(|_| not_a_form())?);
    match form {
        Ok(form) => Ok(form.into_inner()),
        Err(actix_web::error::QueryPayloadError::Deserialize(error)) => {
            let (field, message) = in_words(".", &error.to_string());
            Err(Problem::invalid(field, message))
        }
        Err(_) => Err(not_a_form()),
    }
}

fn not_a_form() -> Problem {
    Problem::new(Code::InvalidParameter).detail("The body is not a form in UTF-8. Send username and password.")
}

/// Reads the whole body, up to the limit.
fn read(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Bytes, Problem>> + use<> {
    let limit = request.app_data::<web::Data<AppState>>().map(|state| state.policy.body_limit);
    let length: Option<usize> =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut payload = payload.take();
    async move {
        let limit = limit.ok_or_else(|| Problem::new(Code::Internal))?;
        if length.is_some_and(|length| length > limit) {
            return Err(Problem::new(Code::BodyTooLarge));
        }
        let mut body = BytesMut::with_capacity(length.unwrap_or(0));
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| {
                Problem::new(Code::InvalidParameter).detail("The body did not arrive whole. Send the request again.")
            })?;
            if body.len() + chunk.len() > limit {
                return Err(Problem::new(Code::BodyTooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}
