//! The connections of an open database.

use crate::{
    OpenError, PostgresOptions,
    connect::Connector,
    errors::{Failure, Outcome, unavailable, unexpected},
    open::NoAnswer,
};
use diesel_async::{
    AsyncPgConnection, RunQueryDsl,
    methods::{ExecuteDsl, LoadQuery},
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Object, Pool},
    },
};
use futures::FutureExt;
use palavra_domain::StoreError;
use std::{future::Future, sync::Arc, time::Duration};

/// The way into a database, as the repositories hold it.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool<AsyncPgConnection>,
    timeout: Duration,
    /// How long waiting for a connection and making it may take when the caller is gone.
    patience: Duration,
}

impl Database {
    pub(crate) fn new(connector: Connector, options: &PostgresOptions) -> Result<Self, OpenError> {
        let place = connector.place().clone();
        let connector = Arc::new(connector);
        let mut config = ManagerConfig::default();
        // A connection that the server has closed is noticed without asking; asking would double every call.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_| {
            let connector = Arc::clone(&connector);
            async move { connector.connect_for_pool().await }.boxed()
        });
        // The connector has the URL; here it would be a plain text.
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        let pool = Pool::builder(manager).max_size(options.max_connections.max(1)).build();
        let pool = pool.map_err(|error| OpenError::unreachable(&place, error))?;
        Ok(Self { pool, timeout: options.timeout, patience: options.timeout.saturating_add(options.connect_timeout) })
    }

    /// Runs an operation of one or more statements within the time limit.
    pub(crate) async fn run<T>(&self, operation: impl Future<Output = Outcome<T>> + Send) -> Result<T, StoreError> {
        if let Ok(outcome) = tokio::time::timeout(self.timeout, operation).await {
            return outcome.map_err(|failure| failure.0);
        }
        // The others may be as dead as the one that did not answer; what was taken out since then is known not to be.
        let doubtful = self.pool.retain(|_, metrics| metrics.last_used() < self.timeout).removed.len();
        tracing::debug!(doubtful, "a call took too long");
        Err(unavailable(NoAnswer(self.timeout)))
    }

    /// The rows of one statement.
    pub(crate) async fn rows<Q, R>(&self, query: Q) -> Outcome<Vec<R>>
    where
        Q: LoadQuery<'static, AsyncPgConnection, R> + Send + 'static,
        R: Send,
    {
        let mut lease = self.lease().await?;
        let rows = query.load(lease.connection()?).await;
        lease.give_back();
        Ok(rows?)
    }

    /// The row of one statement that gives one at most.
    pub(crate) async fn row<Q, R>(&self, query: Q) -> Outcome<Option<R>>
    where
        Q: LoadQuery<'static, AsyncPgConnection, R> + Send + 'static,
        R: Send,
    {
        Ok(self.rows(query).await?.pop())
    }

    /// How many rows one statement changed.
    pub(crate) async fn execute<Q>(&self, query: Q) -> Outcome<usize>
    where
        Q: ExecuteDsl<AsyncPgConnection> + Send + 'static,
    {
        let mut lease = self.lease().await?;
        let changed = ExecuteDsl::execute(query, lease.connection()?).await;
        lease.give_back();
        Ok(changed?)
    }

    /// The most connections.
    pub(crate) fn max_connections(&self) -> usize {
        self.pool.status().max_size
    }

    async fn lease(&self) -> Outcome<Lease> {
        if self.pool.status().available > 0 {
            return Ok(Lease(Some(self.pool.get().await?)));
        }
        // A connection that is being made is not given up with its caller: where that takes longer than a call may, there
        // would never be one. What nobody waits for any more goes to the pool.
        let (pool, patience) = (self.pool.clone(), self.patience);
        let made = tokio::spawn(async move { tokio::time::timeout(patience, pool.get()).await }).await;
        let made = made.map_err(|error| Failure(unavailable(error)))?;
        Ok(Lease(Some(made.map_err(|_| Failure(unavailable(NoAnswer(patience))))??)))
    }
}

/// A connection for one statement. One that is not given back (the call took too long, or its caller went away) may still
/// be at work on it, so it leaves the pool and is closed.
struct Lease(Option<Object<AsyncPgConnection>>);

impl Lease {
    fn connection(&mut self) -> Outcome<&mut AsyncPgConnection> {
        self.0.as_deref_mut().ok_or_else(|| Failure(unexpected("the connection was given back before")))
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
