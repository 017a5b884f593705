//! What only this adapter promises.

use crate::options;
use libtest_mimic::Trial;
use palavra_contracts::Link;
use palavra_domain::{
    StoreError,
    ports::{Cache, Decision, Inspect, Quota, RateLimiter},
};
use palavra_redis::{OpenError, RedisOptions, RedisStore};
use std::{
    future::Future,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const TTL: Duration = Duration::from_secs(60);
/// What a call may take over its limit here, where several tests share two cores.
const SLACK: Duration = Duration::from_millis(400);

pub(crate) fn trials(url: &str) -> Vec<Trial> {
    vec![
        trial("a_frozen_server_costs_a_bounded_wait", url, a_frozen_server_costs_a_bounded_wait),
        trial("a_server_that_comes_back_is_used_again", url, a_server_that_comes_back_is_used_again),
        trial("a_missed_put_is_made_up_for", url, a_missed_put_is_made_up_for),
        trial("a_dropped_put_is_made_up_for", url, a_dropped_put_is_made_up_for),
        trial("full_buckets_vanish", url, full_buckets_vanish),
        trial("the_script_is_loaded_again", url, the_script_is_loaded_again),
        trial("a_wrong_password_is_told_without_it", url, a_wrong_password_is_told_without_it),
        trial("what_is_no_server_is_told", url, what_is_no_server_is_told),
        trial("it_tells_how_it_is", url, it_tells_how_it_is),
    ]
}

fn trial<F>(name: &str, url: &str, case: fn(String) -> F) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    let url = url.to_owned();
    Trial::test(format!("redis::own::{name}"), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(case(url));
        Ok(())
    })
}

/// The usual limits, through a link.
async fn through(url: &str) -> (Link, RedisStore, RedisOptions) {
    let (host, rest) = url.strip_prefix("redis://").unwrap().split_once(':').unwrap_or(("127.0.0.1", "6379"));
    let port = rest.split('/').next().unwrap();
    let link = Link::to(format!("{host}:{port}")).await;
    let options = RedisOptions {
        response_timeout: Duration::from_millis(150),
        ..options(&format!("redis://{}", link.address()))
    };
    let store = RedisStore::open(options.clone()).await.unwrap();
    (link, store, options)
}

async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    (call.await, begun.elapsed())
}

async fn eventually<F: Future<Output = bool>>(what: &str, look: impl Fn() -> F) {
    let begun = Instant::now();
    while !look().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}: not within ten seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_frozen_server_costs_a_bounded_wait(url: String) {
    let (link, store, options) = through(&url).await;
    let (cache, limits) = (store.cache(), store.limiter());
    let quota = Quota { burst: 5, refill_every: TTL };
    cache.put("key", b"value".to_vec(), TTL).await.unwrap();
    link.freeze();
    let (got, took) = timed(cache.get("key")).await;
    assert!(matches!(got, Err(StoreError::Unavailable { .. })), "{got:?}");
    assert!(took < options.response_timeout + SLACK, "{took:?}");
    // It is known now: what follows fails at once, a hundred times in less than a few single waits.
    let (_, took) = timed(async {
        for _ in 0..100 {
            assert!(cache.get("key").await.is_err());
            assert!(limits.take("key", quota).await.is_err());
        }
    })
    .await;
    assert!(took < options.response_timeout * 3 + SLACK, "{took:?}");
    link.mend();
    eventually("an answer", || async { cache.get("key").await.ok().flatten() == Some(b"value".to_vec()) }).await;
    assert_eq!(limits.take("key", quota).await.unwrap(), Decision::Allowed);
}

async fn a_server_that_comes_back_is_used_again(url: String) {
    let (link, store, _) = through(&url).await;
    let cache = store.cache();
    cache.put("key", b"value".to_vec(), TTL).await.unwrap();
    for _ in 0..3 {
        link.cut();
        assert!(cache.get("key").await.is_err());
        link.mend();
        eventually("an answer", || async { cache.get("key").await.ok().flatten().is_some() }).await;
    }
}

async fn a_missed_put_is_made_up_for(url: String) {
    let (link, store, options) = through(&url).await;
    let other = RedisStore::open(RedisOptions { url: url.into(), ..options }).await.unwrap().cache();
    let cache = store.cache();
    cache.put("key", b"old".to_vec(), TTL).await.unwrap();
    for (outage, new) in [(Link::freeze as fn(&Link), "first"), (Link::cut, "second")] {
        outage(&link);
        assert!(cache.put("key", new.into(), TTL).await.is_err());
        link.mend();
        // By itself, without any call; and this instance never sees the old one.
        eventually("the new entry", || async { other.get("key").await.unwrap() == Some(new.into()) }).await;
        eventually("an answer", || async { cache.get("key").await.is_ok() }).await;
        assert_eq!(cache.get("key").await.unwrap(), Some(new.into()));
    }
    // A later write that got through is not undone by an earlier one that did not.
    link.cut();
    assert!(cache.put("key", "missed".into(), TTL).await.is_err());
    link.mend();
    eventually("a put", || async { cache.put("key", "latest".into(), TTL).await.is_ok() }).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(other.get("key").await.unwrap(), Some("latest".into()));
}

async fn a_dropped_put_is_made_up_for(url: String) {
    let (link, store, options) = through(&url).await;
    let other = RedisStore::open(RedisOptions { url: url.into(), ..options }).await.unwrap().cache();
    let cache = store.cache();
    link.freeze();
    let put = tokio::time::timeout(Duration::from_millis(20), cache.put("key", "new".into(), TTL)).await;
    assert!(put.is_err(), "it was to be cut short");
    link.mend();
    eventually("the entry", || async { other.get("key").await.unwrap() == Some("new".into()) }).await;
}

async fn full_buckets_vanish(url: String) {
    let options = options(&url);
    let prefix = options.key_prefix.clone();
    let limits = RedisStore::open(options).await.unwrap().limiter();
    let quota = Quota { burst: 2, refill_every: Duration::from_millis(300) };
    assert_eq!(limits.take("gone", quota).await.unwrap(), Decision::Allowed);
    assert_eq!(limits.take("given back", quota).await.unwrap(), Decision::Allowed);
    limits.give_back("given back", quota).await.unwrap();
    let client = deadpool_redis::redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut keys = async || {
        let mut command = deadpool_redis::redis::cmd("KEYS");
        command.arg(format!("{prefix}*")).query_async::<Vec<String>>(&mut connection).await.unwrap()
    };
    assert_eq!(keys().await, [format!("{prefix}l:gone")]);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(keys().await.is_empty());
}

async fn the_script_is_loaded_again(url: String) {
    let limits = RedisStore::open(options(&url)).await.unwrap().limiter();
    let quota = Quota { burst: 2, refill_every: TTL };
    assert_eq!(limits.take("key", quota).await.unwrap(), Decision::Allowed);
    let client = deadpool_redis::redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    deadpool_redis::redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.unwrap();
    assert_eq!(limits.take("key", quota).await.unwrap(), Decision::Allowed);
    assert!(matches!(limits.take("key", quota).await.unwrap(), Decision::Limited { .. }));
}

/// A Redis of one's own, ended with the case.
struct Own(Child, u16);

impl Own {
    async fn start(arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is on the PATH");
        let own = Self(child, port);
        eventually("a server", || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await;
        own
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn a_wrong_password_is_told_without_it(_url: String) {
    let own = Own::start(&["--requirepass", "the-right-one"]).await;
    for url in [format!("redis://:canary-password@127.0.0.1:{}", own.1), format!("redis://127.0.0.1:{}", own.1)] {
        let error = RedisStore::open(RedisOptions::new(url)).await.unwrap_err();
        assert!(matches!(error, OpenError::Credentials { .. }), "{error:?}");
        let told = format!("{error} {error:?}");
        assert!(told.contains("PALAVRA__REDIS__URL") && !told.contains("canary"), "{told}");
    }
    RedisStore::open(RedisOptions::new(format!("redis://:the-right-one@127.0.0.1:{}", own.1))).await.unwrap();
}

async fn what_is_no_server_is_told(_url: String) {
    for url in
        ["http://:canary@127.0.0.1:1", "nonsense", "redis://:canary@127.0.0.1:1", "redis://:canary@127.0.0.1:99999"]
    {
        let (error, took) = timed(RedisStore::open(RedisOptions::new(url))).await;
        let error = error.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains("PALAVRA__REDIS__URL") && !told.contains("canary"), "{told}");
        assert!(took < Duration::from_secs(6), "{took:?}");
    }
}

async fn it_tells_how_it_is(_url: String) {
    let own = Own::start(&["--maxmemory", "10mb", "--maxmemory-policy", "noeviction"]).await;
    let store = RedisStore::open(RedisOptions::new(format!("redis://127.0.0.1:{}", own.1))).await.unwrap();
    let inspection = store.inspect().await.unwrap();
    assert!(inspection.product.starts_with("Redis ") && inspection.product.contains('.'), "{inspection:?}");
    assert!(inspection.checks.iter().any(|check| !check.ok && check.told.contains("allkeys-lru")), "{inspection:?}");
}
