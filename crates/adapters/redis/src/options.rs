//! What can be chosen about a Redis server, and why it may not be used.

use palavra_domain::BoxError;
use secrecy::SecretString;
use std::time::Duration;
use thiserror::Error;

/// Which server, and how it is used.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// `redis://[user]:password@host:6379/0`, or `rediss://…` for TLS with the system's certificates. Never printed.
    pub url: SecretString,
    /// What every key begins with. Default: `palavra:`.
    pub key_prefix: String,
    /// The most connections; at least 1. Calls share them, so few do. Default: 4.
    pub max_connections: usize,
    /// How long making a connection may take at start-up. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long a call may take, making a connection included. Default: 150 ms.
    pub response_timeout: Duration,
    /// How long most calls fail at once after one has failed for want of an answer. Default: 1 s.
    pub retry_after: Duration,
}

impl RedisOptions {
    /// The defaults, for the server at `url`.
    #[must_use]
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            key_prefix: "palavra:".to_owned(),
            max_connections: 4,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_millis(150),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// Why Redis cannot be used. The address is told without user and password.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL is none that is understood.
    #[error(
        "redis.url is not a Redis URL: set PALAVRA__REDIS__URL to redis://:PASSWORD@HOST:6379/0, or rediss://… with TLS, with \
         the characters of the password percent-encoded"
    )]
    Url,
    /// Nothing answers there.
    #[error(
        "Redis at {server} cannot be reached: check that it runs, that the address in redis.url (PALAVRA__REDIS__URL) is right, \
         and whether it wants TLS (rediss://)"
    )]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the driver said.
        source: BoxError,
    },
    /// The password is missing or wrong.
    #[error("Redis at {server} refuses the user or the password in redis.url: correct PALAVRA__REDIS__URL")]
    Credentials {
        /// Host and port.
        server: String,
    },
    /// It answers with an error.
    #[error("Redis at {server} cannot be used: correct what it says, or name another with PALAVRA__REDIS__URL")]
    Failed {
        /// Host and port.
        server: String,
        /// What it said.
        source: BoxError,
    },
}
