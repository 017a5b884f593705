use crate::{
    ApiKey, Claims, Password, PasswordHash, RefreshHash, RefreshToken, SealedKey, SessionId, Timestamp, UserId,
    VaultError,
};
use async_trait::async_trait;
use std::time::Duration;

/// Seals API keys for storage. What is sealed for one user does not open for another.
pub trait KeyVault: Send + Sync {
    /// Seals a key with the first master key. Sealing the same key twice gives different bytes.
    fn seal(&self, owner: UserId, key: &ApiKey) -> Result<SealedKey, VaultError>;

    /// Opens what was sealed for `owner` with any master key of the deployment.
    ///
    /// # Errors
    /// `Tampered` when it was changed, truncated or sealed for another; `UnknownMasterKey` when its master key is gone.
    fn open(&self, owner: UserId, sealed: &SealedKey) -> Result<ApiKey, VaultError>;
}

/// Hashes passwords, slowly, away from the async threads and only so many at once.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a password with a new salt.
    async fn hash(&self, password: &Password) -> Result<PasswordHash, VaultError>;

    /// Whether the password is the one that was hashed. With no hash (there is no such user) the answer is `false`, after
    /// the same work.
    ///
    /// # Errors
    /// When the stored hash cannot be read.
    async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<bool, VaultError>;
}

/// A new refresh token and what is to be stored of it.
#[derive(Clone, Debug)]
pub struct IssuedRefresh {
    /// For the client.
    pub token: RefreshToken,
    /// For the session.
    pub hash: RefreshHash,
}

/// What a refresh token that was presented says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedRefresh {
    /// Whose.
    pub user: UserId,
    /// Of which login.
    pub session: SessionId,
    /// To be compared with the session's.
    pub hash: RefreshHash,
}

/// Access and refresh tokens.
pub trait TokenIssuer: Send + Sync {
    /// How long an access token is good.
    fn access_ttl(&self) -> Duration;

    /// A signed access token, good from `now` for [`TokenIssuer::access_ttl`].
    fn issue_access(&self, claims: Claims, now: Timestamp) -> Result<String, VaultError>;

    /// What the token says, if it is ours, meant for us, and good at `now`; else `None`, whatever is wrong with it.
    fn verify_access(&self, token: &str, now: Timestamp) -> Option<Claims>;

    /// A new refresh token for a session.
    fn issue_refresh(&self, user: UserId, session: SessionId) -> Result<IssuedRefresh, VaultError>;

    /// Reads a refresh token's parts; `None` when it is none of ours. Whether it is good only the session tells.
    fn read_refresh(&self, token: &RefreshToken) -> Option<PresentedRefresh>;
}
