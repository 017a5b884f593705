//! One user's calls.

use crate::{Answer, Client, Event, EventStream};
use anyhow::{Context, Result, anyhow, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How long something that happens off the reply path may take.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// The OpenRouter key of the user of this name; the simulator accepts it.
#[must_use]
pub fn key_of(name: &str) -> String {
    format!("sk-or-v1-of-{name}-8d7c0f")
}

/// Asks again and again until there is something.
///
/// # Errors
/// When an attempt fails, or there is nothing in time.
pub async fn wait_until<T, F>(what: &str, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "in vain for {PATIENCE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// An answered prompt.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The chat.
    pub chat: String,
    /// The number of the turn, from 1.
    pub turn: u64,
    /// The reply.
    pub text: String,
    /// The texts of the memories that the model was given.
    pub memories: Vec<String>,
    /// The whole answer.
    pub body: Value,
}

impl Reply {
    fn from_body(body: Value) -> Result<Self> {
        let text = |name: &str| body[name].as_str().map(str::to_owned).with_context(|| format!("no {name}: {body}"));
        let memories = body["memories"].as_array().with_context(|| format!("no memories: {body}"))?;
        let memories = memories.iter().filter_map(|memory| memory["text"].as_str().map(str::to_owned)).collect();
        let turn = body["turn"].as_u64().with_context(|| format!("no turn: {body}"))?;
        Ok(Self { chat: text("chat_id")?, turn, text: text("reply")?, memories, body })
    }
}

/// A user who is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Session {
    /// From the answer of a login or a renewal.
    ///
    /// # Errors
    /// When it has no tokens.
    pub fn new(mut client: Client, tokens: &Value) -> Result<Self> {
        let token = |name: &str| tokens[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        let access = token("access_token")?;
        client.authorize(&access);
        Ok(Self { access, refresh: token("refresh_token")?, client })
    }

    /// The client it uses.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A call with the access token.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        self.client.call(method, path, body).await
    }

    /// A `GET`.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, None).await
    }

    /// A `POST` with a body.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `POST /chat`. An empty chat makes a new one, an empty model means the default.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn chat(&self, chat: &str, prompt: &str, model: &str) -> Result<Answer> {
        self.post("/chat", &json!({"chat_id": chat, "prompt": prompt, "model": model})).await
    }

    /// A prompt that is expected to be answered.
    ///
    /// # Errors
    /// When it is not.
    pub async fn ask(&self, chat: &str, prompt: &str, model: &str) -> Result<Reply> {
        Reply::from_body(self.chat(chat, prompt, model).await?.expect(200)?)
    }

    /// A prompt whose answer is streamed.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn stream(&self, chat: &str, prompt: &str, model: &str) -> Result<EventStream> {
        self.client.stream(json!({"chat_id": chat, "prompt": prompt, "model": model})).await
    }

    /// A prompt whose answer is streamed, read to its end. Its bytes are recorded as those of other answers are.
    ///
    /// # Errors
    /// When it is not accepted or breaks.
    pub async fn stream_to_end(&self, chat: &str, prompt: &str, model: &str) -> Result<Vec<Event>> {
        let mut stream = self.stream(chat, prompt, model).await?;
        let events = stream.rest().await?;
        let call = "POST /chat, streamed".to_owned();
        let body = stream.raw().to_vec();
        self.client.record(&Answer { status: 200, headers: reqwest::header::HeaderMap::new(), body, call });
        Ok(events)
    }

    /// The newest page of a chat's history.
    ///
    /// # Errors
    /// When there is no such chat.
    pub async fn history(&self, chat: &str) -> Result<Value> {
        self.get(&format!("/chat?chat_id={chat}")).await?.expect(200)
    }

    /// The user's memories, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn memories(&self) -> Result<Vec<Value>> {
        let list = self.get("/memories").await?.expect(200)?;
        list["memories"].as_array().cloned().ok_or_else(|| anyhow!("no memories: {list}"))
    }

    /// Waits until a memory has this text in it.
    ///
    /// # Errors
    /// When none has in time.
    pub async fn wait_for_memory(&self, text: &str) -> Result<Value> {
        wait_until(&format!("a memory with {text:?}"), || async {
            let memories = self.memories().await?;
            Ok(memories.into_iter().find(|memory| memory["text"].as_str().is_some_and(|found| found.contains(text))))
        })
        .await
    }

    /// Waits until the turn of this number has another status than `pending`, and returns its answer from the history.
    ///
    /// # Errors
    /// When it stays pending.
    pub async fn wait_for_turn(&self, chat: &str, turn: u64) -> Result<Value> {
        wait_until(&format!("the end of turn {turn}"), || async {
            let history = self.history(chat).await?;
            let messages = history["messages"].as_array().cloned().unwrap_or_default();
            let answered = |message: &Value| {
                message["role"] == "assistant" && message["turn"] == turn && message["status"] != "pending"
            };
            Ok(messages.into_iter().find(answered))
        })
        .await
    }

    /// Renews the tokens.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn renew(&self) -> Result<Self> {
        let body = json!({"refresh_token": self.refresh});
        let tokens = self.client.call(Method::POST, "/token/refresh", Some(&body)).await?.expect(200)?;
        Self::new(self.client.clone(), &tokens)
    }
}
