//! An open database.

use crate::{
    OpenError, PostgresOptions, PostgresSessionStore, PostgresUserRepository, connect::Connector, database::Database,
    inspect, migrate,
};
use async_trait::async_trait;
use palavra_domain::{
    StoreError,
    ports::{Inspect, Inspection},
};
use std::fmt;

/// An open database. Cheap to clone; its connections are closed when the last clone and the last repository are gone.
#[derive(Clone)]
pub struct PostgresStore {
    database: Database,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects to the database and brings its schema up to date. Any number of processes may do so at once; one migrates,
    /// the others wait for it.
    ///
    /// # Errors
    /// When the options are wrong, the server cannot be reached or refuses the login, there is no such database, or its
    /// schema is newer than this release; the message says what to do, and names the host and the database only.
    pub async fn open(options: PostgresOptions) -> Result<Self, OpenError> {
        let connector = Connector::new(&options)?;
        migrate::run(&connector).await?;
        Ok(Self { database: Database::new(connector, &options)? })
    }

    /// The users in it.
    #[must_use]
    pub fn users(&self) -> PostgresUserRepository {
        PostgresUserRepository::new(self.database.clone())
    }

    /// The sessions in it.
    #[must_use]
    pub fn sessions(&self) -> PostgresSessionStore {
        PostgresSessionStore::new(self.database.clone())
    }
}

#[async_trait]
impl Inspect for PostgresStore {
    #[tracing::instrument(name = "db.inspect", level = "debug", skip_all)]
    async fn inspect(&self) -> Result<Inspection, StoreError> {
        self.database.run(inspect::inspect(&self.database)).await
    }
}
