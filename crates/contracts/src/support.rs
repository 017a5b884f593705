//! What several suites need.

use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::Barrier, task::JoinHandle};

/// Asserts that a value has a form, and shows it when it has not.
macro_rules! assert_form {
    ($value:expr, $form:pat $(if $guard:expr)? $(,)?) => {
        match &$value {
            $form $(if $guard)? => (),
            other => panic!("expected {}, got {other:?}", stringify!($form)),
        }
    };
}
pub(crate) use assert_form;

/// Runs `count` calls at once, each in a task of its own, and returns what they gave, in order of their index.
pub(crate) async fn race<T, R>(count: usize, call: impl Fn(usize) -> R) -> Vec<T>
where
    T: Send + 'static,
    R: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let tasks: Vec<JoinHandle<T>> = (0..count)
        .map(|index| {
            let (start, call) = (Arc::clone(&start), call(index));
            tokio::spawn(async move {
                start.wait().await;
                call.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// Spans for cutting calls short: a fixed, uneven sequence between nothing and about two milliseconds.
#[derive(Default)]
pub(crate) struct Jitter(u64);

impl Jitter {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Starts a call and drops it somewhere on its way. What it returned, if it was quicker.
    pub(crate) async fn cut_short<T: Send + 'static>(
        &mut self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let task = tokio::spawn(call);
        match self.next() % 4 {
            0 => tokio::task::yield_now().await,
            1 => tokio::time::sleep(Duration::from_millis(1 + self.next() % 2)).await,
            _ => {
                // Timers are no finer than a millisecond, and most calls are over by then.
                let until = std::time::Instant::now() + Duration::from_micros(self.next() % 800);
                while std::time::Instant::now() < until {
                    tokio::task::yield_now().await;
                }
            }
        }
        task.abort();
        match task.await {
            Ok(value) => Some(value),
            Err(error) if error.is_cancelled() => None,
            Err(error) => panic!("the call panicked: {error}"),
        }
    }
}

/// How long a call that was cut short may go on in the background.
pub(crate) const GRACE: Duration = Duration::from_millis(300);
