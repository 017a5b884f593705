use super::{model_problem, unknown_user};
use crate::{
    cursor,
    dto::{
        CreateMemoryRequest, DeletedResponse, ListQuery, MemoryListResponse, MemoryResponse, UpdateMemoryRequest,
        parse_kind,
    },
    extract::{Authenticated, Body, PathId, Query, page_limit},
    problem::{Code, Problem, ProblemBody},
    state::AppState,
};
use actix_web::{HttpResponse, delete, get, patch, post, web};
use palavra_application::MemoryError;
use palavra_domain::{MemoryId, MemoryKind, MemoryText};

/// What is remembered about you, newest first.
#[utoipa::path(tag = "memory", security(("login" = [])), params(ListQuery), responses(
    (status = 200, body = MemoryListResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "400 invalid_parameter"),
))]
#[get("/memories")]
pub(super) async fn list(
    state: web::Data<AppState>,
    user: Authenticated,
    query: Query<ListQuery>,
) -> Result<web::Json<MemoryListResponse>, Problem> {
    let limit = page_limit(query.0.limit.as_deref())?;
    let before = cursor::decode(query.0.cursor.as_deref())?;
    Ok(web::Json(state.app.memories.list(user.0.user, before, limit).await?.into()))
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
