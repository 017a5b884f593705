//! What can be chosen about a MongoDB deployment, and why it may not be used.

use palavra_domain::BoxError;
use secrecy::SecretString;
use std::time::Duration;
use thiserror::Error;

/// Which deployment, and how it is used.
#[derive(Clone, Debug)]
pub struct MongoOptions {
    /// `mongodb://user:password@host:27017/?replicaSet=rs0`, or `mongodb+srv://…`; TLS by `tls=true`. Never printed.
    pub url: SecretString,
    /// The database in it. Default: `palavra`.
    pub database: String,
    /// The most connections to a server; at least 1. Default: 32.
    pub max_pool_size: u32,
    /// How long making a connection may take. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long finding a server may take at start-up. Default: 5 s.
    pub open_timeout: Duration,
    /// How long a call may take in all, waiting for a connection included. Default: 1.8 s.
    pub timeout: Duration,
}

impl MongoOptions {
    /// The defaults, for the deployment at `url`.
    #[must_use]
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            database: "palavra".to_owned(),
            max_pool_size: 32,
            connect_timeout: Duration::from_secs(5),
            open_timeout: Duration::from_secs(5),
            timeout: Duration::from_millis(1800),
        }
    }
}

/// Why MongoDB cannot be used. The address is told without user and password.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL is none that is understood.
    #[error(
        "mongodb.url is not a MongoDB URL: set PALAVRA__MONGODB__URL to mongodb://USER:PASSWORD@HOST:27017/?replicaSet=rs0, with \
         the characters of the password percent-encoded"
    )]
    Url,
    /// Nothing answers there.
    #[error(
        "MongoDB at {servers} cannot be reached: check that it runs, that the address in mongodb.url (PALAVRA__MONGODB__URL) is \
         right, and whether it wants TLS (tls=true)"
    )]
    Unreachable {
        /// Hosts and ports.
        servers: String,
        /// What the driver said.
        source: BoxError,
    },
    /// The user or the password is wrong.
    #[error("MongoDB at {servers} refuses the user or the password in mongodb.url: correct PALAVRA__MONGODB__URL")]
    Credentials {
        /// Hosts and ports.
        servers: String,
    },
    /// It answers with an error.
    #[error(
        "MongoDB at {servers} cannot be used for the database {database:?}: correct what it says, or name another with \
         PALAVRA__MONGODB__URL"
    )]
    Failed {
        /// Hosts and ports.
        servers: String,
        /// The database.
        database: String,
        /// What it said.
        source: BoxError,
    },
}
