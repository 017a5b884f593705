//! Time and ids from the machine: the only place that asks it.

use palavra_domain::{
    Timestamp,
    ports::{Clock, IdSource},
};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// The machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Version 7 UUIDs, increasing within the process.
pub(crate) struct UuidSource;

impl IdSource for UuidSource {
    #[allow(clippy::disallowed_methods, reason = "this is the source that everybody else is given")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
