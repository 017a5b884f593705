//! Memories by hand: the user sees and governs what is kept.

use crate::policy::Ports;
use palavra_domain::{
    EmbedAs, EmbeddedMemory, Memory, MemoryCursor, MemoryId, MemoryKind, MemoryOrigin, MemoryText, ModelError, Page,
    StoreError, UserId, VaultError,
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

/// Memories by hand.
#[derive(Clone)]
pub struct Memories {
    ports: Arc<Ports>,
}

impl Memories {
    pub(crate) fn new(ports: Arc<Ports>) -> Self {
        Self { ports }
    }

    /// The user's memories, newest first.
    pub async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, MemoryError> {
        Ok(self.ports.memories.list(user, before, limit).await?)
    }

    /// Saves a memory.
    pub async fn add(&self, user: UserId, text: MemoryText, kind: MemoryKind) -> Result<Memory, MemoryError> {
        let vector = self.embed(user, &text).await?;
        let now = self.ports.clock.now();
        let memory = Memory {
            id: MemoryId::new(self.ports.ids.next()),
            user_id: user,
            revision: 1,
            text,
            kind,
            origin: MemoryOrigin::User,
            source: None,
            created_at: now,
            updated_at: now,
        };
        self.ports.memories.insert(vec![EmbeddedMemory { memory: memory.clone(), vector }]).await?;
        Ok(memory)
    }

    /// Changes a memory's text, kind or both.
    pub async fn edit(
        &self,
        user: UserId,
        id: MemoryId,
        text: Option<MemoryText>,
        kind: Option<MemoryKind>,
    ) -> Result<Memory, MemoryError> {
        let mut memory = self.ports.memories.find(user, id).await?.ok_or(MemoryError::NotFound)?;
        if let Some(text) = text {
            memory.text = text;
        }
        if let Some(kind) = kind {
            memory.kind = kind;
        }
        memory.updated_at = self.ports.clock.now();
        let vector = self.embed(user, &memory.text).await?;
        self.ports.memories.update(EmbeddedMemory { memory, vector }).await?.ok_or(MemoryError::NotFound)
    }

    /// Deletes a memory.
    pub async fn delete(&self, user: UserId, id: MemoryId) -> Result<(), MemoryError> {
        if self.ports.memories.delete(user, id).await? { Ok(()) } else { Err(MemoryError::NotFound) }
    }

    /// Deletes all the user's memories and tells how many there were.
    pub async fn delete_all(&self, user: UserId) -> Result<u64, MemoryError> {
        Ok(self.ports.memories.delete_all(user).await?)
    }

    async fn embed(&self, user: UserId, text: &MemoryText) -> Result<Vec<f32>, MemoryError> {
        let key = if self.ports.embedder.needs_user_key() {
            let user = self.ports.users.find(user).await?.ok_or(MemoryError::UnknownUser)?;
            let sealed = user.api_key.as_ref().ok_or(MemoryError::KeyMissing)?;
            Some(self.ports.vault.open(user.id, sealed)?)
        } else {
            None
        };
        let texts = [text.as_str().to_owned()];
        let embeddings = self.ports.embedder.embed(key.as_ref(), &texts, EmbedAs::Passage).await?;
        let missing = || ModelError::Malformed { source: "the answer holds no vector".into() };
        Ok(embeddings.vectors.into_iter().next().ok_or_else(missing)?)
    }
}
