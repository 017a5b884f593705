//! Embeddings in process: a BERT-like sentence model in a folder, as Hugging Face lays it out, run by candle on the CPU. No
//! text leaves the machine.
//!
//! # What is read
//! `config.json` (BERT or XLM-RoBERTa), `tokenizer.json` and `model.safetensors` (16 or 32 bits), and where they are there
//! `modules.json` and the pooling's `config.json` (mean or first token), `sentence_bert_config.json` or `tokenizer_config.json`
//! (the longest text) and `config_sentence_transformers.json` (what is put before queries and passages).
//!
//! # Bounds
//! - Threads: at most [`CandleOptions::parallel`] of tokio's blocking threads for queries and as many for passages, and
//!   rayon's pool for the products of matrices, one thread a core (`RAYON_NUM_THREADS` sets it).
//! - Memory: the weights at four bytes a number, for good; while [`CandleEmbedder::open`] runs also the file. A running batch
//!   of `t` tokens whose longest text has `l` of them takes about `4 * t * (6 * heads * l + 4 * intermediate_size)` bytes,
//!   where `t` is at most the greater of `l` and [`CandleOptions::batch_tokens`]: 90 MB for a text of 512 tokens and E5
//!   small, one or two for a sentence.
//! - Texts: cut at 64 characters for every token that the model reads before they are made into tokens, so that the longest
//!   text costs no more than some milliseconds there.

mod batches;
mod config;
mod embedder;
mod folder;
mod network;
mod options;

pub use embedder::CandleEmbedder;
pub use options::{CandleOptions, OpenError};
