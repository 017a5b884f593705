//! Password hashing with argon2id.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{self, phc},
};
use async_trait::async_trait;
use palavra_domain::{Password, PasswordHash, VaultError, ports::PasswordHasher};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use std::{num::NonZeroUsize, sync::Arc};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// What a hash costs, and how many are made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Options {
    /// Memory for one hash, in KiB, at least 8 a lane.
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
    /// Lanes, at least 1.
    pub lanes: u32,
    /// Hashes at once; further ones wait their turn.
    pub concurrent: NonZeroUsize,
}

impl Default for Argon2Options {
    /// 19 MiB, two passes, one lane (OWASP's first choice); as many at once as there are cores.
    fn default() -> Self {
        let concurrent = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1, concurrent }
    }
}

/// Hashes passwords with argon2id on the blocking threads. Verifying uses the parameters that the stored hash was made
/// with, so these may be changed at any time.
///
/// A call that is dropped while it waits for its turn does nothing; one that is dropped later still counts until its work
/// is done.
pub struct Argon2Hasher {
    argon2: Argon2<'static>,
    /// Stands in for the hash of a user that does not exist.
    dummy: Arc<str>,
    turns: Arc<Semaphore>,
}

impl Argon2Hasher {
    /// Makes a hasher. Hashes once, for users that do not exist.
    ///
    /// # Errors
    /// `Failed` when argon2 does not take the parameters, or the system has no randomness or memory.
    pub fn new(options: Argon2Options) -> Result<Self, VaultError> {
        let params = Params::new(options.memory_kib, options.passes, options.lanes, None)
            .map_err(|error| VaultError::Failed { source: error.into() })?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut nobody = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *nobody).map_err(|error| VaultError::Failed { source: error.into() })?;
        let dummy = hash(&argon2, &*nobody)?.into();
        Ok(Self { argon2, dummy, turns: Arc::new(Semaphore::new(options.concurrent.get())) })
    }

    /// Runs the work on a blocking thread when its turn comes. The work keeps its turn until it is done, whatever becomes
    /// of the caller.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let turn =
            Arc::clone(&self.turns).acquire_owned().await.map_err(|e| VaultError::Failed { source: e.into() })?;
        let argon2 = self.argon2.clone();
        let done = spawn_blocking(move || {
            let _turn = turn;
            work(&argon2)
        });
        done.await.map_err(|error| VaultError::Failed { source: error.into() })?
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, VaultError> {
        let password = password.clone();
        self.in_turn(move |argon2| hash(argon2, password.expose().as_bytes()).map(PasswordHash)).await
    }

    async fn verify(&self, password: &str, stored: Option<&PasswordHash>) -> Result<bool, VaultError> {
        let password = SecretString::from(password);
        let known = stored.is_some();
        let stored = stored.map_or_else(|| Arc::clone(&self.dummy), |hash| hash.0.as_str().into());
        let same = self.in_turn(move |argon2| verify(argon2, password.expose_secret().as_bytes(), &stored)).await?;
        Ok(same && known)
    }
}

fn failed(error: password_hash::Error) -> VaultError {
    VaultError::Failed { source: error.into() }
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, VaultError> {
    Ok(argon2.hash_password(password).map_err(failed)?.to_string())
}

fn verify(argon2: &Argon2<'_>, password: &[u8], stored: &str) -> Result<bool, VaultError> {
    let stored = phc::PasswordHash::new(stored).map_err(|error| failed(error.into()))?;
    // Without these argon2 would call the password wrong, when it is the record that is.
    if stored.salt.is_none() || stored.hash.is_none() {
        return Err(failed(password_hash::Error::EncodingInvalid));
    }
    match argon2.verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}
