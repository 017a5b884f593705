//! all-MiniLM-L6-v2, as it was published.

use crate::{cosine, trial, vectors};
use libtest_mimic::Trial;
use palavra_candle::{CandleEmbedder, CandleOptions};
use palavra_domain::{EmbedAs, EmbeddingSpace, ports::Embedder as _};
use std::path::PathBuf;

pub(crate) fn trials(folder: PathBuf) -> Vec<Trial> {
    vec![
        trial("minilm", "similarities_are_those_of_sentence_transformers", folder.clone(), published_similarities),
        trial("minilm", "sides_are_the_same", folder, sides_are_the_same),
    ]
}

fn open(folder: PathBuf) -> CandleEmbedder {
    let embedder = CandleEmbedder::open(CandleOptions::new(folder)).unwrap();
    assert_eq!(*embedder.space(), EmbeddingSpace { model: "all-MiniLM-L6-v2".into(), dimensions: 384 });
    embedder
}

/// The example of the documentation of sentence-transformers, with the numbers it prints.
async fn published_similarities(folder: PathBuf) {
    let sentences = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."];
    let vectors = vectors(&open(folder), &sentences, EmbedAs::Passage).await;
    for (a, b, published) in [(0, 1, 0.6660), (0, 2, 0.1046), (1, 2, 0.1411)] {
        let similarity = cosine(&vectors[a], &vectors[b]);
        assert!((similarity - published).abs() < 1e-4, "{similarity} instead of {published}");
    }
}

async fn sides_are_the_same(folder: PathBuf) {
    let embedder = open(folder);
    let text = ["The weather is lovely today."];
    let (query, passage) =
        (vectors(&embedder, &text, EmbedAs::Query).await, vectors(&embedder, &text, EmbedAs::Passage).await);
    assert!(cosine(&query[0], &passage[0]) > 0.99999);
}
