//! Why a database could not be opened.

use crate::place::Place;
use palavra_domain::BoxError;
use std::{error::Error, path::PathBuf};
use thiserror::Error;
use tokio_postgres::error::SqlState;

/// Why a database could not be opened. The message says what to do; neither it nor a source holds the password.
#[derive(Debug, Error)]
pub enum OpenError {
    /// No database is named.
    #[error("postgres.url is empty; set PALAVRA__POSTGRES__URL to postgres://user:password@host:5432/database")]
    NoUrl,
    /// The URL is none.
    #[error(
        "postgres.url (PALAVRA__POSTGRES__URL) is not of the form postgres://user:password@host:5432/database: {problem}"
    )]
    Url {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The name of the schema would need quoting.
    #[error(
        "the schema {schema:?} for Postgres must have 1 to 63 lower-case letters, digits and underscores, and not begin with a digit"
    )]
    Schema {
        /// The name as it was given.
        schema: String,
    },
    /// The file of certificates cannot be read.
    #[error(
        "postgres.ca_file (PALAVRA__POSTGRES__CA_FILE) {path:?} cannot be read; give a file of certificates in PEM form"
    )]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BoxError,
    },
    /// The TLS library does not work.
    #[error("TLS cannot be set up")]
    TlsSetup {
        /// What it said.
        source: rustls::Error,
    },
    /// Nobody answers, or not in time.
    #[error(
        "cannot reach {place}; check the host and port in postgres.url (PALAVRA__POSTGRES__URL), that Postgres runs there, and \
         that no firewall is between"
    )]
    Unreachable {
        /// Host and database.
        place: String,
        /// What failed.
        source: BoxError,
    },
    /// The two ends do not agree about TLS, or the certificate is not trusted.
    #[error(
        "no TLS connection to {place}; check sslmode in postgres.url (PALAVRA__POSTGRES__URL): require needs a server with TLS, \
         verify-full also a certificate for that host from somebody trusted, by the system or by postgres.ca_file"
    )]
    Tls {
        /// Host and database.
        place: String,
        /// What failed.
        source: BoxError,
    },
    /// The server does not let this user in.
    #[error(
        "the server refuses the login to {place}; check the user and the password in postgres.url (PALAVRA__POSTGRES__URL), and \
         that the server's pg_hba.conf admits them from here (it may ask for sslmode=require)"
    )]
    Login {
        /// Host and database.
        place: String,
        /// What the server said.
        source: BoxError,
    },
    /// The server has no such database.
    #[error(
        "there is no database for {place}; make it (CREATE DATABASE … ENCODING 'UTF8') or name another in postgres.url \
         (PALAVRA__POSTGRES__URL)"
    )]
    NoDatabase {
        /// Host and database.
        place: String,
        /// What the server said.
        source: BoxError,
    },
    /// The server is there and takes no connection.
    #[error(
        "the server takes no connection to {place} now; it may be starting, or have too many: compare its max_connections with \
         postgres.max_connections of all instances"
    )]
    Busy {
        /// Host and database.
        place: String,
        /// What the server said.
        source: BoxError,
    },
    /// The database cannot hold every text.
    #[error(
        "{place} has the encoding {encoding}; make one with ENCODING 'UTF8' and name it in postgres.url (PALAVRA__POSTGRES__URL)"
    )]
    Encoding {
        /// Host and database.
        place: String,
        /// Its encoding.
        encoding: String,
    },
    /// The schema was made by a newer release.
    #[error(
        "{place} has schema {version}, which this release does not know; start the release that wrote it, or a newer one, or \
         restore the backup made before the upgrade"
    )]
    Newer {
        /// Host and database.
        place: String,
        /// The newest migration it has.
        version: String,
    },
    /// The schema could not be brought up to date. Migrations before the failed one stay applied.
    #[error(
        "the schema of {place} could not be brought up to date; check that the user of postgres.url (PALAVRA__POSTGRES__URL) may \
         make tables there, that there is space, and that no other instance is still doing it"
    )]
    Migration {
        /// Host and database.
        place: String,
        /// What failed.
        source: BoxError,
    },
}

/// Nothing came in time.
#[derive(Debug, Error)]
#[error("no answer within {0:?}")]
pub(crate) struct NoAnswer(pub(crate) std::time::Duration);

impl OpenError {
    pub(crate) fn unreachable(place: &Place, source: impl Into<BoxError>) -> Self {
        Self::Unreachable { place: place.to_string(), source: source.into() }
    }

    pub(crate) fn migration(place: &Place, source: impl Into<BoxError>) -> Self {
        Self::Migration { place: place.to_string(), source: source.into() }
    }

    /// Why there is no connection.
    pub(crate) fn connecting(place: &Place, error: tokio_postgres::Error) -> Self {
        let code = error.code().cloned();
        let words = error.to_string();
        let (place, source) = (place.to_string(), BoxError::from(error));
        match code {
            Some(SqlState::INVALID_CATALOG_NAME) => Self::NoDatabase { place, source },
            // Class 28, and no right to connect to the database.
            Some(code) if code.code().starts_with("28") || code == SqlState::INSUFFICIENT_PRIVILEGE => {
                Self::Login { place, source }
            }
            // Out of connections or memory; starting or stopping.
            Some(code) if code.code().starts_with("53") || code.code().starts_with("57") => {
                Self::Busy { place, source }
            }
            Some(_) => Self::Unreachable { place, source },
            // The driver keeps the kind of its own errors to itself, but for the words.
            None if words.starts_with("error performing TLS") => Self::Tls { place, source },
            None if words.starts_with("authentication error") || words.starts_with("invalid configuration") => {
                Self::Login { place, source }
            }
            None => Self::Unreachable { place, source },
        }
    }
}

/// An error and its causes in one line: the driver's own words alone are 'db error'.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
