//! The controls under `/sim`. They are no part of OpenRouter's protocol.

use crate::{FaultRule, state::State};
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

pub(super) async fn add_fault(body: web::Bytes, state: web::Data<State>) -> HttpResponse {
    match serde_json::from_slice::<FaultRule>(&body) {
        Ok(rule) => {
            state.faults.push(rule);
            HttpResponse::NoContent().finish()
        }
        Err(problem) => HttpResponse::BadRequest().json(json!({"error": problem.to_string()})),
    }
}

pub(super) async fn faults(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"faults": state.faults.list()}))
}

pub(super) async fn clear_faults(state: web::Data<State>) -> HttpResponse {
    state.faults.clear();
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
pub(super) struct RequestQuery {
    key: Option<String>,
}

pub(super) async fn requests(query: web::Query<RequestQuery>, state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"requests": state.log.list(query.key.as_deref())}))
}

pub(super) async fn clear_requests(state: web::Data<State>) -> HttpResponse {
    state.log.clear();
    HttpResponse::NoContent().finish()
}
