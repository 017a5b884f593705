//! Logins and tokens.

use crate::{
    login_limit,
    policy::{Policy, Ports},
};
use palavra_domain::{Claims, RefreshToken, RotateOutcome, Session, SessionId, StoreError, Username, VaultError};
use std::{net::IpAddr, sync::Arc, time::Duration};
use thiserror::Error;

/// What a login gives.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For the `Authorization` header.
    pub access: String,
    /// How long the access token is good.
    pub expires_in: Duration,
    /// Good once, for the next pair of tokens.
    pub refresh: RefreshToken,
}

/// Why a token does not admit its bearer.
#[derive(Debug, Error)]
pub enum AuthError {
    /// It is bad, over, or of a session that ended.
    #[error("the token is not good")]
    Unauthenticated,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Why a login failed.
#[derive(Debug, Error)]
pub enum LoginError {
    /// The name or the password is wrong; which of them is not told.
    #[error("wrong username or password")]
    WrongCredentials,
    /// Too many guesses.
    #[error("too many failed logins")]
    Limited {
        /// When the next may be made.
        retry_after: Duration,
    },
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Logins and tokens.
#[derive(Clone)]
pub struct Auth {
    ports: Arc<Ports>,
    policy: Arc<Policy>,
}

impl Auth {
    pub(crate) fn new(ports: Arc<Ports>, policy: Arc<Policy>) -> Self {
        Self { ports, policy }
    }

    /// Opens a session for whoever knows the password. An unknown name costs the same time as a wrong password.
    pub async fn login(&self, username: &str, password: &str, address: Option<IpAddr>) -> Result<Tokens, LoginError> {
        let name = Username::parse(username).ok();
        let wait = login_limit::take_guess(&self.ports, &self.policy.login, name.as_ref(), address).await?;
        if let Some(retry_after) = wait {
            metrics::counter!("palavra_logins_total", "outcome" => "limited").increment(1);
            return Err(LoginError::Limited { retry_after });
        }
        let user = match &name {
            Some(name) => self.ports.users.find_by_username(name).await?,
            None => None,
        };
        let right = self.ports.hasher.verify(password, user.as_ref().map(|user| &user.password_hash)).await?;
        let (Some(user), true) = (user, right) else {
            metrics::counter!("palavra_logins_total", "outcome" => "wrong").increment(1);
            return Err(LoginError::WrongCredentials);
        };
        login_limit::forgive(&self.ports, &self.policy.login, &user.username, address).await?;

        let now = self.ports.clock.now();
        let id = SessionId::new(self.ports.ids.next());
        let refresh = self.ports.tokens.issue_refresh(user.id, id)?;
        let session = Session {
            id,
            user_id: user.id,
            refresh_hash: refresh.hash,
            created_at: now,
            last_used_at: now,
            expires_at: now.plus(self.policy.session_ttl),
            revoked_at: None,
        };
        self.ports.sessions.insert(&session).await?;
        metrics::counter!("palavra_logins_total", "outcome" => "right").increment(1);
        Ok(self.tokens(Claims { user: user.id, session: id }, refresh.token)?)
    }

    /// Whose token this is: its signature first, then its session.
    pub async fn authenticate(&self, access_token: &str) -> Result<Claims, AuthError> {
        let now = self.ports.clock.now();
        let claims = self.ports.tokens.verify_access(access_token, now).ok_or(AuthError::Unauthenticated)?;
        match self.ports.sessions.find(claims.user, claims.session).await? {
            Some(session) if session.is_live(now) => Ok(claims),
            Some(_) | None => Err(AuthError::Unauthenticated),
        }
    }

    /// Exchanges a refresh token, which is then spent. One that comes back spent ends its session.
    pub async fn refresh(&self, token: &RefreshToken) -> Result<Tokens, AuthError> {
        let presented = self.ports.tokens.read_refresh(token).ok_or(AuthError::Unauthenticated)?;
        let (user, session) = (presented.user, presented.session);
        let next = self.ports.tokens.issue_refresh(user, session)?;
        let now = self.ports.clock.now();
        let expires_at = now.plus(self.policy.session_ttl);
        match self.ports.sessions.rotate(user, session, presented.hash, next.hash, now, expires_at).await? {
            RotateOutcome::Rotated(_) => Ok(self.tokens(Claims { user, session }, next.token)?),
            RotateOutcome::Reused => {
                tracing::warn!(%user, %session, "a spent refresh token came back: the session is revoked");
                Err(AuthError::Unauthenticated)
            }
            RotateOutcome::NotFound => Err(AuthError::Unauthenticated),
        }
    }

    /// Ends the session: its tokens admit nobody from now on.
    pub async fn logout(&self, claims: Claims) -> Result<(), AuthError> {
        self.ports.sessions.revoke(claims.user, claims.session, self.ports.clock.now()).await?;
        Ok(())
    }

    fn tokens(&self, claims: Claims, refresh: RefreshToken) -> Result<Tokens, VaultError> {
        Ok(Tokens {
            access: self.ports.tokens.issue_access(claims, self.ports.clock.now())?,
            expires_in: self.ports.tokens.access_ttl(),
            refresh,
        })
    }
}
