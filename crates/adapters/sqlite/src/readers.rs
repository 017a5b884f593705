//! The connections that read.

use crate::{
    OpenError,
    errors::{Failure, Outcome, unavailable, unexpected},
    open::Location,
};
use diesel::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use palavra_domain::StoreError;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};

/// A fixed number of connections that cannot write. They never wait for the writer.
pub(crate) struct Readers {
    idle: Mutex<Vec<SyncConnectionWrapper<SqliteConnection>>>,
    /// As many as there are connections in `idle`, always.
    permits: Arc<Semaphore>,
    timeout: Duration,
}

impl Readers {
    /// Opens all of them, so that a wrong file shows at start.
    pub(crate) fn open(location: &Location) -> Result<Self, OpenError> {
        let count = location.options().readers.max(1);
        let idle = (0..count)
            .map(|_| location.connect_reader().map(SyncConnectionWrapper::new))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Mutex::new(idle),
            permits: Arc::new(Semaphore::new(count)),
            timeout: location.options().timeout,
        })
    }

    fn take(&self) -> Option<SyncConnectionWrapper<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put(&self, reader: SyncConnectionWrapper<SqliteConnection>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }

    /// Runs `work` on a connection, on a thread that may block: the whole of it in one go.
    pub(crate) async fn read<T, F>(self: &Arc<Self>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    {
        let deadline = Instant::now() + self.timeout;
        let slow = |_| unavailable("no answer from the database within the time allowed");
        let permit = tokio::time::timeout_at(deadline, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(slow)?
            .map_err(unexpected)?;
        let readers = Arc::clone(self);
        // A task of its own gives the connection back when the query has ended, also when the caller does not wait for that.
        let task = tokio::spawn(async move {
            let Some(mut reader) = readers.take() else { return Err(unexpected("a reader is missing")) };
            let done = reader.spawn_blocking(move |connection| Ok(work(connection))).await;
            readers.put(reader);
            drop(permit);
            match done {
                Ok(outcome) => outcome.map_err(|Failure(error)| error),
                Err(error) => Err(Failure::from(error).0),
            }
        });
        tokio::time::timeout_at(deadline, task).await.map_err(slow)?.map_err(unavailable)?
    }
}
