//! `GET /models`, `/embeddings/models`, `/key` and `/generation`.

use super::{error, page, receive};
use crate::{Fault, SimPath, catalogue, state::State};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) async fn models(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    list(&request, &state, catalogue::chat_list()).await
}

pub(super) async fn embedding_models(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    list(&request, &state, catalogue::embedding_list()).await
}

async fn list(request: &HttpRequest, state: &web::Data<State>, mut models: Value) -> HttpResponse {
    // The list is public, as at OpenRouter; a key that is sent has to be good all the same.
    let call = match receive(state, request, SimPath::Models, None, None).admit(state, true).await {
        Ok(call) => call,
        Err(response) => return *response,
    };
    let response = match &call.fault {
        Some(Fault::Garbage) => page(),
        Some(Fault::HugeLine { bytes }) => {
            models["data"][0]["description"] = "a".repeat(*bytes).into();
            HttpResponse::Ok().json(models)
        }
        Some(Fault::Slow { ms_per_chunk }) => {
            tokio::time::sleep(Duration::from_millis(*ms_per_chunk)).await;
            HttpResponse::Ok().json(models)
        }
        Some(_) | None => HttpResponse::Ok().json(models),
    };
    call.ticket.finish();
    response
}

pub(super) async fn key(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let call = match receive(&state, &request, SimPath::Key, None, None).admit(&state, false).await {
        Ok(call) => call,
        Err(response) => return *response,
    };
    call.ticket.finish();
    if call.fault == Some(Fault::Garbage) {
        return page();
    }
    let key = call.key.unwrap_or_default();
    let management = key.starts_with("sk-or-mgmt");
    let left = if key.starts_with("sk-or-broke") { json!(0) } else { json!(10) };
    HttpResponse::Ok().json(json!({"data": {
        "label": "sk-or-v1-sim...key", "limit": 10, "limit_remaining": left, "limit_reset": null, "usage": 0,
        "is_free_tier": false, "is_management_key": management, "is_provisioning_key": management, "expires_at": null,
    }}))
}

#[derive(Deserialize)]
pub(super) struct GenerationQuery {
    id: String,
}

pub(super) async fn generation(
    request: HttpRequest,
    query: web::Query<GenerationQuery>,
    state: web::Data<State>,
) -> HttpResponse {
    let call = match receive(&state, &request, SimPath::Generation, None, None).admit(&state, false).await {
        Ok(call) => call,
        Err(response) => return *response,
    };
    call.ticket.finish();
    match state.generation(call.key.as_deref(), &query.id) {
        Some(generation) => HttpResponse::Ok().json(Data { data: generation }),
        None => error(404, &format!("Generation {} not found", query.id)),
    }
}

#[derive(serde::Serialize)]
struct Data<T> {
    data: T,
}
