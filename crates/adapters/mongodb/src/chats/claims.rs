//! Who is at a job of a user: one small document a user, while somebody is.
//!
//! Take: (1) compare-and-set, the user's document names the job, with its lease; (2) while nobody else can take a job of the
//! user, the job is seen to be the oldest open one and becomes claimed. Give back: (1) the job ends, waits again or goes with
//! its chat; (2) the document is deleted. So where a job is claimed, the document is there. Whatever breaks off between the
//! steps, the document holds until its lease ends, as the job's does, and then whoever looks for jobs next takes it over.

use super::{MongoChatRepository, jobs::claimed_by, only};
use crate::{
    documents::{id, lease as lease_document},
    errors::{is_duplicate, store},
};
use mongodb::{
    bson::{Bson, Document, doc},
    options::ReturnDocument,
};
use palavra_domain::{Lease, StoreError, Timestamp, TurnRef};

/// Any job that is to be done, due or not; jobs that are over have no time.
fn open() -> Document {
    doc! {"$lte": i64::MAX}
}

impl MongoChatRepository {
    /// Claims a job that is due, if it is its user's oldest and nobody is at another one: its turn.
    pub(super) async fn take(
        &self,
        turn: TurnRef,
        lease: Lease,
        now: Timestamp,
    ) -> Result<Option<Document>, StoreError> {
        if !self.hold(turn, lease, now).await? {
            return Ok(None);
        }
        // It may have been done since it was found, and an older turn may have ended.
        let claimed = if self.is_oldest(turn).await? { self.claim_held(turn, lease, now).await? } else { None };
        if claimed.is_none() {
            self.let_go(turn, &lease_document(lease)).await?;
        }
        Ok(claimed)
    }

    async fn hold(&self, turn: TurnRef, lease: Lease, now: Timestamp) -> Result<bool, StoreError> {
        let free = doc! {"_id": id(turn.user.uuid()), "until": {"$lte": now.as_millis()}};
        let mut held = lease_document(lease);
        held.insert("turn", id(turn.turn.uuid()));
        held.insert("chat", id(turn.chat.uuid()));
        match self.claims.update_one(free, doc! {"$set": held}).upsert(true).await {
            Ok(_) => Ok(true),
            // There is one, and it is not over.
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(store(error)),
        }
    }

    async fn is_oldest(&self, turn: TurnRef) -> Result<bool, StoreError> {
        let oldest = self
            .turns
            .find_one(doc! {"user_id": id(turn.user.uuid()), "due_at": open()})
            .sort(doc! {"created_at": 1, "_id": 1})
            .projection(doc! {"_id": 1})
            .await
            .map_err(store)?;
        Ok(oldest.is_some_and(|oldest| oldest.get("_id") == Some(&Bson::from(id(turn.turn.uuid())))))
    }

    async fn claim_held(&self, turn: TurnRef, lease: Lease, now: Timestamp) -> Result<Option<Document>, StoreError> {
        let mut due = only(turn);
        due.insert("due_at", doc! {"$lte": now.as_millis()});
        self.turns
            .find_one_and_update(due, claimed_by(lease))
            .return_document(ReturnDocument::After)
            .await
            .map_err(store)
    }

    /// Lets the user's next job be taken, unless the claim of this lease was taken over.
    pub(super) async fn let_go(&self, turn: TurnRef, lease: &Document) -> Result<(), StoreError> {
        let held = doc! {
            "_id": id(turn.user.uuid()),
            "turn": id(turn.turn.uuid()),
            "owner": lease.get("owner").cloned(),
            "until": lease.get("until").cloned(),
        };
        self.claims.delete_one(held).await.map_err(store)?;
        Ok(())
    }

    /// The same for whatever job of a chat that was deleted.
    pub(super) async fn let_go_of_chat(&self, user: Bson, chat: Bson) -> Result<(), StoreError> {
        self.claims.delete_one(doc! {"_id": user, "chat": chat}).await.map_err(store)?;
        Ok(())
    }

    /// The same for all whose lease ended.
    pub(super) async fn let_go_until(&self, as_of: Timestamp) -> Result<(), StoreError> {
        self.claims.delete_many(doc! {"until": {"$lte": as_of.as_millis()}}).await.map_err(store)?;
        Ok(())
    }
}
