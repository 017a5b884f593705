//! Time and ids that a test controls.

use palavra_domain::{
    Timestamp,
    ports::{Clock, IdSource},
};
use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};
use uuid::Uuid;

/// A clock that stands still until it is moved.
pub struct FixedClock {
    millis: AtomicI64,
}

impl FixedClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { millis: AtomicI64::new(now.as_millis()) }
    }

    /// Shows this time from now on.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Goes forward, and tells the new time.
    pub fn advance(&self, span: Duration) -> Timestamp {
        let next = |now: i64| Some(Timestamp::from_millis(now).plus(span).as_millis());
        // The function never refuses, so there is always a new time.
        let _ = self.millis.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        self.now()
    }
}

impl Default for FixedClock {
    /// 2026-01-02T03:04:05.006Z.
    fn default() -> Self {
        Self::new(Timestamp::from_millis(1_767_323_045_006))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }
}

/// Ids that count up, and are otherwise as those of version 7.
pub struct CountingIds {
    next: AtomicU64,
}

impl CountingIds {
    /// Counts from the beginning; two sources give the same ids.
    #[must_use]
    pub fn new() -> Self {
        Self { next: AtomicU64::new(1) }
    }
}

impl Default for CountingIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdSource for CountingIds {
    fn next(&self) -> Uuid {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        uuid::Builder::from_unix_timestamp_millis(1_767_323_000_000 + number, &[0; 10]).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_when_told() {
        let clock = FixedClock::default();
        assert_eq!(clock.now().to_string(), "2026-01-02T03:04:05.006Z");
        assert_eq!(clock.advance(Duration::from_millis(994)).to_string(), "2026-01-02T03:04:06.000Z");
        clock.set(Timestamp::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[test]
    fn ids_are_of_version_7_and_grow() {
        let ids = CountingIds::new();
        let made: Vec<Uuid> = (0..1_000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }
}
