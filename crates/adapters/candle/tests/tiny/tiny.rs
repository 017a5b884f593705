//! A folder with the smallest model there can be: numbers by chance, but the same each time.

use candle_core::{DType, Device, Tensor};
use palavra_candle::{CandleEmbedder, CandleOptions};
use palavra_domain::{EmbedAs, ports::Embedder as _};
use serde_json::{Value, json};
use std::{collections::HashMap, fs, path::PathBuf};
use tempfile::TempDir;

pub(crate) const DIMENSIONS: usize = 8;
/// With the special ones.
pub(crate) const MAX_TOKENS: usize = 16;
const INNER: usize = 16;
const PAD: u32 = 1;
const WORDS: [&str; 20] = [
    "<s>", "<pad>", "</s>", "<unk>", "query", "passage", ":", "the", "dog", "sleeps", "at", "night", "o", "cão",
    "dorme", "de", "noite", "The", "🙂", "search",
];

pub(crate) struct Tiny {
    folder: TempDir,
}

impl Tiny {
    pub(crate) fn bert() -> Self {
        Self::new("bert", "BertModel", MAX_TOKENS, DType::F32)
    }

    pub(crate) fn xlm_roberta() -> Self {
        Self::new("xlm-roberta", "XLMRobertaModel", MAX_TOKENS + PAD as usize + 1, DType::F32)
    }

    pub(crate) fn of_16_bits() -> Self {
        Self::new("bert", "BertModel", MAX_TOKENS, DType::F16)
    }

    fn new(kind: &str, architecture: &str, positions: usize, numbers: DType) -> Self {
        let tiny = Self { folder: tempfile::Builder::new().prefix("tiny-model-").tempdir().unwrap() };
        tiny.write(
            "config.json",
            &json!({
                "architectures": [architecture], "model_type": kind, "vocab_size": WORDS.len(),
                "hidden_size": DIMENSIONS, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": INNER,
                "hidden_act": "gelu", "max_position_embeddings": positions, "type_vocab_size": 1, "pad_token_id": PAD,
            }),
        );
        tiny.write("tokenizer.json", &tokenizer(true));
        candle_core::safetensors::save(&weights(positions, numbers), tiny.file("model.safetensors")).unwrap();
        tiny
    }

    /// The same without special tokens.
    pub(crate) fn without_special_tokens(self) -> Self {
        self.write("tokenizer.json", &tokenizer(false));
        self
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, value: &Value) {
        let file = self.file(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, value.to_string()).unwrap();
    }

    /// Changes one value of a JSON file.
    pub(crate) fn set(&self, name: &str, key: &str, value: Value) {
        let mut whole: Value = serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap();
        whole[key] = value;
        self.write(name, &whole);
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
    }

    pub(crate) fn options(&self) -> CandleOptions {
        CandleOptions::new(self.folder.path())
    }

    pub(crate) fn open(&self) -> CandleEmbedder {
        CandleEmbedder::open(self.options()).unwrap()
    }
}

pub(crate) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(crate) async fn embed(embedder: &CandleEmbedder, text: &str, side: EmbedAs) -> Vec<f32> {
    embedder.embed(None, &[text.to_owned()], side).await.unwrap().vectors.remove(0)
}

pub(crate) fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn tokenizer(special: bool) -> Value {
    let vocabulary: HashMap<&str, usize> = WORDS.iter().enumerate().map(|(id, word)| (*word, id)).collect();
    let added: Vec<Value> = WORDS[..4]
        .iter()
        .enumerate()
        .map(|(id, word)| {
            json!({"id": id, "content": word, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                   "special": true})
        })
        .collect();
    let around = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
                           "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}},
    });
    json!({
        "version": "1.0",
        // As saved by who used it for something else: neither is what a sentence's vector wants.
        "truncation": {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": PAD,
                    "pad_type_id": 0, "pad_token": "<pad>"},
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": if special { around } else { Value::Null },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    })
}

fn weights(positions: usize, numbers: DType) -> HashMap<String, Tensor> {
    let mut random = Random(2026);
    let mut tensors = HashMap::new();
    let mut tensor = |name: String, shape: &[usize], middle: f32| {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| middle + random.next()).collect();
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(numbers).unwrap();
        tensors.insert(name, tensor);
    };
    let mut dense = |name: &str, rows: usize, columns: usize| {
        tensor(format!("{name}.weight"), &[rows, columns], 0.0);
        tensor(format!("{name}.bias"), &[rows], 0.0);
    };
    for layer in 0..2 {
        let layer = format!("encoder.layer.{layer}");
        for part in ["query", "key", "value"] {
            dense(&format!("{layer}.attention.self.{part}"), DIMENSIONS, DIMENSIONS);
        }
        dense(&format!("{layer}.attention.output.dense"), DIMENSIONS, DIMENSIONS);
        dense(&format!("{layer}.intermediate.dense"), INNER, DIMENSIONS);
        dense(&format!("{layer}.output.dense"), DIMENSIONS, INNER);
    }
    for norm in ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"]
        .into_iter()
        .chain(["encoder.layer.1.attention.output", "encoder.layer.1.output"])
    {
        tensor(format!("{norm}.LayerNorm.weight"), &[DIMENSIONS], 1.0);
        tensor(format!("{norm}.LayerNorm.bias"), &[DIMENSIONS], 0.0);
    }
    tensor("embeddings.word_embeddings.weight".into(), &[WORDS.len(), DIMENSIONS], 0.0);
    tensor("embeddings.position_embeddings.weight".into(), &[positions, DIMENSIONS], 0.0);
    tensor("embeddings.token_type_embeddings.weight".into(), &[1, DIMENSIONS], 0.0);
    tensors
}

/// Numbers between -0.5 and 0.5 (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed >> 40) as f32) / ((1_u64 << 24) as f32) - 0.5
    }
}
