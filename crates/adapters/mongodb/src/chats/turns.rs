//! How turns begin, go on and end.
//!
//! Begin: (1) one update of the chat makes it busy, with the turn written into it; (2) the turn gets a document of its own.
//! Settle: (1) one update of the turn ends it, with what it used; (2) one update of the chat, which asks for the turn to be
//! the active one, adds that to the totals and frees it. After a crash between the steps the turn is still in the chat, or
//! what it used is still in the turn: whoever settles or interrupts it again does the second step.

use super::{MongoChatRepository, busy_with, only, owned};
use crate::{
    documents::{self, active_document, attempts, attempts_of, decode_turn, id, to_bson, totals_of, usage},
    errors::{conflict, corrupt, is_duplicate, store},
};
use mongodb::{
    bson::{Bson, Document, doc},
    options::ReturnDocument,
};
use palavra_domain::{
    ActiveTurn, BeginOutcome, BeginTurn, Chat, ChatId, ChatTarget, Checkpoint, Entity, FailureCode, JobState,
    SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnRef, TurnStatus, Usage,
};

/// The turn as it begins.
fn pending(begin: &BeginTurn, chat: ChatId, seq: u32) -> Turn {
    Turn {
        id: begin.turn,
        chat_id: chat,
        user_id: begin.user,
        seq,
        prompt: begin.prompt.clone(),
        reply: None,
        status: TurnStatus::Pending,
        failure: None,
        memory_allowed: begin.memory_allowed,
        recalled: Vec::new(),
        attempts: vec![begin.attempt.clone()],
        memory_job: None,
        created_at: begin.now,
        finished_at: None,
    }
}

impl MongoChatRepository {
    pub(super) async fn begin(&self, begin: BeginTurn) -> Result<BeginOutcome, StoreError> {
        match &begin.target {
            ChatTarget::New { id, title } => {
                let turn = pending(&begin, *id, 1);
                let chat = Chat {
                    id: *id,
                    user_id: begin.user,
                    title: title.clone(),
                    turns: 1,
                    totals: Usage::default(),
                    active: Some(ActiveTurn { turn: begin.turn, lease: begin.lease }),
                    created_at: begin.now,
                    updated_at: begin.now,
                };
                let chat = documents::chat(&chat, Some(documents::turn(&turn)?))?;
                self.chats.insert_one(chat).await.map_err(conflict(Entity::Chat))?;
                if let Err(error) = self.write_down(&turn).await {
                    if matches!(error, StoreError::Conflict(_)) {
                        self.chats.delete_one(busy_with(turn.reference())).await.map_err(store)?;
                    }
                    return Err(error);
                }
                Ok(BeginOutcome::Begun(turn))
            }
            ChatTarget::Existing(chat) => self.begin_in(&begin, *chat).await,
        }
    }

    async fn begin_in(&self, begin: &BeginTurn, chat: ChatId) -> Result<BeginOutcome, StoreError> {
        // Its number is not known yet; until the turn has a document of its own it is the chat's count.
        let begun = documents::turn(&pending(begin, chat, 0))?;
        let mut free = owned(begin.user, chat);
        free.insert("active", Bson::Null);
        let occupy = doc! {
            "$inc": {"turns": 1_i64},
            "$set": {
                "active": active_document(begin.turn, begin.lease, Some(begun)),
                "updated_at": begin.now.as_millis(),
            },
        };
        let before = self
            .chats
            .find_one_and_update(free, occupy)
            .projection(doc! {"turns": 1, "updated_at": 1})
            .return_document(ReturnDocument::Before)
            .await
            .map_err(store)?;
        let Some(before) = before else { return self.why_not(begin, chat).await };
        let turn = pending(begin, chat, number_after(&before)?);
        if let Err(error) = self.write_down(&turn).await {
            if matches!(error, StoreError::Conflict(_)) {
                let undo = doc! {
                    "$inc": {"turns": -1_i64},
                    "$set": {"active": Bson::Null, "updated_at": before.get("updated_at").cloned()},
                };
                self.chats.update_one(busy_with(turn.reference()), undo).await.map_err(store)?;
            }
            return Err(error);
        }
        Ok(BeginOutcome::Begun(turn))
    }

    /// Why a chat could not be made busy.
    async fn why_not(&self, begin: &BeginTurn, chat: ChatId) -> Result<BeginOutcome, StoreError> {
        let projection = doc! {"active.turn": 1};
        let there = self.chats.find_one(owned(begin.user, chat)).projection(projection).await.map_err(store)?;
        let Some(there) = there else { return Ok(BeginOutcome::NotFound) };
        let active = there.get_document("active").ok().and_then(|active| active.get("turn"));
        // `Busy` means another turn; this one was written down before.
        if active == Some(&Bson::from(id(begin.turn.uuid()))) {
            return Err(StoreError::Conflict(Entity::Turn));
        }
        Ok(BeginOutcome::Busy)
    }

    async fn write_down(&self, turn: &Turn) -> Result<(), StoreError> {
        self.turns.insert_one(documents::turn(turn)?).await.map_err(conflict(Entity::Turn))?;
        Ok(())
    }

    pub(super) async fn save(&self, turn: TurnRef, checkpoint: Checkpoint) -> Result<bool, StoreError> {
        let save = doc! {"$set": {
            "reply": checkpoint.reply,
            "recalled": to_bson(&checkpoint.recalled)?,
            "attempts": attempts(&checkpoint.attempts)?,
        }};
        let saved = self.turns.update_one(pending_only(turn), save).await.map_err(store)?;
        if saved.matched_count == 0 {
            return Ok(false);
        }
        let renew = doc! {"$set": {"active.until": checkpoint.lease_until.as_millis()}};
        self.chats.update_one(busy_with(turn), renew).await.map_err(store)?;
        Ok(true)
    }

    pub(super) async fn settle(&self, turn: TurnRef, settlement: Settlement) -> Result<SettleOutcome, StoreError> {
        let mut end = doc! {
            "status": settlement.status.as_str(),
            "reply": settlement.reply,
            "failure": settlement.failure.map(FailureCode::as_str),
            "recalled": to_bson(&settlement.recalled)?,
            "attempts": attempts(&settlement.attempts)?,
            "finished_at": settlement.finished_at.as_millis(),
        };
        if let Some(at) = settlement.remember_at.map(Timestamp::as_millis) {
            let waiting = JobState::Waiting.as_str();
            end.insert("job", doc! {"state": waiting, "tries": 0_i64, "next_at": at, "lease": Bson::Null});
            end.insert("due_at", at);
        }
        // The totals cannot change while the chat is busy with this turn: they are read while the turn is written.
        let (settled, chat) = tokio::join!(self.end(turn, end), self.busy_chat(turn));
        if let Some(settled) = settled? {
            let settled = decode_turn(settled)?;
            let freed = self.count_and_free(turn, chat?, settled.usage(), settlement.finished_at).await?;
            if !freed && self.chat(turn.user, turn.chat).await?.is_none() {
                self.turns.delete_one(only(turn)).await.map_err(store)?;
                return Ok(SettleOutcome::Gone);
            }
            return Ok(SettleOutcome::Settled(settled));
        }
        let chat = chat?;
        match self.turns.find_one(only(turn)).await.map_err(store)? {
            Some(before) => {
                let before = decode_turn(before)?;
                let at = before.finished_at.unwrap_or(settlement.finished_at);
                self.count_and_free(turn, chat, before.usage(), at).await?;
                Ok(SettleOutcome::AlreadySettled(before))
            }
            None => Ok(SettleOutcome::Gone),
        }
    }

    pub(super) async fn interrupt(&self, turn: TurnRef, now: Timestamp) -> Result<bool, StoreError> {
        let chat = self.busy_chat(turn).await?;
        if let Some(begun) = chat.as_ref().and_then(begun) {
            self.write_down_again(begun).await?;
        }
        let end = doc! {"status": TurnStatus::Interrupted.as_str(), "finished_at": now.as_millis()};
        let ended = self.end(turn, end).await?;
        let interrupted = ended.is_some();
        let ended = match ended {
            Some(ended) => Some(ended),
            None => self.turns.find_one(only(turn)).await.map_err(store)?,
        };
        // A turn whose attempts cannot be read is logged and counts for nothing: its chat must not stay busy for ever.
        let attempts = ended.as_ref().map(attempts_of).transpose();
        let attempts = attempts.map_err(|error| corrupt(Entity::Turn, Some(turn.turn.uuid()), error));
        let attempts = attempts.ok().flatten().unwrap_or_default();
        let used = attempts.iter().fold(Usage::default(), |sum, attempt| sum.plus(attempt.usage));
        self.count_and_free(turn, chat, used, now).await?;
        Ok(interrupted)
    }

    /// Gives a turn its document if the process that began it died before it did so.
    async fn write_down_again(&self, begun: Document) -> Result<(), StoreError> {
        match self.turns.insert_one(begun).await {
            Ok(_) => Ok(()),
            Err(error) if is_duplicate(&error) => Ok(()),
            Err(error) => Err(store(error)),
        }
    }

    /// Ends a turn that is pending: the turn as it then stands.
    async fn end(&self, turn: TurnRef, end: Document) -> Result<Option<Document>, StoreError> {
        self.turns
            .find_one_and_update(pending_only(turn), doc! {"$set": end})
            .return_document(ReturnDocument::After)
            .await
            .map_err(store)
    }

    /// The turn's chat, if it is busy with it.
    async fn busy_chat(&self, turn: TurnRef) -> Result<Option<Document>, StoreError> {
        let projection = doc! {"totals": 1, "turns": 1, "active": 1};
        self.chats.find_one(busy_with(turn)).projection(projection).await.map_err(store)
    }

    /// Adds what a turn used to the totals of its chat and frees it, if it is still busy with it: hence once. `chat` was
    /// read while it was.
    async fn count_and_free(
        &self,
        turn: TurnRef,
        chat: Option<Document>,
        used: Usage,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(chat) = chat else { return Ok(false) };
        let totals = totals_of(&chat)?.plus(used);
        let free = doc! {"$set": {"totals": usage(totals)?, "active": Bson::Null, "updated_at": at.as_millis()}};
        let freed = self.chats.update_one(busy_with(turn), free).await.map_err(store)?;
        Ok(freed.matched_count > 0)
    }
}

fn pending_only(turn: TurnRef) -> Document {
    let mut filter = only(turn);
    filter.insert("status", TurnStatus::Pending.as_str());
    filter
}

/// The turn that a busy chat was begun with, in case it has no document of its own yet.
pub(super) fn begun(chat: &Document) -> Option<Document> {
    let mut begun = chat.get_document("active").ok()?.get_document("begun").ok()?.clone();
    // The last of those that the chat counts.
    begun.insert("seq", chat.get_i64("turns").ok()?);
    Some(begun)
}

/// The number of the turn after those that a chat counted.
fn number_after(chat: &Document) -> Result<u32, StoreError> {
    let turns = chat.get_i64("turns").ok().and_then(|turns| u32::try_from(turns.saturating_add(1)).ok());
    turns.ok_or_else(|| {
        corrupt(Entity::Chat, None, crate::errors::Undecodable::new("turns", "is missing or out of range"))
    })
}
