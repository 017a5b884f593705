//! The contract suites of the two ports over Redis, and what is Redis' own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod own;

use palavra_contracts::{Fixture, Make, cache, ignored, limits, make, run, server};
use palavra_domain::ports::{Cache, RateLimiter};
use palavra_redis::{RedisOptions, RedisStore};
use std::{process::ExitCode, sync::Arc, time::Duration};

/// Keys of nobody else, and more patience than users have.
pub(crate) fn options(url: &str) -> RedisOptions {
    RedisOptions {
        key_prefix: format!("test:{}:", uuid::Uuid::new_v4()),
        response_timeout: Duration::from_secs(5),
        ..RedisOptions::new(url)
    }
}

fn fresh<T: ?Sized + Send + Sync + 'static>(url: &str, port: fn(&RedisStore) -> Arc<T>) -> Make<T> {
    let url = url.to_owned();
    make(move || {
        let options = options(&url);
        async move { Fixture::new(port(&RedisStore::open(options).await.unwrap()), ()) }
    })
}

fn main() -> ExitCode {
    let url = server("redis", "TEST_REDIS_URL");
    let nowhere = "redis://127.0.0.1:1".to_owned();
    let suites = |url: &str| {
        [
            cache::trials("redis", fresh(url, |store| Arc::new(store.cache()) as Arc<dyn Cache>)),
            limits::trials("redis", fresh(url, |store| Arc::new(store.limiter()) as Arc<dyn RateLimiter>)),
            own::trials(url),
        ]
    };
    match url {
        Some(url) => run(suites(&url)),
        None => run(suites(&nowhere).map(ignored)),
    }
}
