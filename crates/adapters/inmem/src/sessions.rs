//! Sessions.

use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{
    Entity, RefreshHash, RotateOutcome, Session, SessionId, StoreError, Timestamp, UserId, ports::SessionStore,
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Mutex,
};

/// Logins in memory.
#[derive(Default)]
pub struct InMemorySessionStore {
    sessions: Mutex<BTreeMap<SessionId, Session>>,
}

impl InMemorySessionStore {
    /// A store without sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// The session, if it is this user's.
fn own(sessions: &mut BTreeMap<SessionId, Session>, user: UserId, id: SessionId) -> Option<&mut Session> {
    sessions.get_mut(&id).filter(|session| session.user_id == user)
}

#[async_trait]
impl SessionStore for InMemorySessionStore {
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        match locked(&self.sessions).entry(session.id) {
            Entry::Occupied(_) => Err(StoreError::Conflict(Entity::Session)),
            Entry::Vacant(vacant) => {
                vacant.insert(session.clone());
                Ok(())
            }
        }
    }

    async fn find(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(own(&mut locked(&self.sessions), user, id).cloned())
    }

    async fn rotate(
        &self,
        user: UserId,
        id: SessionId,
        presented: RefreshHash,
        next: RefreshHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<RotateOutcome, StoreError> {
        let mut sessions = locked(&self.sessions);
        let Some(session) = own(&mut sessions, user, id).filter(|session| session.is_live(now)) else {
            return Ok(RotateOutcome::NotFound);
        };
        if session.refresh_hash != presented {
            session.revoked_at = Some(now);
            return Ok(RotateOutcome::Reused);
        }
        session.refresh_hash = next;
        session.last_used_at = now;
        session.expires_at = expires_at;
        Ok(RotateOutcome::Rotated(session.clone()))
    }

    async fn revoke(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let mut sessions = locked(&self.sessions);
        let Some(session) = own(&mut sessions, user, id).filter(|session| session.revoked_at.is_none()) else {
            return Ok(false);
        };
        session.revoked_at = Some(now);
        Ok(true)
    }

    async fn revoke_others(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let mut ended = Vec::new();
        for session in locked(&self.sessions).values_mut() {
            if session.user_id == user && session.id != keep && session.revoked_at.is_none() {
                session.revoked_at = Some(now);
                ended.push(session.id);
            }
        }
        Ok(ended)
    }

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut sessions = locked(&self.sessions);
        let count = sessions.len();
        sessions.retain(|_, session| session.expires_at >= before);
        Ok((count - sessions.len()) as u64)
    }
}
