//! Opening connections.

use crate::{SqliteOptions, migrate};
use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_types::Text,
};
use palavra_domain::BoxError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a database could not be opened. The message says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The path cannot be given to SQLite.
    #[error("the database path {path:?} is not valid UTF-8; choose another data folder")]
    Path {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The file cannot be opened or made.
    #[error("cannot open the database {path:?}; check that its folder exists and that this user may write to it")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: BoxError,
    },
    /// The file system does not support what readers beside a writer need.
    #[error(
        "the database {path:?} cannot use a write-ahead log (it stays in mode {mode:?}); put the data folder on a local disk"
    )]
    NoWal {
        /// The file.
        path: PathBuf,
        /// The journal mode that it has.
        mode: String,
    },
    /// The file was written by a newer release.
    #[error(
        "the database {path:?} has schema {version}, which this release does not know; start the release that wrote it, or a \
         newer one, or restore the backup made before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The newest migration it has.
        version: String,
    },
    /// The schema could not be brought up to date. Migrations before the failed one stay applied.
    #[error(
        "the schema of the database {path:?} could not be brought up to date; check the free space and that no other process uses it"
    )]
    Migration {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: BoxError,
    },
    /// A thread could not be started.
    #[error("the thread that writes to the database {path:?} could not be started; check the limits on threads")]
    Thread {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Where a database is and how its connections are set up.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    path: PathBuf,
    url: String,
    options: SqliteOptions,
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

impl Location {
    pub(crate) fn new(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        // An absolute path is never taken for a `file:` URI or for `:memory:`.
        let path = std::path::absolute(path)
            .map_err(|source| OpenError::Open { path: path.to_owned(), source: source.into() })?;
        let Some(url) = path.to_str().map(str::to_owned) else { return Err(OpenError::Path { path }) };
        Ok(Self { path, url, options })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn options(&self) -> SqliteOptions {
        self.options
    }

    fn failed(&self, source: impl Into<BoxError>) -> OpenError {
        OpenError::Open { path: self.path.clone(), source: source.into() }
    }

    fn connect(&self, settings: &str) -> Result<SqliteConnection, OpenError> {
        let mut connection = SqliteConnection::establish(&self.url).map_err(|error| self.failed(error))?;
        let cache_kib = (self.options.cache_bytes / 1024 / (self.options.readers.max(1) + 1)).max(64);
        let settings = format!(
            "PRAGMA busy_timeout = {}; PRAGMA cache_size = -{cache_kib}; PRAGMA temp_store = MEMORY; {settings}",
            self.options.timeout.as_millis().min(1 << 30),
        );
        connection.batch_execute(&settings).map_err(|error| self.failed(error))?;
        Ok(connection)
    }

    /// The connection that writes, with the schema as it is.
    pub(crate) fn connect_writer(&self) -> Result<SqliteConnection, OpenError> {
        let mut connection = self.connect("PRAGMA foreign_keys = ON")?;
        let mode = diesel::sql_query("PRAGMA journal_mode = WAL")
            .get_result::<JournalMode>(&mut connection)
            .map_err(|error| self.failed(error))?
            .journal_mode;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(OpenError::NoWal { path: self.path.clone(), mode });
        }
        // `fullfsync` is for macOS, where a plain sync leaves data in the disk's cache. A checkpoint every 16 MiB costs less
        // than the default of 4, and the log is cut back to 64 MiB after a burst. Freed space is wiped where that is free.
        let settings = format!(
            "PRAGMA synchronous = {}; PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 4000; \
             PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = FAST",
            self.options.synchronous.pragma(),
        );
        connection.batch_execute(&settings).map_err(|error| self.failed(error))?;
        Ok(connection)
    }

    /// A connection that cannot write.
    pub(crate) fn connect_reader(&self) -> Result<SqliteConnection, OpenError> {
        self.connect("PRAGMA query_only = ON")
    }

    /// The connection that writes, with the schema brought up to date.
    pub(crate) fn connect_and_migrate(&self) -> Result<SqliteConnection, OpenError> {
        let mut connection = self.connect_writer()?;
        migrate::run(&mut connection, &self.path)?;
        Ok(connection)
    }
}
