use crate::cursor;
use palavra_application::History;
use palavra_domain::{Chat, ChatId, Page, RecalledMemory, Turn, Usage, ports::TurnStarted};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A prompt.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatRequest {
    /// The chat to continue; empty, null or absent makes a new one.
    #[serde(default)]
    #[schema(example = "")]
    pub(crate) chat_id: Option<String>,
    /// What you ask: 1–100,000 characters.
    #[schema(example = "Olá! Sou desenvolvedora e prefiro respostas formais.")]
    pub(crate) prompt: String,
    /// The model to ask; empty, null or absent means your default, then the deployment's.
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// Whether to send the answer as it comes, as server-sent events.
    #[serde(default)]
    pub(crate) stream: Option<bool>,
    /// false: nothing is recalled for this prompt, and nothing is learnt from it.
    #[serde(default)]
    pub(crate) memory: Option<bool>,
}

/// Tokens and cost; what nobody reported is null.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageBody {
    pub(crate) prompt_tokens: Option<u64>,
    pub(crate) completion_tokens: Option<u64>,
    pub(crate) total_tokens: Option<u64>,
    /// US dollars, exactly.
    #[schema(example = "0.000123")]
    pub(crate) cost: Option<String>,
}

impl From<Usage> for UsageBody {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.total_tokens,
            cost: usage.cost.map(|cost| cost.to_string()),
        }
    }
}

/// A memory that was given to the model.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecalledBody {
    pub(crate) id: String,
    pub(crate) text: String,
    /// Cosine similarity to the prompt.
    pub(crate) score: f32,
}

impl From<RecalledMemory> for RecalledBody {
    fn from(memory: RecalledMemory) -> Self {
        Self { id: memory.id.to_string(), text: memory.text.into_string(), score: memory.score }
    }
}

/// An answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatResponse {
    pub(crate) chat_id: String,
    pub(crate) turn: u32,
    /// pending, complete, stopped, failed or interrupted.
    pub(crate) status: &'static str,
    pub(crate) reply: String,
    /// The model that answered.
    pub(crate) model: Option<String>,
    pub(crate) usage: UsageBody,
    pub(crate) memories: Vec<RecalledBody>,
    pub(crate) created_at: String,
    pub(crate) finished_at: Option<String>,
}

impl From<Turn> for ChatResponse {
    fn from(turn: Turn) -> Self {
        Self {
            chat_id: turn.chat_id.to_string(),
            turn: turn.seq,
            status: turn.status.as_str(),
            model: turn.model().map(str::to_owned),
            usage: turn.usage().into(),
            reply: turn.reply.unwrap_or_default(),
            memories: turn.recalled.into_iter().map(Into::into).collect(),
            created_at: turn.created_at.to_string(),
            finished_at: turn.finished_at.map(|time| time.to_string()),
        }
    }
}

/// The first event of a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct StreamStarted {
    pub(crate) chat_id: String,
    pub(crate) turn: u32,
    /// The model that is asked.
    pub(crate) model: String,
    pub(crate) memories: Vec<RecalledBody>,
}

impl From<TurnStarted> for StreamStarted {
    fn from(started: TurnStarted) -> Self {
        Self {
            chat_id: started.turn.chat.to_string(),
            turn: started.seq,
            model: started.model,
            memories: started.recalled.into_iter().map(Into::into).collect(),
        }
    }
}

/// Which chat, and which part of its history.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// The chat.
    pub(crate) chat_id: String,
    /// How many turns: 1–100, 50 if absent.
    pub(crate) limit: Option<String>,
    /// The `next_cursor` of the page before; without it the page of the newest turns.
    pub(crate) cursor: Option<String>,
}

/// Which chat.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChatQuery {
    /// The chat.
    pub(crate) chat_id: String,
}

/// Which chat to delete, and whether to forget what was learnt from it.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteChatQuery {
    /// The chat.
    pub(crate) chat_id: String,
    /// `forget` also deletes what was learnt from the chat; `keep`, if absent, leaves it.
    pub(crate) memories: Option<String>,
}

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many: 1–100, 50 if absent.
    pub(crate) limit: Option<String>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// A prompt or an answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageBody {
    /// user or assistant.
    pub(crate) role: &'static str,
    /// The text; of an answer that has none yet or failed, what came of it.
    pub(crate) content: String,
    pub(crate) turn: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Of answers: pending, complete, stopped, failed or interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'static str>,
    /// Of failed answers: the code of the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<UsageBody>,
    pub(crate) created_at: String,
}

fn messages(turn: Turn) -> [MessageBody; 2] {
    let created_at = turn.created_at.to_string();
    let answer = MessageBody {
        role: "assistant",
        turn: turn.seq,
        model: turn.model().map(str::to_owned),
        status: Some(turn.status.as_str()),
        error: turn.failure.map(palavra_domain::FailureCode::as_str),
        usage: Some(turn.usage().into()),
        content: turn.reply.unwrap_or_default(),
        created_at: turn.finished_at.map_or_else(|| created_at.clone(), |time| time.to_string()),
    };
    let prompt = MessageBody {
        role: "user",
        content: turn.prompt.into_string(),
        turn: turn.seq,
        model: None,
        status: None,
        error: None,
        usage: None,
        created_at,
    };
    [prompt, answer]
}

/// A chat and a page of its history, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryResponse {
    #[serde(flatten)]
    pub(crate) chat: ChatSummary,
    pub(crate) messages: Vec<MessageBody>,
    /// For the page of older turns.
    pub(crate) next_cursor: Option<String>,
}

impl From<History> for HistoryResponse {
    fn from(history: History) -> Self {
        Self {
            chat: history.chat.into(),
            messages: history.turns.items.into_iter().flat_map(messages).collect(),
            next_cursor: history.turns.next.as_ref().map(cursor::encode),
        }
    }
}

/// A chat without its turns.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatSummary {
    pub(crate) chat_id: String,
    pub(crate) title: String,
    /// What all its answers used.
    pub(crate) tokens_used: UsageBody,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

impl From<Chat> for ChatSummary {
    fn from(chat: Chat) -> Self {
        Self {
            chat_id: chat.id.to_string(),
            title: chat.title.into_string(),
            tokens_used: chat.totals.into(),
            created_at: chat.created_at.to_string(),
            updated_at: chat.updated_at.to_string(),
        }
    }
}

/// Chats, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatListResponse {
    pub(crate) chats: Vec<ChatSummary>,
    pub(crate) next_cursor: Option<String>,
}

impl From<Page<Chat, ChatId>> for ChatListResponse {
    fn from(page: Page<Chat, ChatId>) -> Self {
        Self {
            next_cursor: page.next.as_ref().map(cursor::encode),
            chats: page.items.into_iter().map(Into::into).collect(),
        }
    }
}

/// What to change of a chat.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatUpdateRequest {
    /// 1–200 characters.
    pub(crate) title: String,
}
