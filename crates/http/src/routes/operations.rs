use crate::{
    problem::{Code, Problem, ProblemBody},
    state::AppState,
};
use actix_web::{HttpResponse, get, http::header, web};
use serde_json::json;

/// Whether the process lives.
#[utoipa::path(tag = "operations", responses((status = 200)))]
#[get("/livez")]
pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// Whether every store answers.
#[utoipa::path(tag = "operations", responses(
    (status = 200),
    (status = 503, body = ProblemBody, content_type = "application/problem+json"),
))]
#[get("/readyz")]
pub(super) async fn readyz(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let stores = state.readiness.check().await;
    let down: Vec<&str> = stores.iter().filter(|store| !store.ready).map(|store| store.name).collect();
    if down.is_empty() {
        let names: Vec<&str> = stores.iter().map(|store| store.name).collect();
        return Ok(HttpResponse::Ok().json(json!({"status": "ready", "stores": names})));
    }
    Err(Problem::new(Code::StoreUnavailable).detail(format!("These stores do not answer: {}.", down.join(", "))))
}

/// Metrics in Prometheus' text format.
#[utoipa::path(tag = "operations", responses((status = 200, body = String, content_type = "text/plain")))]
#[get("/metrics")]
pub(super) async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    match state.app.remember.backlog().await {
        #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
        Ok(backlog) => ::metrics::gauge!("palavra_memory_backlog").set(backlog as f64),
        Err(error) => tracing::warn!(%error, "the backlog is not known"),
    }
    let text = (state.metrics)();
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")).body(text)
}
