//! Registration and profile.

use crate::{
    login_limit,
    policy::{Policy, Ports},
};
use palavra_domain::{
    ApiKey, Claims, DisplayName, Entity, InvalidValue, ModelId, Password, SealedKey, StoreError, User, UserId,
    Username, VaultError, ports::KeyStatus,
};
use std::{sync::Arc, time::Duration};
use thiserror::Error;

/// How often an update that met another one is tried again.
const UPDATE_TRIES: usize = 3;

/// A new account.
#[derive(Debug)]
pub struct Registration {
    /// The name to log in with.
    pub username: Username,
    /// The password.
    pub password: Password,
    /// The OpenRouter key, if it is handed over already.
    pub api_key: Option<ApiKey>,
}

/// What to change of a profile. `None` leaves a field, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct ProfileChange {
    /// How the user wants to be shown.
    pub display_name: Option<Option<DisplayName>>,
    /// The model for prompts that name none.
    pub default_model: Option<Option<ModelId>>,
    /// Whether memories are recalled and saved.
    pub memory_enabled: Option<bool>,
    /// The OpenRouter key.
    pub api_key: Option<Option<ApiKey>>,
    /// The password.
    pub password: Option<PasswordChange>,
}

/// A new password, and the one it replaces.
#[derive(Debug)]
pub struct PasswordChange {
    /// The new one.
    pub new: Password,
    /// The one that is good now.
    pub current: String,
}

/// Why an account could not be made or changed.
#[derive(Debug, Error)]
pub enum AccountError {
    /// Somebody has this name.
    #[error("the username is taken")]
    UsernameTaken,
    /// The account is gone.
    #[error("there is no such user")]
    Unknown,
    /// OpenRouter does not know this key.
    #[error("the key was not accepted")]
    KeyRejected,
    /// The value cannot be taken.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// Too many wrong guesses of the current password.
    #[error("too many wrong passwords")]
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

/// Registration and profile.
#[derive(Clone)]
pub struct Accounts {
    ports: Arc<Ports>,
    policy: Arc<Policy>,
}

impl Accounts {
    pub(crate) fn new(ports: Arc<Ports>, policy: Arc<Policy>) -> Self {
        Self { ports, policy }
    }

    /// Makes an account.
    pub async fn register(&self, registration: Registration) -> Result<User, AccountError> {
        // Asked first, so that a taken name costs no hashing; the insert decides all the same.
        if self.ports.users.find_by_username(&registration.username).await?.is_some() {
            return Err(AccountError::UsernameTaken);
        }
        let id = UserId::new(self.ports.ids.next());
        let api_key = match &registration.api_key {
            Some(key) => Some(self.seal(id, key).await?),
            None => None,
        };
        let now = self.ports.clock.now();
        let user = User {
            id,
            revision: 1,
            username: registration.username,
            display_name: None,
            default_model: None,
            memory_enabled: true,
            password_hash: self.ports.hasher.hash(&registration.password).await?,
            api_key,
            memory_version: 0,
            memories_cleared_at: None,
            created_at: now,
            updated_at: now,
        };
        match self.ports.users.insert(&user).await {
            Ok(()) => Ok(user),
            Err(StoreError::Conflict(Entity::Username)) => Err(AccountError::UsernameTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// The user's account.
    pub async fn profile(&self, user: UserId) -> Result<User, AccountError> {
        self.ports.users.find(user).await?.ok_or(AccountError::Unknown)
    }

    /// Changes the profile. A new password ends the user's other sessions.
    ///
    /// Cancel-safe: it is done in a task of its own, so that a client who goes away cannot leave the new password with the
    /// old sessions.
    pub async fn change(&self, claims: Claims, change: ProfileChange) -> Result<User, AccountError> {
        let this = self.clone();
        let task = tokio::spawn(async move { this.change_whole(claims, change).await });
        task.await.unwrap_or_else(|lost| Err(StoreError::Unexpected { source: lost.into() }.into()))
    }

    async fn change_whole(&self, claims: Claims, change: ProfileChange) -> Result<User, AccountError> {
        let sealed = match &change.api_key {
            Some(Some(key)) => Some(Some(self.seal(claims.user, key).await?)),
            Some(None) => Some(None),
            None => None,
        };
        let new_hash = match &change.password {
            Some(password) => Some(self.replace_password(claims.user, password).await?),
            None => None,
        };
        let mut tries = 1;
        let user = loop {
            let mut user = self.profile(claims.user).await?;
            if let Some(name) = &change.display_name {
                user.display_name.clone_from(name);
            }
            if let Some(model) = &change.default_model {
                user.default_model.clone_from(model);
            }
            if let Some(enabled) = change.memory_enabled {
                user.memory_enabled = enabled;
            }
            if let Some(key) = &sealed {
                user.api_key.clone_from(key);
            }
            if let Some(hash) = &new_hash {
                user.password_hash = hash.clone();
            }
            user.updated_at = self.ports.clock.now();
            match self.ports.users.update(&user).await {
                Err(StoreError::Stale(Entity::User)) if tries < UPDATE_TRIES => tries += 1,
                done => break done?.ok_or(AccountError::Unknown)?,
            }
        };
        if new_hash.is_some() {
            self.ports.sessions.revoke_others(claims.user, claims.session, user.updated_at).await?;
        }
        Ok(user)
    }

    async fn replace_password(
        &self,
        user: UserId,
        change: &PasswordChange,
    ) -> Result<palavra_domain::PasswordHash, AccountError> {
        let user = self.profile(user).await?;
        let wait = login_limit::take_guess(&self.ports, &self.policy.login, Some(&user.username), None).await?;
        if let Some(retry_after) = wait {
            return Err(AccountError::Limited { retry_after });
        }
        if !self.ports.hasher.verify(&change.current, Some(&user.password_hash)).await? {
            return Err(InvalidValue::new("current_password", "is not the password of this account").into());
        }
        login_limit::forgive(&self.ports, &self.policy.login, &user.username, None).await?;
        Ok(self.ports.hasher.hash(&change.new).await?)
    }

    /// Seals a key that OpenRouter does not refuse. When OpenRouter cannot be asked the key is taken as it is: the first
    /// prompt will tell.
    async fn seal(&self, owner: UserId, key: &ApiKey) -> Result<SealedKey, AccountError> {
        match self.ports.inspector.inspect(key).await {
            Ok(KeyStatus::Usable) => {}
            Ok(KeyStatus::Rejected) => return Err(AccountError::KeyRejected),
            Ok(KeyStatus::Management) => {
                let message = "is a management key, which must not be handed to an application: make an ordinary key at \
                               openrouter.ai/keys";
                return Err(InvalidValue::new("openrouter_api_key", message).into());
            }
            Err(error) => tracing::warn!(%error, "a key is kept that OpenRouter could not be asked about"),
        }
        Ok(self.ports.vault.seal(owner, key)?)
    }
}
