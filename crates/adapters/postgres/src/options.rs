//! What can be chosen about a database.

use secrecy::SecretString;
use std::{path::PathBuf, time::Duration};

/// Which database, and how it is used.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:5432/database?sslmode=…`; several hosts are separated by commas. Characters of the user
    /// and the password that have a meaning in URLs are percent-encoded. Never printed.
    ///
    /// `sslmode` is `disable` (no TLS), `prefer` (TLS if the server has it; the default), `require` (TLS, whoever the server
    /// is), or `verify-full` (TLS, and the server's certificate is for the host and from somebody trusted).
    pub url: SecretString,
    /// A file of certificates (PEM) to trust besides the system's. With one, a URL that names no `sslmode` means `verify-full`,
    /// and so does `require`. Default: none.
    pub ca_file: Option<PathBuf>,
    /// The schema that holds the tables: lower-case letters, digits and underscores. It is made when it is not there.
    /// Default: where the server's `search_path` puts new tables (`public`, normally).
    pub schema: Option<String>,
    /// The most connections; at least 1. Default: 16.
    pub max_connections: usize,
    /// How long making one connection may take, TLS and the login included; the call that needs it may
    /// have given up before. Default: 3 s.
    pub connect_timeout: Duration,
    /// How long a call may take in all, waiting for a connection included; the server gives up a statement after as long.
    /// Default: 1.8 s.
    pub timeout: Duration,
}

impl PostgresOptions {
    /// The defaults, for the database at `url`.
    #[must_use]
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            ca_file: None,
            schema: None,
            max_connections: 16,
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_millis(1800),
        }
    }
}
