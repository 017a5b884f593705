//! How cases are run.

use futures::future::BoxFuture;
use libtest_mimic::{Arguments, Trial};
use std::{any::Any, future::Future, process::ExitCode, sync::Arc};

/// An adapter made for one case, and whatever has to live as long (a temporary folder, say).
pub struct Fixture<T: ?Sized> {
    /// The adapter, behind its port.
    pub port: Arc<T>,
    _guard: Box<dyn Any + Send>,
}

impl<T: ?Sized> Fixture<T> {
    /// Puts an adapter and its surroundings together.
    pub fn new(port: Arc<T>, guard: impl Any + Send) -> Self {
        Self { port, _guard: Box::new(guard) }
    }
}

/// Makes an adapter over an empty namespace of its own.
pub type Make<T> = Arc<dyn Fn() -> BoxFuture<'static, Fixture<T>> + Send + Sync>;

/// Wraps an async closure as a [`Make`].
pub fn make<T: ?Sized, F, R>(make: F) -> Make<T>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Fixture<T>> + Send + 'static,
{
    Arc::new(move || Box::pin(make()))
}

/// One case: its name and what it does with a fresh adapter.
pub(crate) type Case<T> = (&'static str, fn(Arc<T>) -> BoxFuture<'static, ()>);

/// A case of this name; the parameters' types are what makes a closure a plain function.
pub(crate) fn case<T: ?Sized>(name: &'static str, run: fn(Arc<T>) -> BoxFuture<'static, ()>) -> Case<T> {
    (name, run)
}

/// Makes a list of [`Case`]s of async functions over an `Arc` of the port, named after them.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        vec![$($crate::harness::case(stringify!($case), |port| Box::pin($case(port)))),*]
    };
}
pub(crate) use cases;

/// Turns cases into trials named `adapter::suite::case`, each with a runtime of its own.
pub(crate) fn trials<T: ?Sized + Send + Sync + 'static>(
    adapter: &str,
    suite: &str,
    make: Make<T>,
    cases: Vec<Case<T>>,
) -> Vec<Trial> {
    let trial = move |(name, case): Case<T>| {
        let make = Arc::clone(&make);
        Trial::test(format!("{adapter}::{suite}::{name}"), move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(async move {
                let fixture = make().await;
                case(Arc::clone(&fixture.port)).await;
            });
            Ok(())
        })
    };
    cases.into_iter().map(trial).collect()
}

/// Runs the trials as a test binary does.
pub fn run(suites: impl IntoIterator<Item = Vec<Trial>>) -> ExitCode {
    let trials = suites.into_iter().flatten().collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
