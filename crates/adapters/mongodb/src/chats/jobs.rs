//! The work of remembering, recorded in the turns.

use super::{MongoChatRepository, limit as bson_limit, only, reads::uuid_at};
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
use std::collections::{HashMap, HashSet};

/// When a job that was given back may be taken up: at once.
const AT_ONCE: i64 = 0;
/// How many jobs are looked at in one go.
const BATCH: usize = 64;

/// The oldest job of a user that is due.
struct Candidate {
    turn: TurnRef,
    created_at: i64,
}

impl MongoChatRepository {
    pub(super) async fn claim(
        &self,
        lease: Lease,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RememberTask>, StoreError> {
        let mut tasks = Vec::new();
        let mut passed = HashSet::new();
        let mut more = true;
        while more && tasks.len() < limit {
            let due = self.due(now, &passed).await?;
            more = due.len() == BATCH;
            let mut candidates = Vec::new();
            for turn in due {
                match candidate(&turn) {
                    Ok(candidate) if passed.insert(candidate.turn.user) => candidates.push(candidate),
                    Ok(_) => {}
                    Err(_) => self.park(doc! {"_id": turn.get("_id").cloned()}).await?,
                }
            }
            let held_back = self.held_back(&candidates, now).await?;
            for Candidate { turn, .. } in candidates {
                if tasks.len() == limit || held_back.contains(&turn.user) {
                    continue;
                }
                let Some(claimed) = self.take(turn, lease, now).await? else { continue };
                match task(&claimed) {
                    Ok(task) => tasks.push(task),
                    Err(_) => {
                        self.park(only(turn)).await?;
                        self.let_go(turn, &lease_document(lease)).await?;
                        // It makes way for the user's next one.
                        passed.remove(&turn.user);
                        more = true;
                    }
                }
            }
        }
        self.of_chats_that_are_there(tasks, lease).await
    }

    /// The next jobs that are due, the oldest first, but for users who were passed.
    async fn due(&self, now: Timestamp, passed: &HashSet<UserId>) -> Result<Vec<Document>, StoreError> {
        let mut due = doc! {"due_at": {"$lte": now.as_millis()}};
        if !passed.is_empty() {
            let passed: Vec<Bson> = passed.iter().map(|user| id(user.uuid()).into()).collect();
            due.insert("user_id", doc! {"$nin": passed});
        }
        let find = self.turns.find(due).sort(doc! {"created_at": 1, "_id": 1}).limit(bson_limit(BATCH));
        let find = find.projection(doc! {"user_id": 1, "chat_id": 1, "created_at": 1});
        find.await.map_err(store)?.try_collect().await.map_err(store)
    }

    /// The users who have to wait. What is open and not due is either being done, or may be older and is waited for.
    async fn held_back(&self, candidates: &[Candidate], now: Timestamp) -> Result<HashSet<UserId>, StoreError> {
        if candidates.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<Bson> = candidates.iter().map(|candidate| id(candidate.turn.user.uuid()).into()).collect();
        let oldest: HashMap<UserId, (i64, TurnId)> = candidates
            .iter()
            .map(|candidate| (candidate.turn.user, (candidate.created_at, candidate.turn.turn)))
            .collect();
        let find = self.turns.find(doc! {"user_id": {"$in": ids}, "due_at": {"$gt": now.as_millis()}});
        let find = find.projection(doc! {"user_id": 1, "created_at": 1, "job.state": 1});
        let others: Vec<Document> = find.await.map_err(store)?.try_collect().await.map_err(store)?;
        let holds_back = |other: &Document| {
            let user = UserId::new(uuid_at(other, &["user_id"])?);
            let at = (other.get_i64("created_at").ok()?, TurnId::new(uuid_at(other, &["_id"])?));
            let state = other.get_document("job").and_then(|job| job.get_str("state")).ok()?;
            let holds = state == JobState::Claimed.as_str() || oldest.get(&user).is_some_and(|oldest| at < *oldest);
            holds.then_some(user)
        };
        Ok(others.iter().filter_map(holds_back).collect())
    }

    /// Gives up a job that cannot be read, which was logged: nobody can do it, and it would stand in the way of its user's
    /// others for ever.
    async fn park(&self, turn: Document) -> Result<(), StoreError> {
        self.turns.update_one(turn, ended(JobState::Parked)).await.map_err(store)?;
        Ok(())
    }

    /// Leaves out the jobs of chats that were deleted, and removes their turns: their deletion was broken off.
    async fn of_chats_that_are_there(
        &self,
        mut tasks: Vec<RememberTask>,
        lease: Lease,
    ) -> Result<Vec<RememberTask>, StoreError> {
        if tasks.is_empty() {
            return Ok(tasks);
        }
        let ids: Vec<Bson> = tasks.iter().map(|task| id(task.turn.chat.uuid()).into()).collect();
        let find = self.chats.find(doc! {"_id": {"$in": ids}, "deleted": null}).projection(doc! {"_id": 1});
        let there: Vec<Document> = find.await.map_err(store)?.try_collect().await.map_err(store)?;
        let there: HashSet<ChatId> = there.iter().filter_map(|chat| uuid_at(chat, &["_id"])).map(ChatId::new).collect();
        for gone in tasks.iter().filter(|task| !there.contains(&task.turn.chat)) {
            self.turns.delete_one(only(gone.turn)).await.map_err(store)?;
            self.let_go(gone.turn, &lease_document(lease)).await?;
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
        let finished = self
            .turns
            .find_one_and_update(claimed, finish)
            .projection(doc! {"job.lease": 1})
            .return_document(ReturnDocument::Before)
            .await
            .map_err(store)?;
        let Some(before) = finished else { return Ok(false) };
        if let Ok(lease) = before.get_document("job").and_then(|job| job.get_document("lease")) {
            self.let_go(turn, lease).await?;
        }
        Ok(true)
    }

    pub(super) async fn release(&self, as_of: Timestamp) -> Result<u64, StoreError> {
        let over = doc! {"job.state": JobState::Claimed.as_str(), "due_at": {"$lte": as_of.as_millis()}};
        let wait = doc! {"$set": {
            "job.state": JobState::Waiting.as_str(),
            "job.lease": Bson::Null,
            "due_at": AT_ONCE,
        }};
        let released = self.turns.update_many(over, wait).await.map_err(store)?;
        self.let_go_until(as_of).await?;
        Ok(released.matched_count)
    }

    pub(super) async fn backlog(&self) -> Result<u64, StoreError> {
        self.store.limited(async { self.turns.count_documents(doc! {"due_at": {"$exists": true}}).await }).await
    }
}

/// What makes a job claimed, once more.
pub(super) fn claimed_by(lease: Lease) -> Document {
    doc! {
        "$set": {
            "job.state": JobState::Claimed.as_str(),
            "job.lease": lease_document(lease),
            "due_at": lease.until.as_millis(),
        },
        "$inc": {"job.tries": 1_i64},
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

fn created_at(turn: &Document) -> Result<i64, Undecodable> {
    turn.get_i64("created_at").map_err(|_| Undecodable::new("created_at", "is no time"))
}

fn candidate(turn: &Document) -> Result<Candidate, StoreError> {
    let decode = || {
        let reference = reference(turn).ok_or_else(|| Undecodable::new("chat_id", "or user_id is no UUID"))?;
        Ok(Candidate { turn: reference, created_at: created_at(turn)? })
    };
    decode().map_err(|error| corrupt(Entity::Turn, uuid_at(turn, &["_id"]), error))
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
            said_at: Timestamp::from_millis(created_at(turn)?),
            model: last.model_asked,
            tries: tries.ok_or_else(|| Undecodable::new("job.tries", "is missing or out of range"))?,
        })
    };
    decode().map_err(|error| corrupt(Entity::Turn, uuid_at(turn, &["_id"]), error))
}
