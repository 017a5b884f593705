use super::chat::chat_id;
use crate::{
    cursor,
    dto::{ChatListResponse, ChatQuery, ChatSummary, ChatUpdateRequest, DeleteChatQuery, ListQuery},
    extract::{Authenticated, Body, Query, page_limit},
    problem::{Code, Problem, ProblemBody},
    state::AppState,
};
use actix_web::{HttpResponse, delete, get, patch, web};
use palavra_application::{ChatError, Learnt};
use palavra_domain::ChatTitle;

/// Your chats, newest first.
#[utoipa::path(tag = "chat", security(("login" = [])), params(ListQuery), responses(
    (status = 200, body = ChatListResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "400 invalid_parameter"),
))]
#[get("/chats")]
pub(super) async fn list(
    state: web::Data<AppState>,
    user: Authenticated,
    query: Query<ListQuery>,
) -> Result<web::Json<ChatListResponse>, Problem> {
    let limit = page_limit(query.0.limit.as_deref())?;
    let before = cursor::decode(query.0.cursor.as_deref())?;
    Ok(web::Json(state.app.chats.list(user.0.user, before, limit).await?.into()))
}

/// Give a chat another title.
#[utoipa::path(tag = "chat", security(("login" = [])), params(ChatQuery), responses(
    (status = 200, body = ChatSummary),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "404 chat_not_found, 422 validation_failed"),
))]
#[patch("/chat")]
pub(super) async fn rename(
    state: web::Data<AppState>,
    user: Authenticated,
    query: Query<ChatQuery>,
    body: Body<ChatUpdateRequest>,
) -> Result<web::Json<ChatSummary>, Problem> {
    let chat = chat_id(&query.0.chat_id)?;
    let title = ChatTitle::parse(body.0.title)?;
    Ok(web::Json(state.app.chats.rename(user.0.user, chat, &title).await?.into()))
}

/// Delete a chat with everything in it. What was learnt from it stays, or is forgotten too.
#[utoipa::path(tag = "chat", security(("login" = [])), params(DeleteChatQuery), responses(
    (status = 204),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "400 invalid_parameter, 404 chat_not_found"),
))]
#[delete("/chat")]
pub(super) async fn delete(
    state: web::Data<AppState>,
    user: Authenticated,
    query: Query<DeleteChatQuery>,
) -> Result<HttpResponse, Problem> {
    let chat = chat_id(&query.0.chat_id)?;
    let learnt = match query.0.memories.as_deref() {
        None | Some("keep") => Learnt::Stays,
        Some("forget") => Learnt::IsForgotten,
        Some(_) => return Err(Problem::parameter("memories", "must be forget or keep")),
    };
    state.app.chats.delete(user.0.user, chat, learnt).await?;
    Ok(HttpResponse::NoContent().finish())
}

impl From<ChatError> for Problem {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::NotFound => Self::new(Code::ChatNotFound),
            ChatError::Store(error) => error.into(),
        }
    }
}
