//! Calls beside each other.

use crate::tiny::{DIMENSIONS, Tiny, embed, furthest, texts};
use palavra_candle::{CandleEmbedder, CandleOptions};
use palavra_domain::{EmbedAs, ports::Embedder as _};
use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

fn many() -> Vec<String> {
    texts(&["the dog sleeps at night"; 500])
}

/// A batch a text.
fn slow(tiny: &Tiny) -> CandleEmbedder {
    CandleEmbedder::open(CandleOptions { batch_tokens: NonZeroUsize::MIN, ..tiny.options() }).unwrap()
}

#[tokio::test]
async fn the_runtimes_threads_are_left_alone() {
    let embedder = slow(&Tiny::bert());
    let call = tokio::spawn(async move { embedder.embed(None, &many(), EmbedAs::Passage).await.unwrap() });
    // This runtime has one thread: while it embeds, nothing of this would run.
    let mut turns = 0;
    while !call.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        turns += 1;
    }
    assert_eq!(call.await.unwrap().vectors.len(), 500);
    assert!(turns > 10, "{turns} turns");
}

#[tokio::test]
async fn a_dropped_call_ends_and_keeps_nobody_waiting() {
    let embedder = slow(&Tiny::bert());
    let start = Instant::now();
    embedder.embed(None, &many(), EmbedAs::Passage).await.unwrap();
    let whole = start.elapsed();
    let started = timeout(whole / 20, embedder.embed(None, &many(), EmbedAs::Passage)).await;
    assert!(started.is_err(), "the call was over before it could be dropped");
    let start = Instant::now();
    let one = timeout(LIMIT, embed(&embedder, "dog", EmbedAs::Passage)).await.unwrap();
    assert_eq!(one.len(), DIMENSIONS);
    assert!(start.elapsed() < whole / 2, "it waited {:?} for a dropped call of {whole:?}", start.elapsed());
}

#[tokio::test]
async fn a_query_does_not_wait_for_passages() {
    let embedder = slow(&Tiny::bert());
    let other = embedder.clone();
    let passages = tokio::spawn(async move { other.embed(None, &many(), EmbedAs::Passage).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(5)).await;
    timeout(LIMIT, embed(&embedder, "dog", EmbedAs::Query)).await.unwrap();
    assert!(!passages.is_finished());
    passages.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_get_each_their_own() {
    let tiny = Tiny::bert();
    let parallel = NonZeroUsize::new(3).unwrap();
    let embedder = CandleEmbedder::open(CandleOptions { parallel, ..tiny.options() }).unwrap();
    let words = ["the", "dog", "sleeps", "at", "night", "o", "cão", "dorme"];
    let mut expected = Vec::new();
    for word in words {
        expected.push(embed(&embedder, word, EmbedAs::Query).await);
    }
    let calls: Vec<_> = (0..64)
        .map(|call| {
            let embedder = embedder.clone();
            let side = if call % 2 == 0 { EmbedAs::Query } else { EmbedAs::Passage };
            tokio::spawn(async move { embed(&embedder, words[call % 8], side).await })
        })
        .collect();
    for (call, vector) in calls.into_iter().enumerate() {
        assert!(furthest(&expected[call % 8], &vector.await.unwrap()) < 1e-5);
    }
}
