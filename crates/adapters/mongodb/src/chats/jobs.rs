//! The work of remembering, recorded in the turns.

use super::{MongoChatRepository, only, reads::uuid_at};
use crate::{
    documents::{attempts_of, id, lease as lease_document},
    errors::{Undecodable, corrupt, store},
};
use futures::TryStreamExt as _;
use mongodb::{
    bson::{Bson, Document, doc},
    options::ReturnDocument,
};
use palavra_domain::{
    ChatId, Entity, JobOutcome, JobState, Lease, Prompt, RememberTask, StoreError, Timestamp, TurnId, TurnRef, UserId,
};
use std::collections::HashSet;

/// When a job that was given back may be taken up: at once.
const AT_ONCE: i64 = 0;

impl MongoChatRepository {
    pub(super) async fn claim(
        &self,
        lease: Lease,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RememberTask>, StoreError> {
        let due = doc! {"due_at": {"$lte": now.as_millis()}};
        let claim = doc! {
            "$set": {
                "job.state": JobState::Claimed.as_str(),
                "job.lease": lease_document(lease),
                "due_at": lease.until.as_millis(),
            },
            "$inc": {"job.tries": 1_i64},
        };
        let mut tasks = Vec::new();
        // One after the other: each is claimed by one update.
        while tasks.len() < limit {
            let claimed = self
                .turns
                .find_one_and_update(due.clone(), claim.clone())
                .sort(doc! {"created_at": 1, "_id": 1})
                .return_document(ReturnDocument::After)
                .await
                .map_err(store)?;
            let Some(turn) = claimed else { break };
            // One that cannot be read was logged; its lease ends, and it is met again.
            tasks.extend(task(&turn).ok());
            if lease.until <= now {
                // It is due again at once: going on would claim it again.
                break;
            }
        }
        self.of_chats_that_are_there(tasks).await
    }

    /// Leaves out the jobs of chats that were deleted, and removes their turns: their deletion was broken off.
    async fn of_chats_that_are_there(&self, mut tasks: Vec<RememberTask>) -> Result<Vec<RememberTask>, StoreError> {
        if tasks.is_empty() {
            return Ok(tasks);
        }
        let ids: Vec<Bson> = tasks.iter().map(|task| id(task.turn.chat.uuid()).into()).collect();
        let find = self.chats.find(doc! {"_id": {"$in": ids}, "deleted": null}).projection(doc! {"_id": 1});
        let there: Vec<Document> = find.await.map_err(store)?.try_collect().await.map_err(store)?;
        let there: HashSet<ChatId> = there.iter().filter_map(|chat| uuid_at(chat, &["_id"])).map(ChatId::new).collect();
        for gone in tasks.iter().filter(|task| !there.contains(&task.turn.chat)) {
            self.turns.delete_one(only(gone.turn)).await.map_err(store)?;
        }
        tasks.retain(|task| there.contains(&task.turn.chat));
        Ok(tasks)
    }

    pub(super) async fn finish(&self, turn: TurnRef, outcome: JobOutcome) -> Result<bool, StoreError> {
        let mut claimed = only(turn);
        claimed.insert("job.state", JobState::Claimed.as_str());
        let finish = match outcome {
            JobOutcome::Done => ended(JobState::Done),
            JobOutcome::Parked => ended(JobState::Parked),
            JobOutcome::Retry(at) => doc! {"$set": {
                "job.state": JobState::Waiting.as_str(),
                "job.next_at": at.as_millis(),
                "job.lease": Bson::Null,
                "due_at": at.as_millis(),
            }},
        };
        let finished = self.store.limited(async { self.turns.update_one(claimed, finish).await }).await?;
        Ok(finished.matched_count > 0)
    }

    pub(super) async fn release(&self, as_of: Timestamp) -> Result<u64, StoreError> {
        let over = doc! {"job.state": JobState::Claimed.as_str(), "due_at": {"$lte": as_of.as_millis()}};
        let wait = doc! {"$set": {
            "job.state": JobState::Waiting.as_str(),
            "job.lease": Bson::Null,
            "due_at": AT_ONCE,
        }};
        let released = self.store.limited(async { self.turns.update_many(over, wait).await }).await?;
        Ok(released.matched_count)
    }

    pub(super) async fn backlog(&self) -> Result<u64, StoreError> {
        self.store.limited(async { self.turns.count_documents(doc! {"due_at": {"$exists": true}}).await }).await
    }
}

fn ended(state: JobState) -> Document {
    doc! {"$set": {"job.state": state.as_str(), "job.lease": Bson::Null}, "$unset": {"due_at": ""}}
}

pub(super) fn reference(turn: &Document) -> Option<TurnRef> {
    Some(TurnRef {
        user: UserId::new(uuid_at(turn, &["user_id"])?),
        chat: ChatId::new(uuid_at(turn, &["chat_id"])?),
        turn: TurnId::new(uuid_at(turn, &["_id"])?),
    })
}

fn task(turn: &Document) -> Result<RememberTask, StoreError> {
    let decode = || {
        let attempts = attempts_of(turn)?;
        let last = attempts.into_iter().last().ok_or_else(|| Undecodable::new("attempts", "is empty"))?;
        let job = turn.get_document("job").ok();
        let tries = job.and_then(|job| job.get_i64("tries").ok()).and_then(|tries| u32::try_from(tries).ok());
        Ok(RememberTask {
            turn: reference(turn).ok_or_else(|| Undecodable::new("chat_id", "or user_id is no UUID"))?,
            prompt: turn
                .get_str("prompt")
                .map(|prompt| Prompt::stored(prompt.to_owned()))
                .map_err(|_| Undecodable::new("prompt", "is no text"))?,
            model: last.model_asked,
            tries: tries.ok_or_else(|| Undecodable::new("job.tries", "is missing or out of range"))?,
        })
    };
    decode().map_err(|error| corrupt(Entity::Turn, uuid_at(turn, &["_id"]), error))
}
