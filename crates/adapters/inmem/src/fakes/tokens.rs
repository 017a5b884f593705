//! Tokens that anybody could make.

use super::digest::{digest, wide_digest};
use palavra_domain::{
    Claims, RefreshHash, RefreshToken, SessionId, Timestamp, UserId, VaultError,
    ports::{IssuedRefresh, PresentedRefresh, TokenIssuer},
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const ACCESS: &str = "access";
const REFRESH: &str = "refresh";

/// Tokens that say in the clear what they are, with a check against changes. They protect nothing.
pub struct PlainTokens {
    ttl: Duration,
    issued: AtomicU64,
}

impl PlainTokens {
    /// Access tokens are good for `ttl`.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, issued: AtomicU64::new(0) }
    }

    fn token(&self, kind: &str, claims: Claims, number: i64) -> String {
        let body = format!("{}_{}_{number}", claims.user, claims.session);
        format!("{kind}.{body}.{}", check(kind, &body))
    }
}

impl Default for PlainTokens {
    /// Access tokens are good for an hour.
    fn default() -> Self {
        Self::new(Duration::from_secs(3_600))
    }
}

fn check(kind: &str, body: &str) -> String {
    format!("{:016x}", digest(digest(3, kind.as_bytes()), body.as_bytes()))
}

/// What a token of this kind says, if nothing was changed in it.
fn read(kind: &str, token: &str) -> Option<(UserId, SessionId, i64)> {
    let (body, mark) = token.strip_prefix(kind)?.strip_prefix('.')?.split_once('.')?;
    if check(kind, body) != mark {
        return None;
    }
    let (user, rest) = body.split_once('_')?;
    let (session, number) = rest.split_once('_')?;
    Some((user.parse().ok()?, session.parse().ok()?, number.parse().ok()?))
}

impl TokenIssuer for PlainTokens {
    fn access_ttl(&self) -> Duration {
        self.ttl
    }

    fn issue_access(&self, claims: Claims, now: Timestamp) -> Result<String, VaultError> {
        Ok(self.token(ACCESS, claims, now.plus(self.ttl).as_millis()))
    }

    fn verify_access(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let (user, session, until) = read(ACCESS, token)?;
        (now.as_millis() < until).then_some(Claims { user, session })
    }

    fn issue_refresh(&self, user: UserId, session: SessionId) -> Result<IssuedRefresh, VaultError> {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let text = self.token(REFRESH, Claims { user, session }, i64::try_from(number).unwrap_or(i64::MAX));
        let hash = RefreshHash(wide_digest(text.as_bytes()));
        Ok(IssuedRefresh { token: RefreshToken::new(text), hash })
    }

    fn read_refresh(&self, token: &RefreshToken) -> Option<PresentedRefresh> {
        let (user, session, _) = read(REFRESH, token.expose())?;
        Some(PresentedRefresh { user, session, hash: RefreshHash(wide_digest(token.expose().as_bytes())) })
    }
}
