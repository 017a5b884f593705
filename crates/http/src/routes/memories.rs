use super::{model_problem, unknown_user};
use crate::{
    cursor,
    dto::{
        CreateMemoryRequest, DeletedResponse, MemoriesQuery, MemoryExport, MemoryHistoryResponse, MemoryListResponse,
        MemoryResponse, UpdateMemoryRequest, parse_kind,
    },
    extract::{Authenticated, Body, PathId, Query, page_limit},
    problem::{Code, Problem, ProblemBody},
    state::AppState,
};
use actix_web::{HttpResponse, delete, get, http::header, patch, post, web};
use palavra_application::MemoryError;
use palavra_domain::{MemoryId, MemoryKind, MemoryText};

/// The longest search.
const SEARCH_MAX_CHARS: usize = 1_000;

/// What is remembered about you: newest first, or what bears on a search.
#[utoipa::path(tag = "memory", security(("login" = [])), params(MemoriesQuery), responses(
    (status = 200, body = MemoryListResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "400 invalid_parameter"),
))]
#[get("/memories")]
pub(super) async fn list(
    state: web::Data<AppState>,
    user: Authenticated,
    query: Query<MemoriesQuery>,
) -> Result<web::Json<MemoryListResponse>, Problem> {
    let limit = page_limit(query.0.limit.as_deref())?;
    if let Some(sought) = query.0.q {
        if query.0.cursor.is_some() {
            return Err(Problem::parameter("cursor", "does not go with q: a search has one page"));
        }
        let count = sought.chars().count();
        if sought.trim().is_empty() || count > SEARCH_MAX_CHARS || sought.contains('\0') {
            return Err(Problem::parameter("q", format!("must have 1 to {SEARCH_MAX_CHARS} characters")));
        }
        return Ok(web::Json(state.app.memories.find(user.0.user, &sought, limit).await?.into()));
    }
    let before = cursor::decode(query.0.cursor.as_deref())?;
    Ok(web::Json(state.app.memories.list(user.0.user, before, limit).await?.into()))
}

/// Everything that is remembered about you, with its history, as a file.
#[utoipa::path(tag = "memory", security(("login" = [])), responses(
    (status = 200, body = MemoryExport),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "401 unauthenticated"),
))]
#[get("/memories/export")]
pub(super) async fn export(state: web::Data<AppState>, user: Authenticated) -> Result<HttpResponse, Problem> {
    let export = state.app.memories.export(user.0.user).await?;
    let body = MemoryExport::new(export.at.to_string(), export.space, export.memories);
    let as_file = (header::CONTENT_DISPOSITION, "attachment; filename=\"memories.json\"");
    Ok(HttpResponse::Ok().insert_header(as_file).json(body))
}

/// A memory and all that it took the place of, oldest first: what it said, when, and the words that it rests on.
#[utoipa::path(tag = "memory", security(("login" = [])), params(("id" = String, Path)), responses(
    (status = 200, body = MemoryHistoryResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "404 memory_not_found"),
))]
#[get("/memories/{id}/history")]
pub(super) async fn history(
    state: web::Data<AppState>,
    user: Authenticated,
    id: PathId<MemoryId>,
) -> Result<web::Json<MemoryHistoryResponse>, Problem> {
    let history = state.app.memories.history(user.0.user, id.0).await?;
    Ok(web::Json(MemoryHistoryResponse { history: history.into_iter().map(Into::into).collect() }))
}

/// Save a memory by hand.
#[utoipa::path(tag = "memory", security(("login" = [])), responses(
    (status = 201, body = MemoryResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "409 api_key_missing, 422 validation_failed, 424 api_key_rejected"),
))]
#[post("/memories")]
pub(super) async fn create(
    state: web::Data<AppState>,
    user: Authenticated,
    body: Body<CreateMemoryRequest>,
) -> Result<HttpResponse, Problem> {
    let text = MemoryText::parse(body.0.text)?;
    let kind = body.0.kind.as_deref().map_or(Ok(MemoryKind::Fact), parse_kind)?;
    let memory = state.app.memories.add(user.0.user, text, kind).await?;
    Ok(HttpResponse::Created().json(MemoryResponse::from(memory)))
}

/// Change a memory.
#[utoipa::path(tag = "memory", security(("login" = [])), params(("id" = String, Path)), responses(
    (status = 200, body = MemoryResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "404 memory_not_found, 409 stale, 422 validation_failed"),
))]
#[patch("/memories/{id}")]
pub(super) async fn update(
    state: web::Data<AppState>,
    user: Authenticated,
    id: PathId<MemoryId>,
    body: Body<UpdateMemoryRequest>,
) -> Result<web::Json<MemoryResponse>, Problem> {
    let text = body.0.text.map(MemoryText::parse).transpose()?;
    let kind = body.0.kind.as_deref().map(parse_kind).transpose()?;
    Ok(web::Json(state.app.memories.edit(user.0.user, id.0, text, kind).await?.into()))
}

/// Forget one thing.
#[utoipa::path(tag = "memory", security(("login" = [])), params(("id" = String, Path)), responses(
    (status = 204),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "404 memory_not_found"),
))]
#[delete("/memories/{id}")]
pub(super) async fn delete(
    state: web::Data<AppState>,
    user: Authenticated,
    id: PathId<MemoryId>,
) -> Result<HttpResponse, Problem> {
    state.app.memories.delete(user.0.user, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Forget everything.
#[utoipa::path(tag = "memory", security(("login" = [])), responses(
    (status = 200, body = DeletedResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "401 unauthenticated"),
))]
#[delete("/memories")]
pub(super) async fn delete_all(
    state: web::Data<AppState>,
    user: Authenticated,
) -> Result<web::Json<DeletedResponse>, Problem> {
    Ok(web::Json(DeletedResponse { deleted: state.app.memories.delete_all(user.0.user).await? }))
}

impl From<MemoryError> for Problem {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::NotFound => Self::new(Code::MemoryNotFound),
            MemoryError::UnknownUser => unknown_user(),
            MemoryError::KeyMissing => Self::new(Code::ApiKeyMissing),
            MemoryError::Model(error) => model_problem(error),
            MemoryError::Store(error) => error.into(),
            MemoryError::Vault(error) => error.into(),
        }
    }
}
