use crate::{cursor, problem::Problem};
use palavra_domain::{Memory, MemoryCursor, MemoryKind, Page};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// How many were deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeletedResponse {
    pub(crate) deleted: u64,
}
