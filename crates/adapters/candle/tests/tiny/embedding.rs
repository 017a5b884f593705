//! Texts to vectors.

use crate::tiny::{DIMENSIONS, MAX_TOKENS, Tiny, embed, furthest, texts};
use palavra_candle::{CandleEmbedder, CandleOptions};
use palavra_domain::{EmbedAs, ports::Embedder as _};
use serde_json::json;
use std::num::NonZeroUsize;

const SENTENCES: [&str; 9] = [
    "the dog sleeps at night",
    "o cão dorme de noite",
    "dog",
    "",
    "the the the the the the the the the the the",
    "dorme",
    "noite night",
    "🙂",
    "a word that nobody knows",
];

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|number| number * number).sum::<f32>().sqrt()
}

#[tokio::test]
async fn vectors_are_of_the_spaces_dimensions_and_of_length_one() {
    for tiny in [Tiny::bert(), Tiny::xlm_roberta(), Tiny::bert().without_special_tokens()] {
        let embeddings = tiny.open().embed(None, &texts(&SENTENCES), EmbedAs::Passage).await.unwrap();
        assert_eq!(embeddings.vectors.len(), SENTENCES.len());
        assert_eq!(embeddings.usage, palavra_domain::Usage::default());
        for vector in &embeddings.vectors {
            assert_eq!(vector.len(), DIMENSIONS);
            assert!((length(vector) - 1.0).abs() < 1e-5, "{vector:?}");
        }
    }
}

#[tokio::test]
async fn a_batch_is_what_its_texts_are_one_by_one() {
    for tiny in [Tiny::bert(), Tiny::xlm_roberta(), Tiny::bert().without_special_tokens()] {
        let embedder = tiny.open();
        let mut single = Vec::new();
        for text in SENTENCES {
            single.push(embed(&embedder, text, EmbedAs::Query).await);
        }
        for (i, a) in single.iter().enumerate() {
            let others = single[..i].iter().filter(|b| furthest(a, b) < 1e-3).count();
            assert_eq!(others, 0, "two texts have the same vector, so their order would not be seen");
        }
        for batch_tokens in [1, 13, 40, 512] {
            let batch_tokens = NonZeroUsize::new(batch_tokens).unwrap();
            let embedder = CandleEmbedder::open(CandleOptions { batch_tokens, ..tiny.options() }).unwrap();
            let batch = embedder.embed(None, &texts(&SENTENCES), EmbedAs::Query).await.unwrap().vectors;
            for (one, other) in single.iter().zip(&batch) {
                assert!(furthest(one, other) < 1e-4, "{one:?} is not {other:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_texts_have_no_vectors() {
    let none = Tiny::bert().open().embed(None, &[], EmbedAs::Query).await.unwrap();
    assert!(none.vectors.is_empty());
}

#[tokio::test]
async fn long_texts_are_cut_at_the_models_length() {
    for tiny in [Tiny::bert(), Tiny::xlm_roberta()] {
        let words = MAX_TOKENS - 2;
        let embedder = tiny.open();
        let full = embed(&embedder, &"dog ".repeat(words), EmbedAs::Query).await;
        let longer = embed(&embedder, &format!("{}night", "dog ".repeat(words)), EmbedAs::Query).await;
        let shorter = embed(&embedder, &format!("{}night", "dog ".repeat(words - 1)), EmbedAs::Query).await;
        assert!(furthest(&full, &longer) < 1e-6, "the word after the last was read");
        assert!(furthest(&full, &shorter) > 1e-3, "the last word was not read");
    }
}

#[tokio::test]
async fn the_shortest_of_the_limits_holds() {
    let same_after = async |tiny: &Tiny, options: CandleOptions, words: usize| {
        let embedder = CandleEmbedder::open(options).unwrap();
        let cut = embed(&embedder, &"dog ".repeat(words), EmbedAs::Query).await;
        let longer = embed(&embedder, &format!("{}night", "dog ".repeat(words)), EmbedAs::Query).await;
        let within = embed(&embedder, &format!("{}night", "dog ".repeat(words - 1)), EmbedAs::Query).await;
        assert!(
            furthest(&cut, &longer) < 1e-6 && furthest(&cut, &within) > 1e-3,
            "{words} words of {:?}",
            tiny.options()
        );
    };
    let tiny = Tiny::bert();
    same_after(&tiny, CandleOptions { max_tokens: Some(9), ..tiny.options() }, 7).await;
    tiny.write("tokenizer_config.json", &json!({"model_max_length": 1e30}));
    same_after(&tiny, tiny.options(), MAX_TOKENS - 2).await;
    tiny.write("tokenizer_config.json", &json!({"model_max_length": 8}));
    same_after(&tiny, tiny.options(), 6).await;
    tiny.write("sentence_bert_config.json", &json!({"max_seq_length": 10}));
    same_after(&tiny, tiny.options(), 8).await;
    tiny.write("sentence_bert_config.json", &json!({"max_seq_length": 5000}));
    same_after(&tiny, tiny.options(), MAX_TOKENS - 2).await;
    same_after(&tiny, CandleOptions { max_tokens: Some(4), ..tiny.options() }, 2).await;
}

#[tokio::test]
async fn odd_texts_have_vectors_too() {
    let long = "palavra".repeat(15_000);
    let words = "the dog ".repeat(12_500);
    let spaces = " ".repeat(100_000);
    let emoji = "👩🏽‍💻".repeat(25_000);
    let odd = [
        "",
        " ",
        "\0",
        "\u{feff}",
        "🙂",
        "👨‍👩‍👧‍👦",
        "\u{301}\u{301}",
        "مرحبا",
        "<pad>",
        "<s></s><unk>",
        "<pad> <pad> dog",
        &long,
        &words,
        &spaces,
        &emoji,
    ];
    for tiny in [Tiny::bert(), Tiny::xlm_roberta(), Tiny::bert().without_special_tokens()] {
        let vectors = tiny.open().embed(None, &texts(&odd), EmbedAs::Passage).await.unwrap().vectors;
        for (text, vector) in odd.iter().zip(&vectors) {
            let start: String = text.chars().take(20).collect();
            assert!((length(vector) - 1.0).abs() < 1e-5, "{start:?} has {vector:?}");
        }
        assert!(furthest(&vectors[12], &vectors[0]) > 1e-3);
    }
}

#[tokio::test]
async fn vectors_are_pooled_as_the_folder_says() {
    let tiny = Tiny::bert();
    let text = "the dog sleeps";
    let usual = embed(&tiny.open(), text, EmbedAs::Query).await;
    for mean in
        [json!({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}), json!({"pooling_mode": "mean"})]
    {
        tiny.write("1_Pooling/config.json", &mean);
        assert!(furthest(&usual, &embed(&tiny.open(), text, EmbedAs::Query).await) < 1e-6);
    }
    for first in [json!({"pooling_mode_cls_token": true}), json!({"pooling_mode": "cls"})] {
        tiny.write("1_Pooling/config.json", &first);
        assert!(furthest(&usual, &embed(&tiny.open(), text, EmbedAs::Query).await) > 1e-3);
    }
    // Of a single token both are the same.
    let tiny = Tiny::bert().without_special_tokens();
    let mean = embed(&tiny.open(), "dog", EmbedAs::Query).await;
    tiny.write("1_Pooling/config.json", &json!({"pooling_mode_cls_token": true}));
    assert!(furthest(&mean, &embed(&tiny.open(), "dog", EmbedAs::Query).await) < 1e-6);
}

#[tokio::test]
async fn texts_are_put_into_small_letters_where_the_model_wants_it() {
    let tiny = Tiny::bert();
    let embedder = tiny.open();
    let (small, capital) =
        (embed(&embedder, "the dog", EmbedAs::Query).await, embed(&embedder, "The dog", EmbedAs::Query).await);
    assert!(furthest(&small, &capital) > 1e-3);
    tiny.write("sentence_bert_config.json", &json!({"max_seq_length": null, "do_lower_case": true}));
    assert!(furthest(&small, &embed(&tiny.open(), "The dog", EmbedAs::Query).await) < 1e-6);
}

#[tokio::test]
async fn weights_of_16_bits_are_nearly_the_same() {
    let (whole, half) = (Tiny::bert().open(), Tiny::of_16_bits().open());
    for text in SENTENCES {
        let (a, b) = (embed(&whole, text, EmbedAs::Query).await, embed(&half, text, EmbedAs::Query).await);
        let apart = furthest(&a, &b);
        assert!(apart < 0.01 && apart > 0.0, "{text:?} is {apart} apart");
    }
}
