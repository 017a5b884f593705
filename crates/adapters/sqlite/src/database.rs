//! An open database.

use crate::{
    OpenError, SqliteChatRepository, SqliteOptions, SqliteSessionStore, SqliteUserRepository,
    errors::{Outcome, unexpected},
    open::Location,
    readers::Readers,
    writer::Writer,
};
use diesel::SqliteConnection;
use palavra_domain::StoreError;
use std::{fmt, path::Path, sync::Arc};

/// The two ways into a database, as the repositories hold them.
#[derive(Clone)]
pub(crate) struct Database {
    writer: Writer,
    readers: Arc<Readers>,
}

impl Database {
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    {
        self.readers.read(work).await
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    {
        self.writer.write(work).await
    }
}

/// An open database file. Cheap to clone; the file is closed when the last clone and the last repository are gone.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) database: Database,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file, makes it when it is not there, and brings its schema up to date. Its folder must be there.
    ///
    /// One process may have a file open at a time: two would not lose data, but they would wait for each other's locks.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, has a newer schema, or is on a file system without shared memory; the
    /// message says what to do.
    pub async fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let location = Location::new(path, options)?;
        let opened = tokio::task::spawn_blocking(move || {
            let connection = location.connect_and_migrate()?;
            let readers = Arc::new(Readers::open(&location)?);
            Ok(Database { writer: Writer::start(location, connection)?, readers })
        });
        let database = opened
            .await
            .map_err(|error| OpenError::Open { path: path.to_owned(), source: Box::new(unexpected(error)) })??;
        Ok(Self { database })
    }

    /// The users in it.
    #[must_use]
    pub fn users(&self) -> SqliteUserRepository {
        SqliteUserRepository::new(self.database.clone())
    }

    /// The sessions in it.
    #[must_use]
    pub fn sessions(&self) -> SqliteSessionStore {
        SqliteSessionStore::new(self.database.clone())
    }

    /// The chats in it.
    #[must_use]
    pub fn chats(&self) -> SqliteChatRepository {
        SqliteChatRepository::new(self.database.clone())
    }
}
