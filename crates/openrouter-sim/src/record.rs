//! The log of requests.

use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

/// How many requests are kept.
const KEPT: usize = 10_000;

/// The request headers that are kept.
pub(crate) const HEADERS: [&str; 6] =
    ["accept", "content-type", "http-referer", "user-agent", "x-openrouter-title", "x-title"];

const OPEN: u8 = 0;
const FINISHED: u8 = 1;
const GONE: u8 = 2;

/// A request that was received.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestRecord {
    /// The method.
    pub method: String,
    /// The path, `/api/v1` included, with the query.
    pub path: String,
    /// The client's side of the connection: the same for calls over one connection.
    pub peer: Option<SocketAddr>,
    /// The bearer key, where there was one.
    pub key: Option<String>,
    /// The headers that say something of the caller, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, a text when it is none, null when there was none.
    pub body: Value,
    /// Whether the answer was given to its end (faults included).
    pub finished: bool,
    /// Whether the client went away before the end.
    pub client_gone: bool,
}

/// A request of the log, whose end is still open.
#[derive(Debug)]
pub(crate) struct Entry {
    record: RequestRecord,
    outcome: AtomicU8,
}

impl Entry {
    pub(crate) fn finished(&self) {
        self.outcome.store(FINISHED, Ordering::Release);
    }

    pub(crate) fn client_gone(&self) {
        self.outcome.store(GONE, Ordering::Release);
    }
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<VecDeque<Arc<Entry>>>);

impl RequestLog {
    pub(crate) fn push(&self, record: RequestRecord) -> Arc<Entry> {
        let entry = Arc::new(Entry { record, outcome: AtomicU8::new(OPEN) });
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(Arc::clone(&entry));
        entry
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn list(&self, key: Option<&str>) -> Vec<RequestRecord> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = entries.iter().filter(|entry| key.is_none() || entry.record.key.as_deref() == key);
        wanted
            .map(|entry| {
                let outcome = entry.outcome.load(Ordering::Acquire);
                RequestRecord { finished: outcome == FINISHED, client_gone: outcome == GONE, ..entry.record.clone() }
            })
            .collect()
    }
}
