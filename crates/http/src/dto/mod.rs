//! The shapes of requests and responses.

mod accounts;
mod chats;
mod memories;
mod models;

pub(crate) use accounts::{
    LoginRequest, ProfileResponse, ProfileUpdateRequest, RefreshRequest, RegisterRequest, TokenResponse,
};
pub(crate) use chats::{
    ChatListResponse, ChatQuery, ChatRequest, ChatResponse, ChatSummary, ChatUpdateRequest, DeleteChatQuery,
    HistoryQuery, HistoryResponse, ListQuery, StreamStarted,
};
pub(crate) use memories::{
    CreateMemoryRequest, DeletedResponse, MemoriesQuery, MemoryExport, MemoryHistoryResponse, MemoryListResponse,
    MemoryResponse, UpdateMemoryRequest, parse_kind,
};
pub(crate) use models::{ModelListResponse, ModelResponse};

use serde::{Deserialize, Deserializer};

/// Reads a field so that `null` (`Some(None)`) can be told from an absent one (`None`, by `#[serde(default)]`).
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
