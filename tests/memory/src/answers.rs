//! Answers of models, kept between runs: a call that was answered once is never made again.

use anyhow::{Context as _, Result, anyhow};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use palavra_domain::{
    ApiKey, Completion, CompletionFinish, CompletionRequest, EmbedAs, EmbeddingSpace, Embeddings, ModelError,
    ResponseFormat, Role, Usage,
    ports::{ChatModel, CompletionStream, Embedder},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// How many texts are embedded in one call.
const BATCH: usize = 32;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of answers: a line of JSON each, under the hash of what was asked. It only grows.
pub struct AnswerFile<T> {
    file: Mutex<File>,
    answers: Mutex<HashMap<String, T>>,
}

#[derive(Serialize, Deserialize)]
struct Line<T> {
    key: String,
    answer: T,
}

impl<T: Clone + Serialize + DeserializeOwned> AnswerFile<T> {
    /// Opens the file, or makes it with its folder. A line that a killed run left unfinished is passed over.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> Result<Self> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let text = if path.exists() { std::fs::read_to_string(path)? } else { String::new() };
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Line<T>>(line).ok());
            let answers = lines.map(|line| (line.key, line.answer)).collect();
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            if !text.is_empty() && !text.ends_with('\n') {
                file.write_all(b"\n")?;
            }
            Ok(Self { file: Mutex::new(file), answers: Mutex::new(answers) })
        };
        open().with_context(|| format!("the answers in {} cannot be used", path.display()))
    }

    /// The answer to what has this hash.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<T> {
        locked(&self.answers).get(key).cloned()
    }

    /// Keeps an answer, in the file too.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, key: &str, answer: &T) -> Result<()> {
        let mut line = serde_json::to_string(&Line { key: key.to_owned(), answer })?;
        line.push('\n');
        locked(&self.file).write_all(line.as_bytes())?;
        locked(&self.answers).insert(key.to_owned(), answer.clone());
        Ok(())
    }
}

/// What a chat model answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// The model, as the provider named it.
    pub model: Option<String>,
    /// Why it ended.
    pub finish_reason: Option<String>,
    /// Tokens that were sent.
    pub prompt_tokens: Option<u64>,
    /// Tokens that came.
    pub completion_tokens: Option<u64>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Makes sure that a server is there before it is called for the first time.
#[async_trait]
pub trait Ready: Send + Sync {
    /// Returns when calls can be made.
    async fn ready(&self) -> Result<()>;
}

/// What calls have come to so far.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// The answers that were used, kept ones among them.
    pub answers: Vec<Answer>,
    /// How many of them were asked for now.
    pub made: usize,
    /// Why the last failed call failed.
    pub failure: Option<String>,
}

/// A chat model whose answers are kept.
pub struct KeptChatModel {
    inner: Arc<dyn ChatModel>,
    file: Arc<AnswerFile<Answer>>,
    server: Arc<dyn Ready>,
    calls: Mutex<Calls>,
}

impl KeptChatModel {
    /// Asks `inner` for what is not in `file`.
    #[must_use]
    pub fn new(inner: Arc<dyn ChatModel>, file: Arc<AnswerFile<Answer>>, server: Arc<dyn Ready>) -> Self {
        Self { inner, file, server, calls: Mutex::default() }
    }

    /// What calls have come to so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        locked(&self.calls).clone()
    }
}

/// The hash of a request, whole.
fn key_of(request: &CompletionRequest) -> String {
    let messages: Vec<_> = request
        .messages
        .iter()
        .map(|message| {
            let role = match message.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            json!([role, message.content])
        })
        .collect();
    let schema = match &request.format {
        ResponseFormat::Text => json!(null),
        ResponseFormat::JsonSchema { name, schema } => json!([name, schema]),
    };
    let whole = json!({
        "model": request.model.as_str(), "messages": messages, "schema": schema, "max_tokens": request.max_tokens,
        "temperature": request.temperature, "user": request.end_user,
    });
    hash(&whole.to_string())
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait]
impl ChatModel for KeptChatModel {
    async fn complete(&self, key: &ApiKey, request: &CompletionRequest) -> Result<Completion, ModelError> {
        let hash = key_of(request);
        let kept = self.file.get(&hash);
        let made = usize::from(kept.is_none());
        let answer = match kept {
            Some(answer) => answer,
            None => {
                let asked = async {
                    self.server.ready().await.map_err(unavailable)?;
                    let begun = Instant::now();
                    let completion = self.inner.complete(key, request).await?;
                    let answer = Answer {
                        text: completion.text,
                        model: completion.finish.model,
                        finish_reason: completion.finish.finish_reason,
                        prompt_tokens: completion.finish.usage.prompt_tokens,
                        completion_tokens: completion.finish.usage.completion_tokens,
                        seconds: begun.elapsed().as_secs_f64(),
                    };
                    self.file.put(&hash, &answer).map_err(unavailable)?;
                    Ok(answer)
                };
                asked.await.inspect_err(|error| locked(&self.calls).failure = Some(whole(error)))?
            }
        };
        let mut calls = locked(&self.calls);
        calls.made += made;
        calls.answers.push(answer.clone());
        let usage = Usage {
            prompt_tokens: answer.prompt_tokens,
            completion_tokens: answer.completion_tokens,
            ..Usage::default()
        };
        let finish =
            CompletionFinish { generation_id: None, model: answer.model, finish_reason: answer.finish_reason, usage };
        Ok(Completion { text: answer.text, finish })
    }

    async fn stream(&self, key: &ApiKey, request: &CompletionRequest) -> Result<CompletionStream, ModelError> {
        self.server.ready().await.map_err(unavailable)?;
        self.inner.stream(key, request).await
    }
}

/// An embedder whose vectors are kept.
pub struct KeptEmbedder {
    inner: Arc<dyn Embedder>,
    file: Arc<AnswerFile<String>>,
    server: Arc<dyn Ready>,
    failure: Mutex<Option<String>>,
}

impl KeptEmbedder {
    /// Asks `inner` for what is not in `file`.
    #[must_use]
    pub fn new(inner: Arc<dyn Embedder>, file: Arc<AnswerFile<String>>, server: Arc<dyn Ready>) -> Self {
        Self { inner, file, server, failure: Mutex::default() }
    }

    /// Why the last failed call failed.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        locked(&self.failure).clone()
    }

    fn key_of(&self, text: &str, side: EmbedAs) -> String {
        let side = match side {
            EmbedAs::Query => "query",
            EmbedAs::Passage => "passage",
        };
        let EmbeddingSpace { model, dimensions } = self.inner.space();
        hash(&json!([model, dimensions, side, text]).to_string())
    }

    async fn all(&self, key: Option<&ApiKey>, texts: &[String], side: EmbedAs) -> Result<Vec<Vec<f32>>, ModelError> {
        let keys: Vec<String> = texts.iter().map(|text| self.key_of(text, side)).collect();
        let mut missing: Vec<(&String, &String)> =
            keys.iter().zip(texts).filter(|(key, _)| self.file.get(key).is_none()).collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            self.server.ready().await.map_err(unavailable)?;
        }
        for batch in missing.chunks(BATCH) {
            let texts: Vec<String> = batch.iter().map(|(_, text)| (*text).clone()).collect();
            let embedded = self.inner.embed(key, &texts, side).await?;
            for ((key, _), vector) in batch.iter().zip(embedded.vectors) {
                self.file.put(key, &packed(&vector)).map_err(unavailable)?;
            }
        }
        let vectors = keys.iter().map(|key| self.file.get(key).and_then(|packed| unpacked(&packed)));
        vectors.collect::<Option<_>>().ok_or_else(|| unavailable(anyhow!("a kept vector cannot be read")))
    }
}

#[async_trait]
impl Embedder for KeptEmbedder {
    fn space(&self) -> &EmbeddingSpace {
        self.inner.space()
    }

    fn needs_user_key(&self) -> bool {
        self.inner.needs_user_key()
    }

    async fn embed(&self, key: Option<&ApiKey>, texts: &[String], side: EmbedAs) -> Result<Embeddings, ModelError> {
        let vectors = self.all(key, texts, side).await;
        let vectors = vectors.inspect_err(|error| *locked(&self.failure) = Some(whole(error)))?;
        Ok(Embeddings { vectors, usage: Usage::default() })
    }
}

fn unavailable(error: anyhow::Error) -> ModelError {
    ModelError::Unavailable { retry_after: None, source: error.into() }
}

/// An error with all that is behind it.
fn whole(error: &ModelError) -> String {
    let mut whole = error.to_string();
    let mut behind = std::error::Error::source(error);
    while let Some(error) = behind {
        whole.push_str(": ");
        whole.push_str(&error.to_string());
        behind = error.source();
    }
    whole
}

fn packed(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

fn unpacked(text: &str) -> Option<Vec<f32>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use palavra_domain::{Message, ModelId};
    use palavra_inmem::fakes::{Mood, Script, ScriptedChatModel, WordEmbedder};

    struct Always;

    #[async_trait]
    impl Ready for Always {
        async fn ready(&self) -> Result<()> {
            Ok(())
        }
    }

    fn request(said: &str) -> CompletionRequest {
        CompletionRequest {
            model: ModelId::parse("vendor/model").unwrap(),
            messages: vec![Message::new(Role::User, said)],
            format: ResponseFormat::JsonSchema { name: "x", schema: "{}" },
            max_tokens: Some(10),
            temperature: Some(0.0),
            end_user: "ana".into(),
        }
    }

    #[tokio::test]
    async fn an_answer_is_asked_for_once_in_all_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/answers.jsonl");
        let key = ApiKey::parse("key".into()).unwrap();
        let inner = Arc::new(ScriptedChatModel::new());
        inner.script_json(Script::new().say("one"));
        for run in 0..2 {
            let file = Arc::new(AnswerFile::open(&path).unwrap());
            let model = KeptChatModel::new(inner.clone(), file, Arc::new(Always));
            for _ in 0..2 {
                assert_eq!(model.complete(&key, &request("oi")).await.unwrap().text, "one");
            }
            assert_eq!((model.calls().made, model.calls().answers.len()), (1 - run, 2));
        }
        assert_eq!(inner.json_calls().len(), 1);
        assert_ne!(key_of(&request("oi")), key_of(&request("olá")));
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_costs_that_line_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        AnswerFile::open(&path).unwrap().put("a", &"1".to_owned()).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"key\":\"b\",\"ans");
        std::fs::write(&path, text).unwrap();
        AnswerFile::open(&path).unwrap().put("c", &"3".to_owned()).unwrap();
        let file = AnswerFile::<String>::open(&path).unwrap();
        assert_eq!([file.get("a"), file.get("b"), file.get("c")], [Some("1".into()), None, Some("3".into())]);
    }

    #[tokio::test]
    async fn vectors_are_kept_by_side_and_come_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("embeddings.jsonl");
        let inner = Arc::new(WordEmbedder::new(32));
        let texts: Vec<String> = ["moro em Recife", "sou médica", "moro em Recife"].map(Into::into).to_vec();
        let direct = inner.embed(None, &texts, EmbedAs::Passage).await.unwrap().vectors;
        let calls = inner.calls().len();
        for _ in 0..2 {
            let file = Arc::new(AnswerFile::open(&path).unwrap());
            let embedder = KeptEmbedder::new(inner.clone(), file, Arc::new(Always));
            assert_eq!(embedder.embed(None, &texts, EmbedAs::Passage).await.unwrap().vectors, direct);
        }
        assert_eq!(inner.calls().len(), calls + 1);
        inner.set_mood(Mood::Fails(|| ModelError::Timeout));
        let file = Arc::new(AnswerFile::open(&path).unwrap());
        let embedder = KeptEmbedder::new(inner.clone(), file, Arc::new(Always));
        assert!(embedder.embed(None, &texts, EmbedAs::Query).await.is_err());
        assert!(embedder.failure().is_some());
    }
}
