//! How a model is opened, and why it may not be.

use palavra_domain::BoxError;
use std::{num::NonZeroUsize, path::PathBuf};
use thiserror::Error;

/// Where the model is and how it is run.
#[derive(Clone, Debug)]
pub struct CandleOptions {
    /// The model's folder.
    pub folder: PathBuf,
    /// The model's name in its space. `None`: the folder's name.
    pub name: Option<String>,
    /// The dimensions that its vectors must have. `None`: those it has.
    pub dimensions: Option<usize>,
    /// What is put before a text that is sought. `None`: what the model's folder says; for an E5 model whose folder says
    /// nothing `query: `; else nothing.
    pub query_prefix: Option<String>,
    /// What is put before a text that is to be found. `None`: what the model's folder says; for an E5 model whose folder says
    /// nothing `passage: `; else nothing.
    pub passage_prefix: Option<String>,
    /// The tokens after which a text is cut, its prefix and the special ones counted. Never more than the model can read.
    /// `None`: what the model's folder says.
    pub max_tokens: Option<usize>,
    /// The most tokens that go through the model together, padding counted; a single text may have more. More is not
    /// quicker, and a call waits for the batch that runs.
    pub batch_tokens: NonZeroUsize,
    /// The most batches of queries that run at once, and, apart from them, of passages: what is learnt in the background
    /// does not keep a prompt waiting.
    pub parallel: NonZeroUsize,
}

impl CandleOptions {
    /// The usual options for the model in a folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            name: None,
            dimensions: None,
            query_prefix: None,
            passage_prefix: None,
            max_tokens: None,
            batch_tokens: NonZeroUsize::MIN.saturating_add(511),
            parallel: NonZeroUsize::MIN,
        }
    }
}

/// Why a model could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder is not there.
    #[error(
        "there is no folder {folder}. Put a sentence model there as Hugging Face lays it out (config.json, tokenizer.json, \
         model.safetensors, and 1_Pooling/config.json if it has one), or name the folder that has one"
    )]
    NoFolder {
        /// What was named.
        folder: PathBuf,
    },
    /// Files are missing.
    #[error("the model in {folder} has no {}. {advice}", .files.join(" and no "))]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The files that are not there.
        files: Vec<&'static str>,
        /// What to do.
        advice: String,
    },
    /// The folder has no name, and no other was given.
    #[error("{folder} has no name that the model could have: name the model")]
    NoName {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be read.
    #[error("{file} cannot be read: {reason}. Copy the model's folder again, and check that it may be read")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: BoxError,
    },
    /// A model of another kind.
    #[error(
        "the model in {folder} cannot be run: {reason}. Take one of the architectures BertModel or XLMRobertaModel, such as \
         multilingual-e5-small"
    )]
    Unsupported {
        /// The folder.
        folder: PathBuf,
        /// What is not supported.
        reason: String,
    },
    /// The model's vectors have another length than was asked for.
    #[error(
        "the model in {folder} makes vectors of {model} dimensions, but the setting embeddings.dimensions is {configured}: \
         set it to {model}, or name the folder of another model"
    )]
    Dimensions {
        /// The folder.
        folder: PathBuf,
        /// Those of the model.
        model: usize,
        /// Those that were asked for.
        configured: usize,
    },
    /// Too few tokens a text.
    #[error("the model in {folder} cannot read texts of at most {tokens} tokens: it needs {needed} or more")]
    TooShort {
        /// The folder.
        folder: PathBuf,
        /// What was asked for, or what the model can read.
        tokens: usize,
        /// How many it takes for one token of the text.
        needed: usize,
    },
    /// The files do not belong together.
    #[error("the files of the model in {folder} do not fit each other: {reason}. Copy all of them from one model")]
    Mismatch {
        /// The folder.
        folder: PathBuf,
        /// What does not fit.
        reason: BoxError,
    },
}
