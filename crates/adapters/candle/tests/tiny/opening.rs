//! What is told of a folder that cannot be used.

use crate::tiny::{DIMENSIONS, MAX_TOKENS, Tiny};
use palavra_candle::{CandleEmbedder, CandleOptions, OpenError};
use palavra_domain::{EmbeddingSpace, ports::Embedder as _};
use serde_json::{Value, json};
use std::fs;

fn refused(options: CandleOptions) -> OpenError {
    CandleEmbedder::open(options).expect_err("the model was opened")
}

/// The error's message has all of these.
fn tells(options: CandleOptions, parts: &[&str]) {
    let message = refused(options).to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn the_space_is_the_models() {
    for tiny in [Tiny::bert(), Tiny::xlm_roberta()] {
        let folder = tiny.options().folder;
        let name = folder.file_name().unwrap().to_str().unwrap();
        let embedder = tiny.open();
        assert_eq!(*embedder.space(), EmbeddingSpace { model: name.into(), dimensions: DIMENSIONS });
        assert!(!embedder.needs_user_key());
        let named = CandleOptions { name: Some("house".into()), dimensions: Some(DIMENSIONS), ..tiny.options() };
        assert_eq!(CandleEmbedder::open(named).unwrap().space().model, "house");
        assert_eq!(CandleEmbedder::open(CandleOptions::new(folder.join("."))).unwrap().space().model, name);
    }
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let tiny = Tiny::bert();
    tells(CandleOptions::new(tiny.file("elsewhere")), &["there is no folder", "elsewhere", "model.safetensors"]);
    tells(CandleOptions::new(tiny.file("config.json")), &["there is no folder"]);
}

#[test]
fn other_dimensions_are_told_with_both() {
    let tiny = Tiny::bert();
    let options = CandleOptions { dimensions: Some(1536), ..tiny.options() };
    tells(options.clone(), &["8 dimensions", "embeddings.dimensions is 1536", "set it to 8"]);
    assert!(matches!(refused(options), OpenError::Dimensions { model: 8, configured: 1536, .. }));
}

#[test]
fn what_is_missing_is_told() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let tiny = Tiny::bert();
        tiny.remove(file);
        tells(tiny.options(), &[&format!("has no {file}. Put a sentence model there")]);
        assert!(matches!(refused(tiny.options()), OpenError::Missing { files, .. } if files == [file]));
    }
    let tiny = Tiny::bert();
    tiny.remove("tokenizer.json");
    tiny.remove("model.safetensors");
    tells(tiny.options(), &["has no tokenizer.json and no model.safetensors"]);
}

#[test]
fn what_is_there_instead_is_told() {
    for (missing, instead, advice) in [
        ("model.safetensors", "pytorch_model.bin", "save the model again as safetensors"),
        ("model.safetensors", "model.safetensors.index.json", "in several files"),
        ("tokenizer.json", "vocab.txt", "Save its tokenizer again"),
    ] {
        let tiny = Tiny::bert();
        tiny.remove(missing);
        fs::write(tiny.file(instead), "").unwrap();
        tells(tiny.options(), &[missing, advice]);
    }
}

#[test]
fn files_that_are_no_such_files_are_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors", "modules.json", "sentence_bert_config.json"] {
        let tiny = Tiny::bert();
        fs::write(tiny.file(file), "{\"half").unwrap();
        tells(tiny.options(), &[file, "cannot be read"]);
        assert!(matches!(refused(tiny.options()), OpenError::Unreadable { .. }), "{file}");
    }
    let tiny = Tiny::bert();
    fs::write(tiny.file("model.safetensors"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\n").unwrap();
    tells(tiny.options(), &["model.safetensors", "git lfs pull"]);
    let tiny = Tiny::bert();
    let whole = fs::read(tiny.file("model.safetensors")).unwrap();
    fs::write(tiny.file("model.safetensors"), &whole[..whole.len() - 1]).unwrap();
    tells(tiny.options(), &["model.safetensors", "cannot be read"]);
}

#[test]
fn models_of_other_kinds_are_refused() {
    for (key, value, told) in [
        ("model_type", json!("mpnet"), "its architecture is mpnet"),
        ("model_type", Value::Null, "its architecture is none that is told (MPNetModel)"),
        ("hidden_act", json!("swish"), "its activation is \"swish\""),
        ("position_embedding_type", json!("relative_key"), "its position embeddings are \"relative_key\""),
        ("num_attention_heads", json!(3), "3 attention heads"),
        ("num_attention_heads", json!(0), "is zero"),
    ] {
        let tiny = Tiny::bert();
        if value.is_null() {
            tiny.set("config.json", "architectures", json!(["MPNetModel"]));
        }
        tiny.set("config.json", key, value);
        tells(tiny.options(), &["cannot be run", told, "BertModel or XLMRobertaModel"]);
    }
    let tiny = Tiny::bert();
    tiny.set("config.json", "model_type", Value::Null);
    assert_eq!(tiny.open().space().dimensions, DIMENSIONS);
}

#[test]
fn steps_that_are_not_done_are_refused() {
    let tiny = Tiny::bert();
    let step = |path: &str, kind: &str| json!({"idx": 0, "name": "0", "path": path, "type": kind});
    tiny.write(
        "modules.json",
        &json!([step("", "sentence_transformers.models.Transformer"), step("2_Dense", "x.Dense")]),
    );
    tells(tiny.options(), &["cannot be run", "modules.json has a step \"Dense\""]);
    for (said, told) in [
        (json!({"pooling_mode_max_tokens": true}), "its pooling is max_tokens"),
        (json!({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}), "cls_token and mean_tokens"),
        (json!({"pooling_mode": "lasttoken"}), "its pooling is lasttoken"),
        (json!({"pooling_mode_mean_tokens": true, "include_prompt": false}), "leaves the prompt out"),
    ] {
        let tiny = Tiny::bert();
        tiny.write("1_Pooling/config.json", &said);
        tells(tiny.options(), &["cannot be run", told]);
    }
    // Where modules.json says that the pooling is elsewhere, it is read there.
    let tiny = Tiny::bert();
    tiny.write("modules.json", &json!([step("7_Pooling", "sentence_transformers.models.Pooling")]));
    tiny.write("7_Pooling/config.json", &json!({"pooling_mode_max_tokens": true}));
    tells(tiny.options(), &["its pooling is max_tokens"]);
}

#[test]
fn files_of_different_models_are_refused() {
    let tiny = Tiny::bert();
    tiny.set("config.json", "hidden_size", json!(16));
    tells(tiny.options(), &["do not fit each other", "shape mismatch"]);
    let tiny = Tiny::bert();
    tiny.set("config.json", "num_hidden_layers", json!(3));
    tells(tiny.options(), &["do not fit each other", "encoder.layer.2."]);
    let tiny = Tiny::bert();
    tiny.set("config.json", "vocab_size", json!(10));
    tells(tiny.options(), &["do not fit each other", "the network knows 10"]);
}

#[test]
fn too_few_tokens_are_refused() {
    for tokens in 0..3 {
        let tiny = Tiny::bert();
        let options = CandleOptions { max_tokens: Some(tokens), ..tiny.options() };
        tells(options, &["it needs 3 or more"]);
    }
    let tiny = Tiny::xlm_roberta();
    tiny.set("config.json", "max_position_embeddings", json!(1));
    tells(tiny.options(), &["at most 0 tokens"]);
    let tiny = Tiny::bert();
    let options = CandleOptions { max_tokens: Some(MAX_TOKENS * 1000), ..tiny.options() };
    assert!(CandleEmbedder::open(options).is_ok());
}
