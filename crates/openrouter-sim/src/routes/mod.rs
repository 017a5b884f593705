//! The routes.

mod chat;
mod control;
mod embeddings;
mod info;

use crate::{
    Fault, RequestRecord, SimPath,
    record::HEADERS,
    script::{Step, play},
    state::State,
    ticket::Ticket,
    wire,
};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, http::header, web};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            web::scope("/api/v1")
                .route("/chat/completions", web::post().to(chat::completions))
                .route("/embeddings", web::post().to(embeddings::embeddings))
                .route("/embeddings/models", web::get().to(info::embedding_models))
                .route("/models", web::get().to(info::models))
                .route("/key", web::get().to(info::key))
                .route("/generation", web::get().to(info::generation)),
        )
        .service(
            web::scope("/sim")
                .route("/faults", web::post().to(control::add_fault))
                .route("/faults", web::get().to(control::faults))
                .route("/faults", web::delete().to(control::clear_faults))
                .route("/requests", web::get().to(control::requests))
                .route("/requests", web::delete().to(control::clear_requests)),
        )
        .default_service(web::to(async || error(404, "Not found")));
}

/// An answer that is given instead of the one that was asked for.
type Refusal = Box<HttpResponse>;

/// A call that has arrived.
struct Call {
    key: Option<String>,
    fault: Option<Fault>,
    ticket: Ticket,
}

/// Writes a call down and finds its fault.
fn receive(
    state: &web::Data<State>,
    request: &HttpRequest,
    path: SimPath,
    model: Option<&str>,
    body: Option<&[u8]>,
) -> Call {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let key = header("authorization").and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
    let entry = state.options.record.then(|| {
        let headers: BTreeMap<String, String> =
            HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), header(name)?))).collect();
        let body = body.map_or(Value::Null, |body| {
            serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into())
        });
        let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
        let (method, peer) = (request.method().to_string(), request.peer_addr());
        state.log.push(RequestRecord {
            method,
            path,
            peer,
            key: key.clone(),
            headers,
            body,
            finished: false,
            client_gone: false,
        })
    });
    let fault = state.faults.take(key.as_deref(), path, model);
    Call { key, fault, ticket: Ticket::new(state.clone(), entry) }
}

impl Call {
    /// The faults that come before any answer, then the check of the key. What is left is a call to be answered.
    async fn admit(self, state: &State, public: bool) -> Result<Self, Refusal> {
        let Self { key, fault, ticket } = self;
        match fault {
            Some(Fault::Status { status, retry_after, body, error_type, message }) => {
                ticket.finish();
                let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = HttpResponse::build(code);
                if let Some(time) = retry_after {
                    response.insert_header((header::RETRY_AFTER, time));
                }
                let message = message.unwrap_or_else(|| code.canonical_reason().unwrap_or("Error").to_owned());
                Err(Box::new(match body {
                    Some(Value::String(text)) => response.content_type("text/plain; charset=utf-8").body(text),
                    Some(body) => response.json(body),
                    None => response.json(wire::error(&json!(status), &message, error_type.as_deref())),
                }))
            }
            Some(Fault::Redirect { location }) => {
                ticket.finish();
                Err(Box::new(HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, location)).finish()))
            }
            Some(Fault::Disconnect) => {
                Err(Box::new(HttpResponse::Ok().streaming(Box::pin(play(vec![Step::Abort], ticket)))))
            }
            Some(Fault::HangBeforeHeaders) => {
                // Holds the ticket until the client has gone.
                let _ticket = ticket;
                std::future::pending::<()>().await;
                Err(Box::new(HttpResponse::GatewayTimeout().finish()))
            }
            Some(Fault::Page) => {
                ticket.finish();
                Err(Box::new(page()))
            }
            fault => {
                let call = Self { key, fault, ticket };
                call.authorise(state, public)
            }
        }
    }

    fn authorise(self, state: &State, public: bool) -> Result<Self, Refusal> {
        let refusal = match self.key.as_deref() {
            None if public || !state.options.require_auth => None,
            None => Some((401, "No auth credentials found")),
            Some(_) if !state.options.require_auth => None,
            Some(key) if key.starts_with("sk-or-bad") || !key.starts_with("sk-or-") => Some((401, "User not found.")),
            Some(_) => None,
        };
        match refusal {
            None => Ok(self),
            Some((status, message)) => {
                self.ticket.finish();
                Err(Box::new(error(status, message)))
            }
        }
    }

    /// Refuses a key without credits; `GET /key` and the catalogue do not.
    fn solvent(self) -> Result<Self, Refusal> {
        if !self.key.as_deref().is_some_and(|key| key.starts_with("sk-or-broke")) {
            return Ok(self);
        }
        self.ticket.finish();
        let message = "Insufficient credits. Add more using https://openrouter.ai/settings/credits";
        Err(Box::new(typed_error(402, message, Some("payment_required"))))
    }
}

fn page() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body("<html><body>Checking your browser…</body></html>")
}

fn error(status: u16, message: &str) -> HttpResponse {
    typed_error(status, message, None)
}

fn typed_error(status: u16, message: &str, error_type: Option<&str>) -> HttpResponse {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(code).json(wire::error(&json!(status), message, error_type))
}

/// Whether a fault changes how the bytes of an answer are sent.
fn is_paced(fault: Option<&Fault>) -> bool {
    matches!(
        fault,
        Some(
            Fault::Truncate { .. }
                | Fault::HangMidStream { .. }
                | Fault::SplitBytes { .. }
                | Fault::Slow { .. }
                | Fault::MergedFrames
        )
    )
}
