//! Sessions: what a login gives, and what logging out takes away.

use crate::{RefreshHash, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// One login of a user. It lives while its refresh token is renewed in time, until it is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The hash of the one refresh token that is good now.
    pub refresh_hash: RefreshHash,
    /// When the user logged in.
    pub created_at: Timestamp,
    /// When it was last renewed.
    pub last_used_at: Timestamp,
    /// When it ends unless it is renewed.
    pub expires_at: Timestamp,
    /// When it was ended by hand or because a spent refresh token came back.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// Whether it admits its user at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// What became of a refresh token that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotateOutcome {
    /// It was the good one: the session now has the next.
    Rotated(Session),
    /// It was a spent one: somebody else may hold a copy, so the session is revoked.
    Reused,
    /// There is no such live session.
    NotFound,
}

/// What a verified access token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose.
    pub user: UserId,
    /// Of which login.
    pub session: SessionId,
}
