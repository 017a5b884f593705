//! Memories by hand: the user sees and governs what is kept.

use crate::{
    MemorySpace,
    policy::{Policy, Ports},
};
use palavra_domain::{
    EmbedAs, EmbeddedMemory, EmbeddingSpace, Memory, MemoryCursor, MemoryId, MemoryKind, MemoryOrigin, MemoryState,
    MemoryText, ModelError, Page, StoreError, Timestamp, UserId, VaultError,
    recall::{Rules, Sought},
};
use std::sync::Arc;
use thiserror::Error;

/// Why a memory could not be shown or changed.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// The user has no such memory.
    #[error("there is no such memory")]
    NotFound,
    /// The account is gone.
    #[error("there is no such user")]
    UnknownUser,
    /// Embedding needs a key and the user has handed over none.
    #[error("the user has no key")]
    KeyMissing,
    /// The text could not be embedded.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Everything that is kept about a user.
#[derive(Clone, Debug)]
pub struct Export {
    /// When it was read.
    pub at: Timestamp,
    /// What the memories are embedded with.
    pub space: EmbeddingSpace,
    /// The memories, in any state, oldest first.
    pub memories: Vec<Memory>,
}

/// Memories that are read at once for an export.
const EXPORT_PAGE: usize = 500;

/// Memories by hand.
#[derive(Clone)]
pub struct Memories {
    ports: Arc<Ports>,
    policy: Arc<Policy>,
}

impl Memories {
    pub(crate) fn new(ports: Arc<Ports>, policy: Arc<Policy>) -> Self {
        Self { ports, policy }
    }

    /// The user's memories, newest first.
    pub async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, MemoryError> {
        Ok(self.ports.spaces.current().memories.list(user, before, limit).await?)
    }

    /// The user's memories that bear on `sought`, the best first, at most `limit`: by meaning and by words, or by words alone
    /// when the text cannot be embedded.
    pub async fn find(&self, user: UserId, sought: &str, limit: usize) -> Result<Vec<Memory>, MemoryError> {
        let found = self.ports.users.find(user).await?.ok_or(MemoryError::UnknownUser)?;
        let space = self.ports.spaces.current();
        let index = space.memories.index(user, found.memory_version).await?;
        if index.is_empty() {
            return Ok(Vec::new());
        }
        let vector = match self.embed(&space, user, sought, EmbedAs::Query).await {
            Ok(vector) => Some(vector),
            Err(error @ (MemoryError::Model(_) | MemoryError::KeyMissing)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "memories are sought by words alone");
                None
            }
            Err(error) => return Err(error),
        };
        let sought = Sought { text: sought, vector: vector.as_deref(), now: self.ports.clock.now() };
        let rules = Rules { limit, token_budget: usize::MAX, standing: 0, ..space.rules(self.policy.memory.recall) };
        Ok(index.search(&sought, &rules).into_iter().map(|candidate| candidate.memory).collect())
    }

    /// Everything that is kept about the user, with its history, oldest first, for the user to take along.
    pub async fn export(&self, user: UserId) -> Result<Export, MemoryError> {
        let space = self.ports.spaces.current();
        let mut all: Vec<Memory> = Vec::new();
        let mut before = None;
        loop {
            let page = space.memories.list(user, before, EXPORT_PAGE).await?;
            all.extend(page.items);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        all.extend(space.memories.past(user).await?);
        all.sort_by_key(Memory::time_line);
        Ok(Export { at: self.ports.clock.now(), space: space.space().clone(), memories: all })
    }

    /// A memory and all that it took the place of, oldest first.
    pub async fn history(&self, user: UserId, id: MemoryId) -> Result<Vec<Memory>, MemoryError> {
        let history = self.ports.spaces.current().memories.history(user, id).await?;
        if history.is_empty() { Err(MemoryError::NotFound) } else { Ok(history) }
    }

    /// Saves a memory.
    pub async fn add(&self, user: UserId, text: MemoryText, kind: MemoryKind) -> Result<Memory, MemoryError> {
        let space = self.ports.spaces.writing(user).await;
        let vector = self.embed(&space, user, text.as_str(), EmbedAs::Passage).await?;
        let now = self.ports.clock.now();
        let memory = Memory {
            id: MemoryId::new(self.ports.ids.next()),
            user_id: user,
            revision: 1,
            text,
            kind,
            origin: MemoryOrigin::User,
            source: None,
            state: MemoryState::Active,
            valid_from: now,
            valid_to: None,
            superseded_by: None,
            created_at: now,
            updated_at: now,
        };
        space.memories.insert(vec![EmbeddedMemory { memory: memory.clone(), vector }]).await?;
        Ok(memory)
    }

    /// Changes a memory's text, kind or both. What it said before is kept in its history.
    pub async fn edit(
        &self,
        user: UserId,
        id: MemoryId,
        text: Option<MemoryText>,
        kind: Option<MemoryKind>,
    ) -> Result<Memory, MemoryError> {
        let space = self.ports.spaces.writing(user).await;
        let found = space.memories.find(user, id).await?.filter(|memory| memory.state == MemoryState::Active);
        let old = found.ok_or(MemoryError::NotFound)?;
        let now = self.ports.clock.now();
        let new = Memory {
            text: text.unwrap_or_else(|| old.text.clone()),
            kind: kind.unwrap_or(old.kind),
            updated_at: now,
            ..old.clone()
        };
        let vector = self.embed(&space, user, new.text.as_str(), EmbedAs::Passage).await?;
        let mut changes = Vec::new();
        if new.text == old.text {
            changes.push(EmbeddedMemory { memory: new, vector });
        } else {
            let earlier = Memory { id: id.earlier(old.revision), revision: 0, ..old.superseded(id, now) };
            // Nothing is sought in history: it needs no vector of its own.
            changes.push(EmbeddedMemory { memory: Memory { valid_from: now, ..new }, vector: vector.clone() });
            changes.push(EmbeddedMemory { memory: earlier, vector });
        }
        let changed = space.memories.change(user, changes).await?.ok_or(MemoryError::NotFound)?;
        changed.into_iter().find(|memory| memory.id == id).ok_or(MemoryError::NotFound)
    }

    /// Deletes a memory with its history.
    pub async fn delete(&self, user: UserId, id: MemoryId) -> Result<(), MemoryError> {
        let space = self.ports.spaces.writing(user).await;
        let deleted = space.memories.delete(user, id, self.ports.clock.now()).await?;
        if deleted { Ok(()) } else { Err(MemoryError::NotFound) }
    }

    /// Deletes all the user's memories, and tells how many there were. What was said until now is not learnt any more.
    pub async fn delete_all(&self, user: UserId) -> Result<u64, MemoryError> {
        let space = self.ports.spaces.writing(user).await;
        // First, so that no prompt from before is learnt from while they are deleted.
        let now = self.ports.clock.now();
        self.ports.users.memories_changed(user, Some(now)).await?.ok_or(MemoryError::UnknownUser)?;
        Ok(space.memories.delete_all(user).await?)
    }

    async fn embed(
        &self,
        space: &MemorySpace,
        user: UserId,
        text: &str,
        side: EmbedAs,
    ) -> Result<Vec<f32>, MemoryError> {
        let key = if space.embedder.needs_user_key() {
            let user = self.ports.users.find(user).await?.ok_or(MemoryError::UnknownUser)?;
            let sealed = user.api_key.as_ref().ok_or(MemoryError::KeyMissing)?;
            Some(self.ports.vault.open(user.id, sealed)?)
        } else {
            None
        };
        Ok(space.embed_one(key.as_ref(), text.to_owned(), side).await?)
    }
}
