//! Hashes passwords at once.

use super::digest::wide_digest;
use async_trait::async_trait;
use palavra_domain::{Password, PasswordHash, VaultError, ports::PasswordHasher};
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &str = "plain$";

/// Hashes passwords without any work. It protects nothing.
#[derive(Default)]
pub struct PlainHasher {
    salts: AtomicU64,
}

impl PlainHasher {
    /// A hasher.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

fn hash(salt: &str, password: &str) -> String {
    let digest = wide_digest(format!("{salt}${password}").as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{salt}${hex}")
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, VaultError> {
        let salt = self.salts.fetch_add(1, Ordering::Relaxed).to_string();
        Ok(PasswordHash(hash(&salt, password.expose())))
    }

    async fn verify(&self, password: &str, stored: Option<&PasswordHash>) -> Result<bool, VaultError> {
        let Some(PasswordHash(stored)) = stored else { return Ok(false) };
        let salt = stored.strip_prefix(PREFIX).and_then(|rest| rest.split_once('$')).map(|(salt, _)| salt);
        let salt = salt.ok_or_else(|| VaultError::Failed { source: "the stored hash is not a plain one".into() })?;
        Ok(hash(salt, password) == *stored)
    }
}
