//! What is put before queries and passages.

use crate::tiny::{Tiny, embed, furthest};
use palavra_candle::{CandleEmbedder, CandleOptions};
use palavra_domain::EmbedAs;
use serde_json::json;

const PROMPTS: &str = "config_sentence_transformers.json";

/// The two sides of a text are what these are without any prefix.
async fn sides_are(embedder: &CandleEmbedder, query: &str, passage: &str) {
    let plain = Tiny::bert().open();
    for (side, same) in [(EmbedAs::Query, query), (EmbedAs::Passage, passage)] {
        let (vector, same) = (embed(embedder, "the dog", side).await, embed(&plain, same, EmbedAs::Passage).await);
        assert!(furthest(&vector, &same) < 1e-6, "{side:?} is not {query:?} or {passage:?}");
    }
}

#[tokio::test]
async fn without_a_word_of_them_there_are_none() {
    sides_are(&Tiny::bert().open(), "the dog", "the dog").await;
}

#[tokio::test]
async fn they_are_the_folders() {
    let tiny = Tiny::bert();
    tiny.write(PROMPTS, &json!({"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": null}));
    sides_are(&tiny.open(), "query: the dog", "passage: the dog").await;
    tiny.write(PROMPTS, &json!({"prompts": {"query": "search : ", "document": ""}}));
    sides_are(&tiny.open(), "search: the dog", "the dog").await;
    tiny.write(PROMPTS, &json!({"prompts": {"document": "night "}}));
    sides_are(&tiny.open(), "the dog", "night the dog").await;
    tiny.write(PROMPTS, &json!({"__version__": {"transformers": "4.6.1"}}));
    sides_are(&tiny.open(), "the dog", "the dog").await;
}

#[tokio::test]
async fn options_come_first() {
    let tiny = Tiny::bert();
    tiny.write(PROMPTS, &json!({"prompts": {"query": "query: ", "passage": "passage: "}}));
    let options = CandleOptions { query_prefix: Some("search ".into()), ..tiny.options() };
    sides_are(&CandleEmbedder::open(options).unwrap(), "search the dog", "passage: the dog").await;
    let none = CandleOptions {
        query_prefix: Some(String::new()),
        passage_prefix: Some(String::new()),
        name: Some("multilingual-e5-small".into()),
        ..tiny.options()
    };
    sides_are(&CandleEmbedder::open(none).unwrap(), "the dog", "the dog").await;
}

#[tokio::test]
async fn e5_has_its_own() {
    let tiny = Tiny::bert();
    // Saved by a version that writes empty ones for every model.
    tiny.write(PROMPTS, &json!({"prompts": {"query": "", "document": ""}}));
    let named = |name: &str| CandleOptions { name: Some(name.into()), ..tiny.options() };
    let e5 = CandleEmbedder::open(named("multilingual-e5-small")).unwrap();
    sides_are(&e5, "query: the dog", "passage: the dog").await;
    sides_are(&CandleEmbedder::open(named("e50-small")).unwrap(), "the dog", "the dog").await;
    tiny.set("config.json", "_name_or_path", json!("intfloat/multilingual-e5-small"));
    sides_are(&tiny.open(), "query: the dog", "passage: the dog").await;
}

#[tokio::test]
async fn they_count_towards_the_length() {
    let tiny = Tiny::bert();
    let options = CandleOptions { query_prefix: Some("query: ".into()), max_tokens: Some(6), ..tiny.options() };
    let embedder = CandleEmbedder::open(options).unwrap();
    let (cut, whole) = (
        embed(&embedder, "dog sleeps at night", EmbedAs::Query).await,
        embed(&embedder, "dog sleeps", EmbedAs::Query).await,
    );
    assert!(furthest(&cut, &whole) < 1e-6);
}
