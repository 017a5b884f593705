//! The connection, a breaker before it, and the writes that must not be lost.

use crate::{
    OpenError, RedisOptions,
    errors::{resting, too_slow, unavailable},
};
use deadpool_redis::{
    Manager, Pool, PoolError, Runtime,
    redis::{
        AsyncConnectionConfig, ErrorKind, IntoConnectionInfo as _, Pipeline, RedisError, aio::MultiplexedConnection,
        cmd, pipe,
    },
};
use palavra_domain::StoreError;
use secrecy::ExposeSecret as _;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How many writes are kept for later at most: beyond that the oldest entries of other instances end by their own time.
const MAX_OWED: usize = 10_000;

/// A Redis server. Calls share its connections, each of which carries many at once.
pub(crate) struct Server {
    pool: Pool,
    /// Connections in use, made when they are first needed and again when they break.
    lanes: Vec<Mutex<Option<MultiplexedConnection>>>,
    next_lane: AtomicUsize,
    begun: Instant,
    /// When calls may be made again, in milliseconds since `begun`; 0 while all is well.
    closed_until: AtomicU64,
    owed: Mutex<HashMap<String, Owed>>,
    paying: AtomicBool,
    pub(crate) options: RedisOptions,
}

/// A write that Redis did not take.
struct Owed {
    value: Vec<u8>,
    until: Instant,
}

/// Whether a call may be done without for a while.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// Fails at once while Redis rests.
    Optional,
    /// Is always tried.
    Always,
}

impl Server {
    pub(crate) async fn open(options: RedisOptions) -> Result<Self, OpenError> {
        let info = options.url.expose_secret().into_connection_info().map_err(|_| OpenError::Url)?;
        let server = info.addr().to_string();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.connect_timeout));
        let manager = Manager::new_with_config(info, config).map_err(|_| OpenError::Url)?;
        let pool = Pool::builder(manager)
            .max_size(options.max_connections.max(1))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| OpenError::Failed { server: server.clone(), source: error.into() })?;
        let this = Self {
            pool,
            lanes: (0..options.max_connections.max(1)).map(|_| Mutex::default()).collect(),
            next_lane: AtomicUsize::new(0),
            begun: Instant::now(),
            closed_until: AtomicU64::new(0),
            owed: Mutex::default(),
            paying: AtomicBool::new(false),
            options,
        };
        match timeout(this.options.connect_timeout, this.greet()).await {
            Ok(Ok(())) => Ok(this),
            Ok(Err(error)) => Err(open_error(server, error)),
            Err(_) => Err(OpenError::Unreachable { server, source: "it did not answer in time".into() }),
        }
    }

    async fn greet(&self) -> Result<(), PoolError> {
        let mut connection = self.pool.get().await?;
        cmd("PING").query_async::<()>(&mut *connection).await?;
        Ok(())
    }

    /// A connection of one of the lanes.
    async fn connection(&self) -> Result<(usize, MultiplexedConnection), StoreError> {
        let lane = self.next_lane.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        let there = locked(&self.lanes[lane]).clone();
        if let Some(connection) = there {
            return Ok((lane, connection));
        }
        let pooled = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => unavailable(error),
            other => StoreError::Unavailable { source: other.into() },
        })?;
        let connection = MultiplexedConnection::clone(&pooled);
        *locked(&self.lanes[lane]) = Some(connection.clone());
        Ok((lane, connection))
    }

    /// Makes a call, bounded in time.
    pub(crate) async fn call<T, F>(
        &self,
        call: Call,
        work: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        if call == Call::Optional && !self.admits() {
            return Err(resting());
        }
        let run = async {
            let (lane, connection) = self.connection().await?;
            work(connection).await.map_err(|error| {
                // Whatever it was, a new connection is the safe way on.
                *locked(&self.lanes[lane]) = None;
                unavailable(error)
            })
        };
        let outcome = match timeout(self.options.response_timeout, run).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // A connection on which nothing comes back is not kept.
                self.lanes.iter().for_each(|lane| *locked(lane) = None);
                Err(too_slow())
            }
        };
        match &outcome {
            Ok(_) => self.closed_until.store(0, Ordering::SeqCst),
            Err(_) => self.rest(),
        }
        outcome
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn rest(&self) {
        let rest = u64::try_from(self.options.retry_after.as_millis()).unwrap_or(u64::MAX);
        self.closed_until.store(self.now().saturating_add(rest).max(1), Ordering::SeqCst);
    }

    /// Whether an optional call may be made: always while all is well, and one at a time, as a probe, when the rest is over.
    /// Not before what is owed is paid: others' reads would find what a write has replaced.
    fn admits(&self) -> bool {
        if !locked(&self.owed).is_empty() {
            return false;
        }
        let closed_until = self.closed_until.load(Ordering::SeqCst);
        if closed_until == 0 {
            return true;
        }
        if self.now() < closed_until {
            return false;
        }
        let rest = u64::try_from(self.options.retry_after.as_millis()).unwrap_or(u64::MAX);
        let next = self.now().saturating_add(rest).max(1);
        self.closed_until.compare_exchange(closed_until, next, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Keeps a write that Redis did not take, to be made as soon as it answers again.
    pub(crate) fn owe(self: &Arc<Self>, key: String, value: Vec<u8>, ttl: Duration) {
        {
            let mut owed = locked(&self.owed);
            let now = Instant::now();
            if owed.len() >= MAX_OWED {
                owed.retain(|_, owed| owed.until > now);
            }
            if owed.len() < MAX_OWED || owed.contains_key(&key) {
                owed.insert(key, Owed { value, until: now + ttl });
            } else {
                tracing::warn!("more cached entries were replaced than can be kept in mind while Redis is away");
            }
        }
        if !self.paying.swap(true, Ordering::SeqCst) {
            let server = Arc::clone(self);
            tokio::spawn(async move { server.pay().await });
        }
    }

    /// A newer write took the place of one that is owed.
    pub(crate) fn owe_no_more(&self, key: &str) {
        locked(&self.owed).remove(key);
    }

    /// Makes the writes that are owed, trying until there are none.
    async fn pay(&self) {
        loop {
            let (writes, keys) = self.writes_owed();
            if keys.is_empty() {
                self.paying.store(false, Ordering::SeqCst);
                // One may have come in between.
                if locked(&self.owed).is_empty() || self.paying.swap(true, Ordering::SeqCst) {
                    return;
                }
                continue;
            }
            let paid = self
                .call(Call::Always, |mut connection| async move { writes.query_async::<()>(&mut connection).await });
            if paid.await.is_ok() {
                let mut owed = locked(&self.owed);
                for (key, until) in keys {
                    // What was owed anew meanwhile is still owed.
                    if owed.get(&key).is_some_and(|owed| owed.until == until) {
                        owed.remove(&key);
                    }
                }
            } else {
                tokio::time::sleep(self.options.retry_after / 4).await;
            }
        }
    }

    fn writes_owed(&self) -> (Pipeline, Vec<(String, Instant)>) {
        let mut owed = locked(&self.owed);
        let now = Instant::now();
        owed.retain(|_, owed| owed.until > now);
        let mut writes = pipe();
        let mut keys = Vec::new();
        for (key, owed) in &*owed {
            let left = millis(owed.until - now);
            writes.cmd("SET").arg(key).arg(&owed.value).arg("PX").arg(left).ignore();
            keys.push((key.clone(), owed.until));
        }
        (writes, keys)
    }
}

/// Whole milliseconds, at least one, no more than Redis takes.
pub(crate) fn millis(span: Duration) -> u64 {
    const MOST: u64 = 1 << 52;
    u64::try_from(span.as_millis()).unwrap_or(MOST).clamp(1, MOST)
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is a single one, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_error(server: String, error: PoolError) -> OpenError {
    match error {
        PoolError::Backend(error) => {
            // The server's own words for a missing and for a wrong password.
            let refused = error.kind() == ErrorKind::AuthenticationFailed
                || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
            if refused {
                OpenError::Credentials { server }
            } else if error.is_io_error() || error.is_timeout() || error.is_connection_refusal() {
                OpenError::Unreachable { server, source: error.into() }
            } else {
                OpenError::Failed { server, source: error.into() }
            }
        }
        other => OpenError::Unreachable { server, source: other.into() },
    }
}
