//! What a [`Cache`] must do. An entry may vanish at any time; an adapter under test is not so short of room that it does.

use crate::{
    Make,
    harness::{self, cases},
    samples::TEXTS,
    support::race,
};
use libtest_mimic::Trial;
use palavra_domain::ports::Cache;
use std::{sync::Arc, time::Duration};

type Entries = Arc<dyn Cache>;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);
/// Well after [`SHORT`].
const LATER: Duration = Duration::from_millis(700);

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn Cache>) -> Vec<Trial> {
    let cases = cases![
        what_is_missing_is_none,
        bytes_come_back_as_they_were,
        keys_are_told_apart,
        put_replaces,
        put_if_absent_keeps_what_is_there,
        entries_end_with_their_time,
        put_sets_the_time_anew,
        put_if_absent_does_not_prolong,
        put_if_absent_sets_again_what_is_over,
        of_concurrent_puts_if_absent_one_is_kept,
        put_wins_over_put_if_absent,
    ];
    harness::trials(adapter, "cache", make, cases)
}

async fn get(port: &Entries, key: &str) -> Option<String> {
    port.get(key).await.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

async fn put(port: &Entries, key: &str, value: &str, ttl: Duration) {
    port.put(key, value.into(), ttl).await.unwrap();
}

async fn put_if_absent(port: &Entries, key: &str, value: &str, ttl: Duration) {
    port.put_if_absent(key, value.into(), ttl).await.unwrap();
}

async fn what_is_missing_is_none(port: Entries) {
    assert_eq!(get(&port, "missing").await, None);
}

async fn bytes_come_back_as_they_were(port: Entries) {
    let large: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for bytes in [Vec::new(), vec![0], (0..=255).collect(), large] {
        port.put("bytes", bytes.clone(), LONG).await.unwrap();
        assert_eq!(port.get("bytes").await.unwrap(), Some(bytes));
    }
}

async fn keys_are_told_apart(port: Entries) {
    let keys: Vec<String> = TEXTS.into_iter().flat_map(|text| [text.to_owned(), format!("{text}*")]).collect();
    for key in &keys {
        put(&port, key, key, LONG).await;
    }
    for key in &keys {
        assert_eq!(get(&port, key).await.as_ref(), Some(key));
    }
    assert_eq!(get(&port, "*").await, None);
}

async fn put_replaces(port: Entries) {
    put(&port, "key", "first", LONG).await;
    put(&port, "key", "second", LONG).await;
    assert_eq!(get(&port, "key").await.as_deref(), Some("second"));
}

async fn put_if_absent_keeps_what_is_there(port: Entries) {
    put_if_absent(&port, "key", "first", LONG).await;
    assert_eq!(get(&port, "key").await.as_deref(), Some("first"));
    put_if_absent(&port, "key", "second", LONG).await;
    assert_eq!(get(&port, "key").await.as_deref(), Some("first"));
}

async fn entries_end_with_their_time(port: Entries) {
    put(&port, "put", "value", SHORT).await;
    put_if_absent(&port, "absent", "value", SHORT).await;
    put(&port, "long", "value", LONG).await;
    tokio::time::sleep(LATER).await;
    assert_eq!(get(&port, "put").await, None);
    assert_eq!(get(&port, "absent").await, None);
    assert_eq!(get(&port, "long").await.as_deref(), Some("value"));
}

async fn put_sets_the_time_anew(port: Entries) {
    put(&port, "longer", "first", SHORT).await;
    put(&port, "longer", "second", LONG).await;
    put(&port, "shorter", "first", LONG).await;
    put(&port, "shorter", "second", SHORT).await;
    tokio::time::sleep(LATER).await;
    assert_eq!(get(&port, "longer").await.as_deref(), Some("second"));
    assert_eq!(get(&port, "shorter").await, None);
}

async fn put_if_absent_does_not_prolong(port: Entries) {
    put(&port, "key", "first", SHORT).await;
    put_if_absent(&port, "key", "second", LONG).await;
    tokio::time::sleep(LATER).await;
    assert_eq!(get(&port, "key").await, None);
}

async fn put_if_absent_sets_again_what_is_over(port: Entries) {
    put(&port, "key", "first", SHORT).await;
    tokio::time::sleep(LATER).await;
    put_if_absent(&port, "key", "second", LONG).await;
    assert_eq!(get(&port, "key").await.as_deref(), Some("second"));
}

async fn of_concurrent_puts_if_absent_one_is_kept(port: Entries) {
    for round in 0..5 {
        let key = format!("key {round}");
        let seen = race(12, |index| {
            let (port, key) = (Arc::clone(&port), key.clone());
            async move {
                put_if_absent(&port, &key, &index.to_string(), LONG).await;
                get(&port, &key).await.unwrap()
            }
        })
        .await;
        let kept = get(&port, &key).await.unwrap();
        assert!(seen.iter().all(|value| *value == kept), "{seen:?} but {kept} was kept");
    }
}

async fn put_wins_over_put_if_absent(port: Entries) {
    for round in 0..5 {
        let key = format!("key {round}");
        race(8, |index| {
            let (port, key) = (Arc::clone(&port), key.clone());
            async move {
                if index == 0 {
                    put(&port, &key, "new", LONG).await;
                } else {
                    put_if_absent(&port, &key, "old", LONG).await;
                }
            }
        })
        .await;
        assert_eq!(get(&port, &key).await.as_deref(), Some("new"));
    }
}
