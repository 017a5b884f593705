//! Seals keys with a mask.

use super::digest::digest;
use palavra_domain::{ApiKey, SealedKey, UserId, VaultError, ports::KeyVault};
use std::sync::atomic::{AtomicU64, Ordering};

const NONCE: usize = 8;
const CHECK: usize = 8;

/// Masks keys, bound to their owner. It protects nothing.
#[derive(Default)]
pub struct PlainVault {
    nonces: AtomicU64,
}

impl PlainVault {
    /// A vault.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Masks or unmasks.
fn masked(owner: UserId, nonce: &[u8], bytes: &[u8]) -> Vec<u8> {
    let seed = digest(digest(1, nonce), owner.uuid().as_bytes());
    bytes.iter().zip(0_u64..).map(|(byte, index)| byte ^ digest(seed, &index.to_be_bytes()).to_be_bytes()[0]).collect()
}

fn check(owner: UserId, bytes: &[u8]) -> [u8; CHECK] {
    digest(digest(2, owner.uuid().as_bytes()), bytes).to_be_bytes()
}

impl KeyVault for PlainVault {
    fn seal(&self, owner: UserId, key: &ApiKey) -> Result<SealedKey, VaultError> {
        let mut sealed = self.nonces.fetch_add(1, Ordering::Relaxed).to_be_bytes().to_vec();
        let text = masked(owner, &sealed, key.expose().as_bytes());
        sealed.extend(text);
        let check = check(owner, &sealed);
        sealed.extend(check);
        Ok(SealedKey { sealed, hint: key.hint() })
    }

    fn open(&self, owner: UserId, sealed: &SealedKey) -> Result<ApiKey, VaultError> {
        let open = || {
            let (body, mark) = sealed.sealed.split_at_checked(sealed.sealed.len().checked_sub(CHECK)?)?;
            let (nonce, text) = body.split_at_checked(NONCE).filter(|_| check(owner, body) == mark)?;
            ApiKey::parse(String::from_utf8(masked(owner, nonce, text)).ok()?).ok()
        };
        open().ok_or(VaultError::Tampered)
    }
}
