//! Deleting a chat with its turns.
//!
//! (1) The chat is marked, and is not found from then on; (2) its turns are deleted, and so is a claim on a job of theirs;
//! (3) so is the chat. What a crash leaves is finished by the next look for expired turns, of any instance.

use super::{MongoChatRepository, owned, reads::documents};
use crate::{documents::id, errors::store};
use mongodb::bson::{Bson, Document, doc};
use palavra_domain::{ChatId, StoreError, UserId};

/// How many deletions are finished at once.
const BATCH: i64 = 100;

impl MongoChatRepository {
    pub(super) async fn delete(&self, user: UserId, chat: ChatId) -> Result<bool, StoreError> {
        let marked = self.chats.update_one(owned(user, chat), doc! {"$set": {"deleted": true}}).await.map_err(store)?;
        if marked.matched_count == 0 {
            return Ok(false);
        }
        self.remove(id(user.uuid()).into(), id(chat.uuid()).into()).await?;
        Ok(true)
    }

    pub(super) async fn finish_deletions(&self) -> Result<(), StoreError> {
        let marked = documents(&self.chats, doc! {"deleted": true}, doc! {"deleted": 1}, BATCH).await.map_err(store)?;
        let named = |chat: &Document| Some((chat.get("user_id")?.clone(), chat.get("_id")?.clone()));
        for (user, chat) in marked.iter().filter_map(named) {
            self.remove(user, chat).await?;
        }
        Ok(())
    }

    async fn remove(&self, user: Bson, chat: Bson) -> Result<(), StoreError> {
        self.turns.delete_many(doc! {"chat_id": &chat}).await.map_err(store)?;
        self.let_go_of_chat(user, chat.clone()).await?;
        self.chats.delete_one(doc! {"_id": chat, "deleted": true}).await.map_err(store)?;
        Ok(())
    }
}
