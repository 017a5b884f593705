use crate::{RefreshHash, RotateOutcome, Session, SessionId, StoreError, Timestamp, UserId};
use async_trait::async_trait;

/// Logins.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Saves a new session.
    ///
    /// # Errors
    /// `Conflict(Session)` when the id is taken.
    async fn insert(&self, session: &Session) -> Result<(), StoreError>;

    /// The session of this user with this id, also when it has ended.
    async fn find(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Exchanges the refresh token of a live session: single use.
    ///
    /// Behaviour: when `presented` is the session's hash, the session gets `next`, `last_used_at = now` and `expires_at`,
    /// and is returned. When it is another, the token was spent before: the session is revoked at `now`, and the answer is
    /// `Reused`. Of several calls at once with one token, exactly one gets `Rotated`. A session that is revoked, over
    /// or missing is `NotFound`.
    async fn rotate(
        &self,
        user: UserId,
        id: SessionId,
        presented: RefreshHash,
        next: RefreshHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<RotateOutcome, StoreError>;

    /// Ends a session. `true` when it was not revoked before.
    async fn revoke(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends all sessions of a user but `keep`, and returns those it ended.
    async fn revoke_others(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<Vec<SessionId>, StoreError>;

    /// Forgets sessions that expired before `before`, and tells how many.
    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError>;
}
