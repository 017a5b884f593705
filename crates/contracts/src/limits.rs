//! What a [`RateLimiter`] must do.

use crate::{
    Make,
    harness::{self, cases},
    samples::TEXTS,
    support::race,
};
use libtest_mimic::Trial;
use palavra_domain::ports::{Decision, Quota, RateLimiter};
use std::{sync::Arc, time::Duration};

type Limits = Arc<dyn RateLimiter>;

/// So slow that nothing comes back within a case.
const SLOW: Duration = Duration::from_secs(3_600);
const QUICK: Duration = Duration::from_millis(400);
/// What clocks may differ by.
const SLACK: Duration = Duration::from_millis(60);

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn RateLimiter>) -> Vec<Trial> {
    let cases = cases![
        a_bucket_begins_full_and_empties,
        a_token_comes_back_when_it_was_promised,
        being_limited_takes_nothing,
        a_bucket_holds_no_more_than_its_burst,
        keys_have_buckets_of_their_own,
        reset_fills_the_bucket,
        a_token_that_is_given_back_can_be_taken_again,
        of_concurrent_calls_no_more_are_allowed_than_there_are_tokens,
    ];
    harness::trials(adapter, "limits", make, cases)
}

async fn take(port: &Limits, key: &str, burst: u32, refill_every: Duration) -> Option<Duration> {
    match port.take(key, Quota { burst, refill_every }).await.unwrap() {
        Decision::Allowed => None,
        Decision::Limited { retry_after } => {
            assert!(!retry_after.is_zero());
            assert!(retry_after <= refill_every + Duration::from_millis(1), "{retry_after:?} of {refill_every:?}");
            Some(retry_after)
        }
    }
}

async fn a_bucket_begins_full_and_empties(port: Limits) {
    for burst in [1, 5] {
        let key = format!("key {burst}");
        for _ in 0..burst {
            assert_eq!(take(&port, &key, burst, SLOW).await, None);
        }
        for _ in 0..3 {
            assert!(take(&port, &key, burst, SLOW).await.unwrap() > SLOW / 2);
        }
    }
}

async fn a_token_comes_back_when_it_was_promised(port: Limits) {
    for _ in 0..2 {
        assert_eq!(take(&port, "key", 2, QUICK).await, None);
    }
    for _ in 0..3 {
        let wait = take(&port, "key", 2, QUICK).await.unwrap();
        tokio::time::sleep(wait + SLACK).await;
        assert_eq!(take(&port, "key", 2, QUICK).await, None);
    }
}

async fn being_limited_takes_nothing(port: Limits) {
    assert_eq!(take(&port, "key", 1, QUICK).await, None);
    let wait = take(&port, "key", 1, QUICK).await.unwrap();
    for _ in 0..20 {
        assert!(take(&port, "key", 1, QUICK).await.unwrap() <= wait);
    }
    tokio::time::sleep(wait + SLACK).await;
    assert_eq!(take(&port, "key", 1, QUICK).await, None);
}

async fn a_bucket_holds_no_more_than_its_burst(port: Limits) {
    let refill = Duration::from_millis(300);
    assert_eq!(take(&port, "key", 2, refill).await, None);
    tokio::time::sleep(refill * 5).await;
    for _ in 0..2 {
        assert_eq!(take(&port, "key", 2, refill).await, None);
    }
    assert!(take(&port, "key", 2, refill).await.is_some());
}

async fn keys_have_buckets_of_their_own(port: Limits) {
    for key in TEXTS {
        assert_eq!(take(&port, key, 1, SLOW).await, None);
    }
    for key in TEXTS {
        assert!(take(&port, key, 1, SLOW).await.is_some());
    }
}

async fn reset_fills_the_bucket(port: Limits) {
    port.reset("never used").await.unwrap();
    for _ in 0..3 {
        assert_eq!(take(&port, "key", 3, SLOW).await, None);
        assert_eq!(take(&port, "other", 3, SLOW).await, None);
    }
    port.reset("key").await.unwrap();
    for _ in 0..3 {
        assert_eq!(take(&port, "key", 3, SLOW).await, None);
    }
    assert!(take(&port, "key", 3, SLOW).await.is_some());
    assert!(take(&port, "other", 3, SLOW).await.is_some());
}

async fn a_token_that_is_given_back_can_be_taken_again(port: Limits) {
    let quota = Quota { burst: 2, refill_every: SLOW };
    port.give_back("new", quota).await.unwrap();
    assert_eq!(take(&port, "new", 2, SLOW).await, None);
    assert_eq!(take(&port, "new", 2, SLOW).await, None);
    assert!(take(&port, "new", 2, SLOW).await.is_some(), "a full bucket took one more");
    port.give_back("new", quota).await.unwrap();
    assert_eq!(take(&port, "new", 2, SLOW).await, None);
    assert!(take(&port, "new", 2, SLOW).await.is_some());
}

async fn of_concurrent_calls_no_more_are_allowed_than_there_are_tokens(port: Limits) {
    let decisions = race(40, |_| {
        let port = Arc::clone(&port);
        async move { take(&port, "key", 10, SLOW).await }
    })
    .await;
    assert_eq!(decisions.iter().filter(|wait| wait.is_none()).count(), 10);
}
