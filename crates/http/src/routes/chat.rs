use super::unknown_user;
use crate::{
    cursor,
    dto::{ChatRequest, ChatResponse, HistoryQuery, HistoryResponse},
    extract::{Authenticated, Body, Query, page_limit},
    middleware::RequestId,
    problem::{Code, Problem, ProblemBody},
    sse,
    state::AppState,
};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, get, http::header, post, web};
use palavra_application::{EndedTurn, PromptRequest, SendPromptError};
use palavra_domain::{ChatId, ModelId, TurnStatus};

/// Send a prompt and get its answer: whole, or as it comes with `"stream": true` or `Accept: text/event-stream`.
///
/// A stream has the events `turn`, then `delta`s, then `done` (the same object as the whole answer) or `error` (a problem).
#[utoipa::path(tag = "chat", security(("login" = [])), responses(
    (status = 200, content((ChatResponse = "application/json"), (String = "text/event-stream"))),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "402 out_of_credits, 404 chat_not_found or model_not_found, 409 chat_busy or api_key_missing, 422 validation_failed, 424 api_key_rejected, 429 rate_limited, 502 to 504 upstream_…"),
))]
#[post("/chat")]
pub(super) async fn send_prompt(
    state: web::Data<AppState>,
    request: HttpRequest,
    user: Authenticated,
    body: Body<ChatRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.0;
    let chat = match body.chat_id.as_deref() {
        None | Some("") => None,
        Some(id) => {
            Some(id.parse().map_err(|_| Problem::invalid("chat_id", "must be a UUID, or empty for a new chat"))?)
        }
    };
    let model = match body.model {
        None => None,
        Some(model) if model.is_empty() => None,
        Some(model) => Some(ModelId::parse(model)?),
    };
    let watch = body.stream.unwrap_or_else(|| accepts_events(&request));
    let memory = body.memory.unwrap_or(true);
    let prompt = PromptRequest { chat, prompt: body.prompt, model, watch, memory };
    let accepted = state.app.prompts.send(user.0.user, prompt).await?;
    if watch {
        let events = accepted.events.ok_or_else(|| Problem::new(Code::Internal))?;
        let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        return Ok(sse::response(events, id, state.policy.heartbeat));
    }
    let started = accepted.started;
    let stopping = |_| Problem::new(Code::Overloaded).turn(started.turn.chat, started.seq);
    let ended = accepted.ended.await.map_err(stopping)?;
    Ok(HttpResponse::Ok().json(answer(ended)?))
}

/// The answer that a turn ended with, or the problem it ended in.
pub(crate) fn answer(ended: EndedTurn) -> Result<ChatResponse, Problem> {
    let (chat, seq) = (ended.turn.chat_id, ended.turn.seq);
    if let Some(failure) = ended.failure {
        return Err(Problem::from(failure).turn(chat, seq));
    }
    match ended.turn.status {
        TurnStatus::Complete | TurnStatus::Stopped => Ok(ended.turn.into()),
        TurnStatus::Pending | TurnStatus::Failed | TurnStatus::Interrupted => {
            Err(Problem::new(Code::UpstreamInterrupted).turn(chat, seq))
        }
    }
}

fn accepts_events(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.to_ascii_lowercase().contains("text/event-stream")
}

/// A chat's history: prompts and answers, tokens used. The first page is the newest; within a page the oldest is first.
#[utoipa::path(tag = "chat", security(("login" = [])), params(HistoryQuery), responses(
    (status = 200, body = HistoryResponse),
    (status = "default", body = ProblemBody, content_type = "application/problem+json", description = "400 invalid_parameter, 404 chat_not_found"),
))]
#[get("/chat")]
pub(super) async fn history(
    state: web::Data<AppState>,
    user: Authenticated,
    query: Query<HistoryQuery>,
) -> Result<web::Json<HistoryResponse>, Problem> {
    let query = query.0;
    let chat = chat_id(&query.chat_id)?;
    let limit = page_limit(query.limit.as_deref())?;
    let before = cursor::decode(query.cursor.as_deref())?;
    let history = state.app.chats.history(user.0.user, chat, before, limit).await?;
    Ok(web::Json(history.into()))
}

/// The chat that the parameter `chat_id` names.
pub(super) fn chat_id(text: &str) -> Result<ChatId, Problem> {
    text.parse().map_err(|_| Problem::parameter("chat_id", "must be a UUID"))
}

impl From<SendPromptError> for Problem {
    fn from(error: SendPromptError) -> Self {
        match error {
            SendPromptError::UnknownUser => unknown_user(),
            SendPromptError::KeyMissing => Self::new(Code::ApiKeyMissing),
            SendPromptError::Invalid(invalid) => invalid.into(),
            SendPromptError::ChatNotFound => Self::new(Code::ChatNotFound),
            SendPromptError::ChatBusy => Self::new(Code::ChatBusy),
            SendPromptError::ShuttingDown => Self::new(Code::Overloaded),
            SendPromptError::Store(error) => error.into(),
            SendPromptError::Vault(error) => error.into(),
        }
    }
}
