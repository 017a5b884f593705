//! Copying and checking.

use super::{
    MongoChatRepository,
    jobs::reference,
    limit as bson_limit, overfull, owned,
    reads::{documents, uuid_at},
};
use crate::{
    documents::{self, decode_chat, decode_turn, id, totals_of, usage},
    errors::{conflict, store},
};
use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use palavra_domain::{
    Chat, ChatId, Entity, JobState, Page, StoreError, Turn, TurnRef, Usage, UserId,
    ports::{ChatArchive, Scan},
};

impl MongoChatRepository {
    async fn write_in(&self, chat: Chat, turns: Vec<Turn>) -> Result<(), StoreError> {
        let own = doc! {"_id": id(chat.id.uuid()), "user_id": id(chat.user_id.uuid())};
        self.chats
            .replace_one(own, documents::chat(&chat, None)?)
            .upsert(true)
            .await
            // Another user's chat is not the one that is replaced, and its id is taken.
            .map_err(conflict(Entity::Chat))?;
        for turn in &turns {
            let own = doc! {"_id": id(turn.id.uuid()), "chat_id": id(turn.chat_id.uuid())};
            self.turns.replace_one(own, documents::turn(turn)?).upsert(true).await.map_err(conflict(Entity::Turn))?;
        }
        Ok(())
    }

    async fn correct(&self, user: UserId, chat: ChatId, from: Usage, to: Usage) -> Result<bool, StoreError> {
        let mut free = owned(user, chat);
        free.insert("active", Bson::Null);
        let Some(stored) = self.chats.find_one(free.clone()).await.map_err(store)? else { return Ok(false) };
        if totals_of(&stored)? != from {
            return Ok(false);
        }
        // As they are written: one amount can be written in several ways.
        free.insert("totals", stored.get("totals").cloned());
        let corrected = self.chats.update_one(free, doc! {"$set": {"totals": usage(to)?}}).await.map_err(store)?;
        Ok(corrected.matched_count > 0)
    }
}

#[async_trait]
impl ChatArchive for MongoChatRepository {
    #[tracing::instrument(name = "db.chat.scan_chats", level = "debug", skip_all)]
    async fn scan_chats(&self, after: Option<ChatId>, limit: usize) -> Result<Scan<Chat, ChatId>, StoreError> {
        let mut filter = doc! {"deleted": null};
        if let Some(after) = after {
            filter.insert("_id", doc! {"$gt": id(after.uuid())});
        }
        let found = self.store.limited(documents(&self.chats, filter, doc! {"_id": 1}, overfull(limit))).await?;
        let page = Page::from_overfull(found, limit, |last| uuid_at(last, &["_id"]));
        let items = page.items.into_iter().map(decode_chat).collect();
        Ok(Page { items, next: page.next.flatten().map(ChatId::new) })
    }

    #[tracing::instrument(name = "db.chat.scan_turns", level = "debug", skip_all)]
    async fn scan_turns(
        &self,
        user: UserId,
        chat: ChatId,
        after: u32,
        limit: usize,
    ) -> Result<Scan<Turn, u32>, StoreError> {
        if !self.is_there(user, chat).await? {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let filter = doc! {
            "chat_id": id(chat.uuid()),
            "user_id": id(user.uuid()),
            "seq": {"$gt": i64::from(after)},
        };
        let found = self.store.limited(documents(&self.turns, filter, doc! {"seq": 1}, overfull(limit))).await?;
        let seq = |turn: &Document| turn.get_i64("seq").ok().and_then(|seq| u32::try_from(seq).ok());
        let page = Page::from_overfull(found, limit, seq);
        let items = page.items.into_iter().map(decode_turn).collect();
        Ok(Page { items, next: page.next.flatten() })
    }

    #[tracing::instrument(name = "db.chat.import", level = "debug", skip_all)]
    async fn import(&self, chat: &Chat, turns: &[Turn]) -> Result<(), StoreError> {
        // No time limit of a call: it is as long as the turns are many. Each step may be done again.
        let (this, chat, turns) = (self.clone(), chat.clone(), turns.to_vec());
        let task = tokio::spawn(async move { this.write_in(chat, turns).await });
        task.await.unwrap_or_else(|lost| Err(StoreError::Unexpected { source: lost.into() }))
    }

    #[tracing::instrument(name = "db.chat.correct_totals", level = "debug", skip_all)]
    async fn correct_totals(&self, user: UserId, chat: ChatId, from: Usage, to: Usage) -> Result<bool, StoreError> {
        let this = self.clone();
        self.store.whole(async move { this.correct(user, chat, from, to).await }).await
    }

    #[tracing::instrument(name = "db.chat.parked_jobs", level = "debug", skip_all)]
    async fn parked_jobs(&self, limit: usize) -> Result<Vec<TurnRef>, StoreError> {
        let parked = doc! {"job.state": JobState::Parked.as_str()};
        let order = doc! {"created_at": 1, "_id": 1};
        let found = self.store.limited(documents(&self.turns, parked, order, bson_limit(limit))).await?;
        Ok(found.iter().filter_map(reference).collect())
    }
}
