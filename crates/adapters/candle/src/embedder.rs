//! The port, over a model in process.

use crate::{
    CandleOptions, OpenError,
    batches::plan,
    folder::{Folder, TOKENIZER, WEIGHTS},
    network::{self, Network},
};
use async_trait::async_trait;
use candle_nn::VarBuilder;
use palavra_domain::{ApiKey, BoxError, EmbedAs, EmbeddingSpace, Embeddings, ModelError, Usage, ports::Embedder};
use std::{collections::VecDeque, fmt, fs, sync::Arc};
use tokenizers::{PostProcessor as _, Tokenizer, TruncationParams};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// No token of the usual vocabularies is longer; a text of white space alone may be cut earlier than by its tokens.
const CHARACTERS_A_TOKEN: usize = 64;

/// Embeddings made in this process, for nothing: it needs no key and reports no usage.
///
/// A call works batch by batch on tokio's blocking threads, so calls take turns, and queries are not kept waiting by
/// passages. A call that is dropped ends with the batch that runs. Vectors are of length one.
#[derive(Clone)]
pub struct CandleEmbedder {
    model: Arc<Model>,
    queries: Arc<Semaphore>,
    passages: Arc<Semaphore>,
}

/// What all calls share.
struct Model {
    space: EmbeddingSpace,
    tokenizer: Tokenizer,
    network: Network,
    padding: u32,
    lower_case: bool,
    query_prefix: String,
    passage_prefix: String,
    max_characters: usize,
    batch_tokens: usize,
}

impl fmt::Debug for CandleEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CandleEmbedder").field("space", &self.model.space).finish_non_exhaustive()
    }
}

impl CandleEmbedder {
    /// Reads the model and tries it. This takes as long as reading its file, and blocks.
    ///
    /// # Errors
    /// When something is missing in the folder, the model is of a kind that cannot be run, or its vectors are not of the
    /// dimensions asked for.
    pub fn open(options: CandleOptions) -> Result<Self, OpenError> {
        let CandleOptions { dimensions: configured, batch_tokens, parallel, .. } = options;
        let folder = Folder::read(options)?;
        let dimensions = folder.config.hidden_size;
        if let Some(configured) = configured.filter(|configured| *configured != dimensions) {
            return Err(OpenError::Dimensions { folder: folder.path, model: dimensions, configured });
        }
        let tokenizer = tokenizer(&folder)?;
        let mismatch = |reason| OpenError::Mismatch { folder: folder.path.clone(), reason };
        let network = Network::load(&folder.config, folder.architecture, folder.pooling, weights(&folder)?);
        let model = Arc::new(Model {
            space: EmbeddingSpace { model: folder.name, dimensions },
            tokenizer,
            network: network.map_err(mismatch)?,
            padding: folder.config.padding(folder.architecture),
            lower_case: folder.lower_case,
            query_prefix: folder.query_prefix,
            passage_prefix: folder.passage_prefix,
            max_characters: folder.max_tokens.saturating_mul(CHARACTERS_A_TOKEN),
            batch_tokens: batch_tokens.get(),
        });
        Work::new(&model, &["Palavra".into()], EmbedAs::Query).step().map_err(mismatch)?;
        let lane = || Arc::new(Semaphore::new(parallel.get().min(Semaphore::MAX_PERMITS)));
        Ok(Self { model, queries: lane(), passages: lane() })
    }
}

fn tokenizer(folder: &Folder) -> Result<Tokenizer, OpenError> {
    let file = folder.path.join(TOKENIZER);
    let unreadable = |reason| OpenError::Unreadable { file: file.clone(), reason };
    let mut tokenizer = Tokenizer::from_file(&file).map_err(unreadable)?;
    // Without room for a token of the text besides the special ones, the tokenizer would panic.
    let needed = 1 + tokenizer.get_post_processor().map_or(0, |special| special.added_tokens(false));
    if folder.max_tokens < needed {
        return Err(OpenError::TooShort { folder: folder.path.clone(), tokens: folder.max_tokens, needed });
    }
    let known = folder.config.vocab_size;
    if let Some((token, id)) = tokenizer.get_vocab(true).into_iter().find(|(_, id)| *id as usize >= known) {
        let reason = format!("{TOKENIZER} has the token {token:?} as number {id}, but the network knows {known}");
        return Err(OpenError::Mismatch { folder: folder.path.clone(), reason: reason.into() });
    }
    let cut = TruncationParams { max_length: folder.max_tokens, ..TruncationParams::default() };
    tokenizer.with_padding(None).with_truncation(Some(cut)).map_err(unreadable)?;
    Ok(tokenizer)
}

fn weights(folder: &Folder) -> Result<VarBuilder<'static>, OpenError> {
    let file = folder.path.join(WEIGHTS);
    let unreadable = |reason| OpenError::Unreadable { file: file.clone(), reason };
    let bytes = fs::read(&file).map_err(|error| unreadable(error.into()))?;
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(unreadable("it only points to the weights, which Git LFS keeps apart (git lfs pull)".into()));
    }
    network::weights(bytes).map_err(|error| unreadable(error.into()))
}

/// A call, between its batches.
struct Work {
    model: Arc<Model>,
    texts: Vec<String>,
    tokens: Vec<Vec<u32>>,
    /// `None` before the texts are tokens.
    batches: Option<VecDeque<Vec<usize>>>,
    vectors: Vec<Vec<f32>>,
}

impl Work {
    fn new(model: &Arc<Model>, texts: &[String], side: EmbedAs) -> Self {
        let prefix = match side {
            EmbedAs::Query => &model.query_prefix,
            EmbedAs::Passage => &model.passage_prefix,
        };
        let cut = |text: &String| {
            let end = text.char_indices().nth(model.max_characters).map_or(text.len(), |(end, _)| end);
            [prefix, &text[..end]].concat()
        };
        let texts: Vec<String> = texts.iter().map(cut).collect();
        let vectors = vec![Vec::new(); texts.len()];
        Self { model: Arc::clone(model), texts, tokens: Vec::new(), batches: None, vectors }
    }

    fn is_done(&self) -> bool {
        self.batches.as_ref().is_some_and(VecDeque::is_empty)
    }

    /// Does the next batch. Blocks.
    fn step(mut self) -> Result<Self, BoxError> {
        let mut batches = match self.batches.take() {
            Some(batches) => batches,
            None => self.tokenize()?,
        };
        if let Some(batch) = batches.pop_front() {
            let rows: Vec<&[u32]> = batch.iter().map(|place| self.tokens[*place].as_slice()).collect();
            for (place, vector) in batch.into_iter().zip(self.model.network.vectors(&rows)?) {
                if !vector.iter().all(|number| number.is_finite()) {
                    return Err("a vector has a number that is not finite".into());
                }
                self.vectors[place] = vector;
            }
        }
        self.batches = Some(batches);
        Ok(self)
    }

    fn tokenize(&mut self) -> Result<VecDeque<Vec<usize>>, BoxError> {
        for text in std::mem::take(&mut self.texts) {
            let text = if self.model.lower_case { text.to_lowercase() } else { text };
            let mut tokens = self.model.tokenizer.encode_fast(text, true)?.get_ids().to_vec();
            // A tokenizer without special tokens has none for an empty text.
            if tokens.is_empty() {
                tokens.push(self.model.padding);
            }
            self.tokens.push(tokens);
        }
        let lengths: Vec<usize> = self.tokens.iter().map(Vec::len).collect();
        Ok(plan(&lengths, self.model.batch_tokens))
    }
}

#[async_trait]
impl Embedder for CandleEmbedder {
    fn space(&self) -> &EmbeddingSpace {
        &self.model.space
    }

    fn needs_user_key(&self) -> bool {
        false
    }

    async fn embed(&self, _key: Option<&ApiKey>, texts: &[String], side: EmbedAs) -> Result<Embeddings, ModelError> {
        if texts.is_empty() {
            return Ok(Embeddings { vectors: Vec::new(), usage: Usage::default() });
        }
        let lane = match side {
            EmbedAs::Query => &self.queries,
            EmbedAs::Passage => &self.passages,
        };
        let mut work = Work::new(&self.model, texts, side);
        while !work.is_done() {
            let turn = Arc::clone(lane).acquire_owned().await.map_err(stopped)?;
            let step = spawn_blocking(move || {
                // Kept to the batch's end, which the caller may not wait for.
                let _turn = turn;
                work.step()
            });
            work = match step.await {
                Ok(step) => step.map_err(|source| ModelError::Malformed { source })?,
                Err(error) if error.is_panic() => return Err(ModelError::Malformed { source: error.into() }),
                Err(error) => return Err(stopped(error)),
            };
        }
        Ok(Embeddings { vectors: work.vectors, usage: Usage::default() })
    }
}

/// The process is ending.
fn stopped(error: impl Into<BoxError>) -> ModelError {
    ModelError::Unavailable { retry_after: None, source: error.into() }
}
