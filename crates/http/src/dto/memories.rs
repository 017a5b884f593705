use crate::{cursor, problem::Problem};
use palavra_domain::{EmbeddingSpace, Memory, MemoryCursor, MemoryKind, MemorySource, Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A memory to save.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateMemoryRequest {
    /// 1–1000 characters.
    #[schema(example = "Prefiro respostas formais")]
    pub(crate) text: String,
    /// profile, preference, instruction or fact (if absent).
    #[serde(default)]
    pub(crate) kind: Option<String>,
}

/// What to change of a memory.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMemoryRequest {
    /// 1–1000 characters.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// profile, preference, instruction or fact.
    #[serde(default)]
    pub(crate) kind: Option<String>,
}

/// The kind that a request names.
pub(crate) fn parse_kind(kind: &str) -> Result<MemoryKind, Problem> {
    MemoryKind::parse(kind).ok_or_else(|| Problem::invalid("kind", "must be profile, preference, instruction or fact"))
}

/// Which part of the memories.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MemoriesQuery {
    /// Search: the memories that bear on this, the best first, without further pages. 1–1000 characters.
    pub(crate) q: Option<String>,
    /// How many: 1–100, 50 if absent.
    pub(crate) limit: Option<String>,
    /// The `next_cursor` of the page before; not with `q`.
    pub(crate) cursor: Option<String>,
}

/// Something remembered.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemoryResponse {
    pub(crate) id: String,
    pub(crate) text: String,
    /// profile, preference, instruction or fact.
    pub(crate) kind: &'static str,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

impl From<Memory> for MemoryResponse {
    fn from(memory: Memory) -> Self {
        Self {
            id: memory.id.to_string(),
            text: memory.text.into_string(),
            kind: memory.kind.as_str(),
            created_at: memory.created_at.to_string(),
            updated_at: memory.updated_at.to_string(),
        }
    }
}

/// Memories, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemoryListResponse {
    pub(crate) memories: Vec<MemoryResponse>,
    pub(crate) next_cursor: Option<String>,
}

impl From<Page<Memory, MemoryCursor>> for MemoryListResponse {
    fn from(page: Page<Memory, MemoryCursor>) -> Self {
        Self {
            next_cursor: page.next.as_ref().map(cursor::encode),
            memories: page.items.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Vec<Memory>> for MemoryListResponse {
    fn from(memories: Vec<Memory>) -> Self {
        Self { memories: memories.into_iter().map(Into::into).collect(), next_cursor: None }
    }
}

/// Where a memory comes from.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceBody {
    /// The chat; it may have been deleted since.
    pub(crate) chat_id: String,
    /// The words of your prompt that it rests on.
    pub(crate) quote: Option<String>,
    /// Where they begin in the prompt, in bytes.
    pub(crate) start: Option<u32>,
}

impl From<MemorySource> for SourceBody {
    fn from(source: MemorySource) -> Self {
        let start = source.span.as_ref().map(|span| span.start);
        Self { chat_id: source.chat.to_string(), start, quote: source.span.map(|span| span.text) }
    }
}

/// A memory with all that is known of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemoryDetail {
    #[serde(flatten)]
    pub(crate) memory: MemoryResponse,
    /// active, superseded or retracted.
    pub(crate) state: &'static str,
    /// user or extracted.
    pub(crate) origin: &'static str,
    /// Of extracted ones.
    pub(crate) source: Option<SourceBody>,
    /// Since when it holds.
    pub(crate) valid_from: String,
    /// When it ceased to hold.
    pub(crate) valid_to: Option<String>,
    /// The memory that took its place.
    pub(crate) superseded_by: Option<String>,
}

impl From<Memory> for MemoryDetail {
    fn from(mut memory: Memory) -> Self {
        Self {
            state: memory.state.as_str(),
            origin: memory.origin.as_str(),
            source: memory.source.take().map(Into::into),
            valid_from: memory.valid_from.to_string(),
            valid_to: memory.valid_to.map(|at| at.to_string()),
            superseded_by: memory.superseded_by.map(|id| id.to_string()),
            memory: memory.into(),
        }
    }
}

/// A memory and all that it took the place of, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemoryHistoryResponse {
    pub(crate) history: Vec<MemoryDetail>,
}

/// Everything that is remembered, with its history, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemoryExport {
    pub(crate) exported_at: String,
    /// What makes the memories searchable by meaning.
    pub(crate) embedding_model: String,
    pub(crate) memories: Vec<MemoryDetail>,
}

impl MemoryExport {
    pub(crate) fn new(exported_at: String, space: EmbeddingSpace, memories: Vec<Memory>) -> Self {
        Self { exported_at, embedding_model: space.model, memories: memories.into_iter().map(Into::into).collect() }
    }
}

/// How many were deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeletedResponse {
    pub(crate) deleted: u64,
}
