//! What is read of chats and turns.

use super::{MongoChatRepository, limit as bson_limit, overfull, owned, turns::begun};
use crate::documents::{decode_chat, decode_turn, id, uuid};
use futures::TryStreamExt as _;
use mongodb::{
    Collection,
    bson::{Bson, Document, doc},
    error::Error,
};
use palavra_domain::{
    Chat, ChatId, ChatTitle, Entity, Exchange, Page, StoreError, Timestamp, Turn, TurnId, TurnRef, TurnStatus, UserId,
};

/// The documents that a filter finds, in an order, at most `limit`.
pub(super) async fn documents(
    collection: &Collection<Document>,
    filter: Document,
    sort: Document,
    limit: i64,
) -> Result<Vec<Document>, Error> {
    if limit == 0 {
        // To MongoDB that would be no limit.
        return Ok(Vec::new());
    }
    collection.find(filter).sort(sort).limit(limit).await?.try_collect().await
}

/// A UUID of a document, by the path of its field.
pub(super) fn uuid_at(document: &Document, path: &[&str]) -> Option<uuid::Uuid> {
    let (last, above) = path.split_last()?;
    let mut at = document;
    for name in above {
        at = at.get_document(name).ok()?;
    }
    match at.get(last)? {
        Bson::Binary(binary) => binary.to_uuid().ok().map(uuid),
        _ => None,
    }
}

fn seq_of(turn: &Document) -> u32 {
    turn.get_i64("seq").ok().and_then(|seq| u32::try_from(seq).ok()).unwrap_or_default()
}

impl MongoChatRepository {
    pub(super) async fn chat(&self, user: UserId, chat: ChatId) -> Result<Option<Chat>, StoreError> {
        let found = self.store.limited(async { self.chats.find_one(owned(user, chat)).await }).await?;
        found.map(decode_chat).transpose()
    }

    pub(super) async fn chats_of(
        &self,
        user: UserId,
        before: Option<ChatId>,
        limit: usize,
    ) -> Result<Page<Chat, ChatId>, StoreError> {
        let mut filter = doc! {"user_id": id(user.uuid()), "deleted": null};
        if let Some(before) = before {
            filter.insert("_id", doc! {"$lt": id(before.uuid())});
        }
        let found = documents(&self.chats, filter, doc! {"_id": -1}, overfull(limit));
        let page = Page::from_overfull(self.store.limited(found).await?, limit, |last| uuid_at(last, &["_id"]));
        // One that cannot be read was logged, and is left out.
        let items = page.items.into_iter().filter_map(|chat| decode_chat(chat).ok()).collect();
        Ok(Page { items, next: page.next.flatten().map(ChatId::new) })
    }

    pub(super) async fn turns_of(
        &self,
        user: UserId,
        chat: ChatId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Page<Turn, u32>, StoreError> {
        let mut filter = doc! {"chat_id": id(chat.uuid()), "user_id": id(user.uuid())};
        if let Some(before) = before {
            filter.insert("seq", doc! {"$lt": i64::from(before)});
        }
        let chat = async {
            let projection = doc! {"active": 1, "turns": 1};
            self.chats.find_one(owned(user, chat)).projection(projection).await
        };
        let (chat, found) = tokio::join!(
            self.store.limited(chat),
            self.store.limited(documents(&self.turns, filter, doc! {"seq": -1}, overfull(limit)))
        );
        // Turns that a crash has left without their chat are not shown.
        let Some(chat) = chat? else { return Ok(Page { items: Vec::new(), next: None }) };
        let mut found = found?;
        // One that has no document of its own yet is.
        if let Some(begun) = begun(&chat)
            && before.is_none_or(|before| seq_of(&begun) < before)
            && found.iter().all(|turn| turn.get("_id") != begun.get("_id"))
        {
            found.insert(0, begun);
        }
        let page = Page::from_overfull(found, limit, seq_of);
        let items = page.items.into_iter().rev().filter_map(|turn| decode_turn(turn).ok()).collect();
        Ok(Page { items, next: page.next })
    }

    pub(super) async fn is_there(&self, user: UserId, chat: ChatId) -> Result<bool, StoreError> {
        let find = async { self.chats.find_one(owned(user, chat)).projection(doc! {"_id": 1}).await };
        Ok(self.store.limited(find).await?.is_some())
    }

    pub(super) async fn exchanges(
        &self,
        user: UserId,
        chat: ChatId,
        before: u32,
        limit: usize,
    ) -> Result<Vec<Exchange>, StoreError> {
        // Asked for by whoever has just begun a turn in the chat: it is there.
        let filter = doc! {
            "chat_id": id(chat.uuid()),
            "user_id": id(user.uuid()),
            "status": TurnStatus::Complete.as_str(),
            "seq": {"$lt": i64::from(before)},
        };
        let find = async {
            if limit == 0 {
                return Ok(Vec::new());
            }
            let projection = doc! {"seq": 1, "prompt": 1, "reply": 1};
            let found = self.turns.find(filter).projection(projection).sort(doc! {"seq": -1}).limit(bson_limit(limit));
            found.await?.try_collect::<Vec<Document>>().await
        };
        let text = |turn: &Document, field: &str| turn.get_str(field).unwrap_or_default().to_owned();
        let found = self.store.limited(find).await?;
        Ok(found
            .iter()
            .map(|turn| Exchange { seq: seq_of(turn), prompt: text(turn, "prompt"), reply: text(turn, "reply") })
            .collect())
    }

    pub(super) async fn expired(&self, as_of: Timestamp, limit: usize) -> Result<Vec<TurnRef>, StoreError> {
        let filter = doc! {"active.until": {"$lte": as_of.as_millis()}, "deleted": null};
        let found = documents(&self.chats, filter, doc! {"active.until": 1}, bson_limit(limit));
        let reference = |chat: &Document| {
            Some(TurnRef {
                user: UserId::new(uuid_at(chat, &["user_id"])?),
                chat: ChatId::new(uuid_at(chat, &["_id"])?),
                turn: TurnId::new(uuid_at(chat, &["active", "turn"])?),
            })
        };
        let mut expired = Vec::new();
        for chat in self.store.limited(found).await? {
            match reference(&chat) {
                Some(turn) => expired.push(turn),
                None => tracing::error!(
                    entity = Entity::Chat.as_str(),
                    id = ?uuid_at(&chat, &["_id"]),
                    "a stored record cannot be read: it does not tell its turn"
                ),
            }
        }
        Ok(expired)
    }

    pub(super) async fn rename(
        &self,
        user: UserId,
        chat: ChatId,
        title: &ChatTitle,
        now: Timestamp,
    ) -> Result<Option<Chat>, StoreError> {
        let rename = doc! {"$set": {"title": title.as_str(), "updated_at": now.as_millis()}};
        let renamed = async {
            let update = self.chats.find_one_and_update(owned(user, chat), rename);
            update.return_document(mongodb::options::ReturnDocument::After).await
        };
        self.store.limited(renamed).await?.map(decode_chat).transpose()
    }
}
