//! What the routes share.

use crate::{SimOptions, fault::FaultQueue, record::RequestLog};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// How many generations are kept.
const KEPT: usize = 10_000;

/// The first moment of the simulated time, in Unix seconds; each call is a second later.
const EPOCH: u64 = 1_767_225_600;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: SimOptions,
    pub(crate) faults: FaultQueue,
    pub(crate) log: RequestLog,
    generations: Mutex<Generations>,
    calls: AtomicU64,
    port: u16,
}

#[derive(Debug, Default)]
struct Generations {
    by_id: HashMap<String, Kept>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Kept {
    key: Option<String>,
    /// The real service lags: the first question finds nothing.
    asked: bool,
    generation: Generation,
}

/// The `data` of `GET /generation`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Generation {
    pub(crate) id: String,
    pub(crate) model: &'static str,
    pub(crate) streamed: bool,
    pub(crate) cancelled: bool,
    pub(crate) finish_reason: Option<&'static str>,
    pub(crate) tokens_prompt: u64,
    pub(crate) tokens_completion: u64,
    pub(crate) total_cost: Box<RawValue>,
    pub(crate) provider_name: &'static str,
}

impl State {
    pub(crate) fn new(options: SimOptions, port: u16) -> Self {
        Self {
            options,
            faults: FaultQueue::default(),
            log: RequestLog::default(),
            generations: Mutex::default(),
            calls: AtomicU64::new(0),
            port,
        }
    }

    /// The id and the time of a new call.
    pub(crate) fn next_call(&self) -> (String, u64) {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        (format!("gen-{}-{number:08}", self.port), EPOCH + number)
    }

    pub(crate) fn keep(&self, key: Option<String>, generation: Generation) {
        if !self.options.record {
            return;
        }
        let mut kept = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.order.len() == KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_id.remove(&oldest);
        }
        kept.order.push_back(generation.id.clone());
        kept.by_id.insert(generation.id.clone(), Kept { key, asked: false, generation });
    }

    /// A generation of this key, from the second time it is asked for.
    pub(crate) fn generation(&self, key: Option<&str>, id: &str) -> Option<Generation> {
        let mut kept = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.by_id.get_mut(id).filter(|kept| kept.key.as_deref() == key)?;
        std::mem::replace(&mut found.asked, true).then(|| found.generation.clone())
    }
}
