use super::model_problem;
use crate::{
    dto::{ModelListResponse, ModelResponse},
    extract::Authenticated,
    problem::{Problem, ProblemBody},
    state::AppState,
};
use actix_web::{get, web};

/// The models there are, with prices and context lengths.
#[utoipa::path(tag = "models", security(("login" = [])), responses(
    (status = 200, body = ModelListResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "503 upstream_unavailable"),
))]
#[get("/models")]
pub(super) async fn list(
    state: web::Data<AppState>,
    _user: Authenticated,
) -> Result<web::Json<ModelListResponse>, Problem> {
    let models = state.app.catalog.models().await.map_err(model_problem)?;
    Ok(web::Json(ModelListResponse { models: models.iter().map(ModelResponse::from).collect() }))
}
