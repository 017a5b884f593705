//! The adapter over real models, which `tests/models` lays out: what a folder from Hugging Face gives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod e5;
mod minilm;

use libtest_mimic::Trial;
use palavra_candle::CandleEmbedder;
use palavra_contracts::{ignored, run, server};
use palavra_domain::{EmbedAs, ports::Embedder as _};
use std::{future::Future, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let suites = [
        (server("model", "TEST_EMBEDDING_MODEL"), e5::trials as fn(PathBuf) -> Vec<Trial>),
        (server("minilm", "TEST_EMBEDDING_MODEL_MINILM"), minilm::trials),
    ];
    run(suites.map(|(folder, trials)| match folder {
        Some(folder) => trials(folder.into()),
        None => ignored(trials(PathBuf::new())),
    }))
}

fn trial<F>(model: &str, name: &str, folder: PathBuf, case: fn(PathBuf) -> F) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    Trial::test(format!("candle::{model}::{name}"), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(case(folder));
        Ok(())
    })
}

async fn vectors(embedder: &CandleEmbedder, texts: &[&str], side: EmbedAs) -> Vec<Vec<f32>> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    embedder.embed(None, &texts, side).await.unwrap().vectors
}

/// Of vectors of length one.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The place of the nearest.
fn nearest(vector: &[f32], others: &[Vec<f32>]) -> usize {
    let of = |place: &usize| cosine(vector, &others[*place]);
    (0..others.len()).max_by(|a, b| of(a).total_cmp(&of(b))).unwrap()
}
