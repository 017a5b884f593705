//! Embeddings.

use crate::{KEY, bench, key, with_options};
use palavra_domain::{EmbedAs, EmbeddingSpace, ModelError, ports::Embedder as _};
use palavra_openrouter::{EmbeddingServerConfig, OpenRouterEmbedder};
use palavra_openrouter_sim::{Fault, SimOptions, embedding};
use std::{error::Error as _, time::Duration};

const TIME: Duration = Duration::from_millis(800);

fn space(dimensions: usize) -> EmbeddingSpace {
    EmbeddingSpace { model: "sim/embedding".into(), dimensions }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn server(base_url: String, own: Option<&str>) -> EmbeddingServerConfig {
    EmbeddingServerConfig { base_url, key: own.map(key), connect_timeout: Duration::from_secs(2) }
}

#[tokio::test]
async fn texts_become_vectors_in_their_order() {
    let bench = bench();
    let embedder = OpenRouterEmbedder::with_user_key(&bench.client, space(384), TIME);
    assert!(embedder.needs_user_key());
    assert_eq!(embedder.space(), &space(384));
    let input = texts(&["Moro em Recife", "", "Prefiro chá"]);
    let answer = embedder.embed(Some(&key(KEY)), &input, EmbedAs::Passage).await.unwrap();
    let expected: Vec<Vec<f32>> = input.iter().map(|text| embedding(text, 384)).collect();
    assert_eq!(answer.vectors, expected);
    assert_eq!(answer.usage.prompt_tokens, Some(7));
    assert_eq!(answer.usage.cost, Some("0.00000014".parse().unwrap()));
    let sent = bench.request();
    assert_eq!((sent.path.as_str(), sent.key.as_deref()), ("/api/v1/embeddings", Some(KEY)));
    assert_eq!(sent.body["dimensions"], 384);
    assert_eq!(sent.body["input_type"], "passage");
    assert_eq!(sent.body["encoding_format"], "float");
    embedder.embed(Some(&key(KEY)), &input, EmbedAs::Query).await.unwrap();
    assert_eq!(bench.simulator.requests()[1].body["input_type"], "query");
}

#[tokio::test]
async fn no_call_is_made_without_a_text_or_a_key() {
    let bench = bench();
    let embedder = OpenRouterEmbedder::with_user_key(&bench.client, space(8), TIME);
    let missing = embedder.embed(None, &texts(&["a"]), EmbedAs::Query).await;
    assert!(matches!(missing, Err(ModelError::Credentials)));
    assert!(embedder.embed(Some(&key(KEY)), &[], EmbedAs::Query).await.unwrap().vectors.is_empty());
    assert!(bench.simulator.requests().is_empty());
}

#[tokio::test]
async fn vectors_of_another_length_name_the_setting() {
    let bench = bench();
    let embedder = OpenRouterEmbedder::with_user_key(&bench.client, space(384), TIME);
    bench.fault(Fault::Dimensions { n: 512 });
    let error = embedder.embed(Some(&key(KEY)), &texts(&["a"]), EmbedAs::Query).await.unwrap_err();
    assert!(matches!(error, ModelError::Malformed { .. }));
    let source = error.source().unwrap().to_string();
    assert!(source.contains("embeddings.dimensions") && source.contains("512") && source.contains("384"), "{source}");
}

#[tokio::test]
async fn another_server_never_gets_a_users_key() {
    let bench = with_options(SimOptions { require_auth: false, ..SimOptions::default() });
    for (own, seen) in [(None, None), (Some("sk-or-own-key"), Some("sk-or-own-key"))] {
        let config = server(bench.simulator.base_url(), own);
        let embedder = OpenRouterEmbedder::elsewhere(config, space(64), TIME).unwrap();
        assert!(!embedder.needs_user_key());
        for users in [None, Some(key(KEY))] {
            embedder.embed(users.as_ref(), &texts(&["a"]), EmbedAs::Query).await.unwrap();
        }
        let requests = bench.simulator.requests();
        let last: Vec<Option<&str>> = requests.iter().rev().take(2).map(|request| request.key.as_deref()).collect();
        assert_eq!(last, [seen, seen]);
    }
    assert!(bench.simulator.requests_of(KEY).is_empty());
    assert!(bench.simulator.requests().iter().all(|request| !format!("{request:?}").contains("canary")));
}

#[tokio::test]
async fn a_key_of_the_deployment_is_not_the_users_fault() {
    let bench = bench();
    let embed = async |own: &str| {
        let config = server(bench.simulator.base_url(), Some(own));
        let embedder = OpenRouterEmbedder::elsewhere(config, space(64), TIME).unwrap();
        embedder.embed(Some(&key(KEY)), &texts(&["a"]), EmbedAs::Query).await
    };
    for (own, expected) in [("sk-or-bad-1", 401), ("sk-or-broke-1", 402)] {
        let error = embed(own).await.unwrap_err();
        let ModelError::Rejected { status, reason } = error else { panic!("{error:?}") };
        assert!(status == expected && reason.contains("embeddings.api_key"), "{status} {reason}");
    }
    let users = OpenRouterEmbedder::with_user_key(&bench.client, space(64), TIME);
    let error = users.embed(Some(&key("sk-or-bad-1")), &texts(&["a"]), EmbedAs::Query).await.unwrap_err();
    assert!(matches!(error, ModelError::Credentials));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let bench = bench();
    let embedder = OpenRouterEmbedder::with_user_key(&bench.client, space(64), TIME);
    let fail = async |fault: Fault| {
        bench.fault(fault);
        embedder.embed(Some(&key(KEY)), &texts(&["a"]), EmbedAs::Query).await.unwrap_err()
    };
    assert!(matches!(fail(Fault::status(429)).await, ModelError::RateLimited { .. }));
    assert!(matches!(fail(Fault::status(503)).await, ModelError::Unavailable { .. }));
    assert!(matches!(fail(Fault::Garbage).await, ModelError::Malformed { .. }));
    assert!(matches!(fail(Fault::HangBeforeHeaders).await, ModelError::Timeout));
    assert!(matches!(fail(Fault::Disconnect).await, ModelError::Unavailable { .. }));
    let missing = Fault::Status {
        status: 200,
        retry_after: None,
        body: Some(serde_json::json!({"data": []})),
        error_type: None,
        message: None,
    };
    assert!(matches!(fail(missing).await, ModelError::Malformed { .. }));
    bench.fault(Fault::NoUsage);
    let answer = embedder.embed(Some(&key(KEY)), &texts(&["a"]), EmbedAs::Query).await.unwrap();
    assert_eq!(answer.usage, palavra_domain::Usage::default());
}
