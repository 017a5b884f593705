//! Offers work at a rate, and takes its times.

use hdrhistogram::Histogram;
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// How long things took.
#[derive(Clone)]
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, 60_000_000_000, 3)?))
    }

    pub(crate) fn add(&mut self, span: Duration) {
        self.0.saturating_record(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    /// In milliseconds.
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds to be shown")]
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }
}

/// Begins `work(0)`, `work(1)`, … `rate` times a second, whether or not the earlier ones have ended, and takes the times from
/// when each was begun. A thread of its own keeps the beat: timers of the runtime are too coarse for it, and would wait for a
/// busy runtime.
///
/// # Errors
/// The first of any piece of work.
pub(crate) async fn offered<F>(
    count: usize,
    rate: f64,
    work: impl Fn(usize) -> F + Send + 'static,
) -> anyhow::Result<Times>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let runtime = tokio::runtime::Handle::current();
    let times = Arc::new(Mutex::new(Times::new()?));
    let taken = Arc::clone(&times);
    let mut begun = tokio::task::spawn_blocking(move || {
        let mut begun: JoinSet<anyhow::Result<()>> = JoinSet::new();
        let start = Instant::now();
        for number in 0..count {
            #[allow(clippy::cast_precision_loss, reason = "some thousands")]
            let due = start + Duration::from_secs_f64(number as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (began, work, taken) = (Instant::now(), work(number), Arc::clone(&taken));
            let timed = async move {
                work.await?;
                taken.lock().unwrap_or_else(PoisonError::into_inner).add(began.elapsed());
                Ok(())
            };
            begun.spawn_on(timed, &runtime);
        }
        begun
    })
    .await?;
    while let Some(ended) = begun.join_next().await {
        ended??;
    }
    let times = times.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(times)
}

/// Does `work` over and over, `at_once` of it at a time: times, and how often a second.
///
/// # Errors
/// The first of any piece of work.
pub(crate) async fn repeated<F>(
    at_once: usize,
    span: Duration,
    work: impl Fn(usize) -> F + Send + Sync + 'static,
) -> anyhow::Result<(Times, f64)>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let work = Arc::new(work);
    let times = Arc::new(Mutex::new(Times::new()?));
    let start = Instant::now();
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
    for lane in 0..at_once {
        let (work, times) = (Arc::clone(&work), Arc::clone(&times));
        tasks.spawn(async move {
            let mut number = lane;
            while start.elapsed() < span {
                let began = Instant::now();
                work(number).await?;
                times.lock().unwrap_or_else(PoisonError::into_inner).add(began.elapsed());
                number += at_once;
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let elapsed = start.elapsed().as_secs_f64();
    let times = times.lock().unwrap_or_else(PoisonError::into_inner).clone();
    #[allow(clippy::cast_precision_loss, reason = "some thousands")]
    let rate = times.count() as f64 / elapsed;
    Ok((times, rate))
}
