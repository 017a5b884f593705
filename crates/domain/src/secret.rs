//! Secrets. None of these can be printed: `Debug` shows the type, there is no `Display`.

use crate::text::{InvalidValue, check};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A password in the clear: 8–256 characters, held no longer than it takes to hash or verify it.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// Accepts a password that is to be set.
    ///
    /// # Errors
    /// When it does not have 8 to 256 characters, or has U+0000.
    pub fn parse(text: String) -> Result<Self, InvalidValue> {
        check("password", &text, 8, 256)?;
        Ok(Self(text.into()))
    }

    /// The password in the clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A user's OpenRouter key in the clear: 1–512 visible ASCII characters. Opened in memory only, for one call.
#[derive(Clone, Debug)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Accepts a key as OpenRouter issues it; its form is OpenRouter's business.
    ///
    /// # Errors
    /// When it could not stand in an HTTP header.
    pub fn parse(text: String) -> Result<Self, InvalidValue> {
        if text.is_empty() || text.len() > 512 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidValue::new(
                "openrouter_api_key",
                "must be a key from openrouter.ai/keys, without spaces around it",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The key in the clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The last four characters, for the owner to tell keys apart; nothing of a key shorter than 12.
    #[must_use]
    pub fn hint(&self) -> String {
        let key = self.expose();
        if key.len() < 12 { String::new() } else { key[key.len() - 4..].to_owned() }
    }
}

/// A password's hash in PHC string form, salt and parameters included.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// An API key as it is stored: ciphertext that only the vault opens, for its owner only, and a hint to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// version ‖ key id ‖ nonce ‖ ciphertext.
    pub sealed: Vec<u8>,
    /// The last four characters of the key.
    pub hint: String,
}

/// A refresh token in the clear, as the client holds it.
#[derive(Clone, Debug)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// Wraps what a client presented or the issuer made.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The token in the clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The SHA-256 of a refresh token's secret: what is stored of it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RefreshHash(pub [u8; 32]);

impl fmt::Debug for RefreshHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_printed() {
        let key = ApiKey::parse("sk-or-v1-canary-0123".into()).unwrap();
        assert!(!format!("{key:?}").contains("canary"));
        assert_eq!(key.hint(), "0123");
        assert_eq!(ApiKey::parse("short".into()).unwrap().hint(), "");
        let password = Password::parse("canary-password".into()).unwrap();
        assert!(!format!("{password:?}").contains("canary"));
    }

    #[test]
    fn keys_must_fit_a_header() {
        for bad in ["", "a b", "a\n", "é", "a\0"] {
            assert!(ApiKey::parse(bad.into()).is_err(), "{bad:?}");
        }
    }
}
