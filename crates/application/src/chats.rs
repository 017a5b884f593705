//! Chats and their history.

use crate::policy::Ports;
use palavra_domain::{Chat, ChatId, ChatTitle, Page, StoreError, Turn, UserId};
use std::sync::Arc;
use thiserror::Error;

/// Why a chat could not be shown or changed.
#[derive(Debug, Error)]
pub enum ChatError {
    /// The user has no such chat.
    #[error("there is no such chat")]
    NotFound,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A chat and a page of its turns, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    /// The chat.
    pub chat: Chat,
    /// The page; `next` is the turn below which older ones are.
    pub turns: Page<Turn, u32>,
}

/// What becomes of the memories that were learnt from a chat that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// They stay.
    Stays,
    /// They are deleted.
    IsForgotten,
}

/// Chats and their history.
#[derive(Clone)]
pub struct Chats {
    ports: Arc<Ports>,
}

impl Chats {
    pub(crate) fn new(ports: Arc<Ports>) -> Self {
        Self { ports }
    }

    /// The newest `limit` turns of a chat, or those below `before`.
    pub async fn history(
        &self,
        user: UserId,
        chat: ChatId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<History, ChatError> {
        let found = self.ports.chats.find_chat(user, chat);
        let turns = self.ports.chats.list_turns(user, chat, before, limit);
        let (found, turns) = tokio::try_join!(found, turns)?;
        Ok(History { chat: found.ok_or(ChatError::NotFound)?, turns })
    }

    /// The user's chats, newest first.
    pub async fn list(
        &self,
        user: UserId,
        before: Option<ChatId>,
        limit: usize,
    ) -> Result<Page<Chat, ChatId>, ChatError> {
        Ok(self.ports.chats.list_chats(user, before, limit).await?)
    }

    /// Gives a chat another title.
    pub async fn rename(&self, user: UserId, chat: ChatId, title: &ChatTitle) -> Result<Chat, ChatError> {
        let now = self.ports.clock.now();
        self.ports.chats.rename_chat(user, chat, title, now).await?.ok_or(ChatError::NotFound)
    }

    /// Deletes a chat with its turns. An answer that is being generated for it is dropped when it comes. What was learnt from
    /// it stays, or is deleted too: also what is left of a chat that was deleted before.
    pub async fn delete(&self, user: UserId, chat: ChatId, learnt: Learnt) -> Result<(), ChatError> {
        // The chat first: with it go the jobs that would learn more from it.
        let deleted = self.ports.chats.delete_chat(user, chat).await?;
        let forgotten = match learnt {
            Learnt::Stays => 0,
            Learnt::IsForgotten => {
                let space = self.ports.spaces.writing(user).await;
                space.memories.delete_from_chat(user, chat, self.ports.clock.now()).await?
            }
        };
        if deleted || forgotten > 0 { Ok(()) } else { Err(ChatError::NotFound) }
    }
}
