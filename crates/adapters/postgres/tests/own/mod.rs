//! What only Postgres's adapter promises.

mod faults;
pub(crate) mod namespace;
mod opening;
mod refusing;
mod rows;
mod tls;

use libtest_mimic::Trial;

/// Makes trials of async functions over a [`namespace::Namespace`].
macro_rules! cases {
    ($url:ident: $($case:ident),* $(,)?) => {
        vec![$({
            let url = $url.to_owned();
            libtest_mimic::Trial::test(concat!("postgres::own::", stringify!($case)), move || {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
                let namespace = $crate::own::namespace::Namespace::new(&url);
                runtime.block_on($case(&namespace));
                Ok(())
            })
        }),*]
    };
}
use cases;

pub(crate) fn trials(url: &str) -> Vec<Trial> {
    [opening::trials(url), tls::trials(url), faults::trials(url), rows::trials(url)].into_iter().flatten().collect()
}

/// An error and its causes, as a person or a log may get to see them.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    told
}
