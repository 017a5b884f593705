use crate::quick;
use palavra_domain::{Password, PasswordHash, ports::PasswordHasher as _};
use palavra_vault::{Argon2Hasher, Argon2Options};
use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

fn password() -> Password {
    Password::parse("correct horse".into()).unwrap()
}

/// Slow enough to be measured, quick enough for a test.
fn measurable(concurrent: usize) -> Argon2Options {
    let concurrent = NonZeroUsize::new(concurrent).unwrap();
    Argon2Options { memory_kib: 8 * 1024, passes: 2, concurrent, ..Argon2Options::default() }
}

pub(crate) async fn stored_parameters_are_used() {
    let old = Argon2Hasher::new(Argon2Options { memory_kib: 128, passes: 3, lanes: 2, ..quick() }).unwrap();
    let hash = old.hash(&password()).await.unwrap();
    assert!(hash.0.starts_with("$argon2id$v=19$m=128,t=3,p=2$"), "{}", hash.0);
    let new = Argon2Hasher::new(quick()).unwrap();
    assert!(new.verify("correct horse", Some(&hash)).await.unwrap());
    assert!(!new.verify("wrong horse", Some(&hash)).await.unwrap());
    assert!(new.hash(&password()).await.unwrap().0.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

pub(crate) async fn an_unknown_user_takes_as_long() {
    let hasher = Argon2Hasher::new(measurable(1)).unwrap();
    let hash = hasher.hash(&password()).await.unwrap();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        for (times, hash) in [(&mut known, Some(&hash)), (&mut unknown, None)] {
            let began = Instant::now();
            assert!(!hasher.verify("wrong horse", hash).await.unwrap());
            times.push(began.elapsed());
        }
    }
    let ratio = median(known).as_secs_f64() / median(unknown).as_secs_f64();
    // Other tests run beside this one; without the dummy hash it would be a thousand.
    assert!((0.4..2.5).contains(&ratio), "a wrong password takes {ratio:.2} times as long as an unknown user");
}

pub(crate) async fn only_so_many_at_once() {
    let hasher = Arc::new(Argon2Hasher::new(measurable(1)).unwrap());
    let mut best: f64 = 0.0;
    // Other tests run beside this one and make single rounds uneven.
    for _ in 0..8 {
        let began = Instant::now();
        hasher.verify("x", None).await.unwrap();
        let one = began.elapsed();
        let began = Instant::now();
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let hasher = Arc::clone(&hasher);
                tokio::spawn(async move { hasher.verify("x", None).await.unwrap() })
            })
            .collect();
        for call in calls {
            assert!(!call.await.unwrap());
        }
        best = best.max(began.elapsed().as_secs_f64() / one.as_secs_f64());
    }
    // Eight in turn; at once, on two cores, they would take about four times as long as one.
    assert!(best > 6.0, "eight take {best:.1} times as long as one");
}

pub(crate) async fn a_dropped_call_gives_its_place_back() {
    let hasher = Argon2Hasher::new(measurable(1)).unwrap();
    for _ in 0..50 {
        // Some are dropped while they wait, some while they work.
        drop(tokio::time::timeout(Duration::from_micros(100), hasher.verify("x", None)).await);
    }
    let waited = tokio::time::timeout(Duration::from_secs(20), hasher.verify("x", None)).await;
    assert!(!waited.expect("the places of dropped calls are lost").unwrap());
}

pub(crate) async fn bad_parameters_are_refused() {
    for bad in [
        Argon2Options { memory_kib: 7, ..quick() },
        Argon2Options { passes: 0, ..quick() },
        Argon2Options { lanes: 0, ..quick() },
        Argon2Options { lanes: 64, ..quick() },
    ] {
        assert!(Argon2Hasher::new(bad).is_err(), "{bad:?}");
    }
}

pub(crate) async fn the_default_is_owasps() {
    let hasher = Argon2Hasher::new(Argon2Options::default()).unwrap();
    let PasswordHash(hash) = hasher.hash(&password()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert!(hasher.verify("correct horse", Some(&PasswordHash(hash))).await.unwrap());
}
