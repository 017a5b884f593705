//! Password hashing, sealing of API keys, access and refresh tokens.
//!
//! - [`Argon2Hasher`] hashes passwords with argon2id.
//! - [`XChaChaVault`] seals users' OpenRouter keys with XChaCha20-Poly1305, bound to their owners.
//! - [`JwtIssuer`] signs access tokens (JWT, HS256) and makes refresh tokens.
//! - [`KeyRing`] holds the keys of the last two, read from settings; the first is used, all are accepted.
//!
//! Randomness is the operating system's. Keys are wiped from memory when they are dropped.

mod keyring;
mod passwords;
mod refresh;
mod sealing;
mod tokens;

pub use keyring::{KeyProblem, KeyRing, KeyRingError};
pub use passwords::{Argon2Hasher, Argon2Options};
pub use sealing::XChaChaVault;
pub use tokens::{JwtIssuer, JwtOptions};
