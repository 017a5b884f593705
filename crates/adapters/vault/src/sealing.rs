//! Sealing of API keys with XChaCha20-Poly1305.

use crate::{
    KeyRing,
    keyring::{Key, is_id},
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use palavra_domain::{ApiKey, SealedKey, UserId, VaultError, ports::KeyVault};
use secrecy::{ExposeSecret as _, zeroize::Zeroizing};
use sha2::{Digest as _, Sha256};

/// The layout of the sealed bytes: version(1) ‖ length of the key id(1) ‖ key id ‖ nonce(24) ‖ ciphertext and tag.
const VERSION: u8 = 1;
const PURPOSE: &[u8] = b"openrouter_api_key";
const NONCE: usize = 24;

/// Seals API keys with the first master key of a ring, and opens them with any.
///
/// What is sealed is bound to its layout's version, its purpose and its owner's id: it opens for nobody else.
#[derive(Debug)]
pub struct XChaChaVault {
    keys: KeyRing,
}

impl XChaChaVault {
    /// A vault over the deployment's master keys.
    #[must_use]
    pub fn new(master_keys: KeyRing) -> Self {
        Self { keys: master_keys }
    }
}

impl KeyVault for XChaChaVault {
    fn seal(&self, owner: UserId, key: &ApiKey) -> Result<SealedKey, VaultError> {
        let master = self.keys.first();
        let id_length = u8::try_from(master.id.len()).map_err(|error| VaultError::Failed { source: error.into() })?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| VaultError::Failed { source: error.into() })?;
        let payload = Payload { msg: key.expose().as_bytes(), aad: &bound_to(owner) };
        let ciphertext = cipher(master)
            .encrypt(&nonce.into(), payload)
            .map_err(|error| VaultError::Failed { source: error.to_string().into() })?;
        let mut sealed = vec![VERSION, id_length];
        sealed.extend_from_slice(master.id.as_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(SealedKey { sealed, hint: key.hint() })
    }

    fn open(&self, owner: UserId, sealed: &SealedKey) -> Result<ApiKey, VaultError> {
        let parts = Parts::read(&sealed.sealed).ok_or(VaultError::Tampered)?;
        let master =
            self.keys.find(parts.key_id).ok_or_else(|| VaultError::UnknownMasterKey(parts.key_id.to_owned()))?;
        let payload = Payload { msg: parts.ciphertext, aad: &bound_to(owner) };
        let opened = cipher(master)
            .decrypt(&parts.nonce.into(), payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::Tampered)?;
        let key = std::str::from_utf8(&opened).map_err(|_| VaultError::Tampered)?;
        ApiKey::parse(key.to_owned()).map_err(|_| VaultError::Tampered)
    }
}

struct Parts<'a> {
    key_id: &'a str,
    nonce: [u8; NONCE],
    ciphertext: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(sealed: &'a [u8]) -> Option<Self> {
        let (&[version, id_length], rest) = sealed.split_first_chunk()?;
        if version != VERSION {
            return None;
        }
        let (key_id, rest) = rest.split_at_checked(usize::from(id_length))?;
        let key_id = std::str::from_utf8(key_id).ok().filter(|id| is_id(id))?;
        let (&nonce, ciphertext) = rest.split_first_chunk()?;
        Some(Self { key_id, nonce, ciphertext })
    }
}

/// What a sealed key is bound to. Every part has a fixed or a stated length, so no two owners share an encoding.
fn bound_to(owner: UserId) -> Vec<u8> {
    let mut bound = vec![VERSION];
    bound.extend_from_slice(&(PURPOSE.len() as u64).to_be_bytes());
    bound.extend_from_slice(PURPOSE);
    bound.extend_from_slice(owner.uuid().as_bytes());
    bound
}

/// Master keys may be longer than the cipher's, and somebody may use one key for two things: so it is derived.
fn cipher(master: &Key) -> XChaCha20Poly1305 {
    let mut hash = Sha256::new_with_prefix(b"palavra seals API keys, version 1:");
    hash.update(master.secret.expose_secret());
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(hash.finalize().into());
    XChaCha20Poly1305::new((&*key).into())
}
