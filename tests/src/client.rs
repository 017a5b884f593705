//! HTTP with a server.

use crate::{EventStream, Session};
use anyhow::{Context, Result, bail, ensure};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long an answer may take before a test has failed.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may be silent and be used again: less than the five seconds after which the server closes it.
const IDLE: Duration = Duration::from_secs(4);

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What was called: method and path.
    pub call: String,
}

impl Answer {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `code` of a problem; empty when it is none.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, of an answer with this status.
    ///
    /// # Errors
    /// When the status is another.
    pub fn expect(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "{}: {} in place of {status}: {}", self.call, self.status, self.text());
        Ok(self.json())
    }
}

/// A client, of a user once it is authorized.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    address: Arc<Mutex<String>>,
    token: Option<String>,
    recorded: Option<Arc<Mutex<Vec<Answer>>>>,
}

impl Client {
    /// A client of the server at this address, such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self::following(Arc::new(Mutex::new(base_url.into())))
    }

    pub(crate) fn following(address: Arc<Mutex<String>>) -> Self {
        let built = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).pool_idle_timeout(IDLE).build();
        Self { http: built.unwrap_or_default(), address, token: None, recorded: None }
    }

    /// Sends this access token from now on.
    pub fn authorize(&mut self, access_token: &str) {
        self.token = Some(access_token.to_owned());
    }

    /// Keeps all answers from now on, streamed ones as far as they are read by [`Session::stream_to_end`].
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.recorded = Some(Arc::default());
        self
    }

    /// The answers that were kept.
    #[must_use]
    pub fn recorded(&self) -> Vec<Answer> {
        let answers = self.recorded.as_ref().map(|answers| answers.lock().unwrap_or_else(PoisonError::into_inner));
        answers.map(|answers| answers.clone()).unwrap_or_default()
    }

    pub(crate) fn record(&self, answer: &Answer) {
        if let Some(recorded) = &self.recorded {
            recorded.lock().unwrap_or_else(PoisonError::into_inner).push(answer.clone());
        }
    }

    /// A request that can be changed before it goes to [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let address = self.address.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = self.http.request(method, format!("{address}{path}"));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let (call, response) = open(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.with_context(|| format!("{call}: the answer broke"))?.to_vec();
        let answer = Answer { status, headers, body, call };
        self.record(&answer);
        Ok(answer)
    }

    /// Sends a request whose answer is a stream; anything else is returned as it is.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(&self, request: RequestBuilder) -> Result<Result<EventStream, Answer>> {
        let (call, response) = open(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let streamed =
            headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if status == 200 && streamed {
            return Ok(Ok(EventStream::new(response)));
        }
        let body = response.bytes().await.with_context(|| format!("{call}: the answer broke"))?.to_vec();
        let answer = Answer { status, headers, body, call };
        self.record(&answer);
        Ok(Err(answer))
    }

    /// `GET`: the status, and the body as JSON (null when it is none).
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn get(&self, path: &str) -> Result<(u16, Value)> {
        let answer = self.call(Method::GET, path, None).await?;
        Ok((answer.status, answer.json()))
    }

    /// `POST`, as [`Client::get`].
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn post(&self, path: &str, body: Value) -> Result<(u16, Value)> {
        let answer = self.call(Method::POST, path, Some(&body)).await?;
        Ok((answer.status, answer.json()))
    }

    /// `PUT`, as [`Client::get`].
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn put(&self, path: &str, body: Value) -> Result<(u16, Value)> {
        let answer = self.call(Method::PUT, path, Some(&body)).await?;
        Ok((answer.status, answer.json()))
    }

    /// `POST /chat` with this body, streamed.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn stream(&self, mut body: Value) -> Result<EventStream> {
        body["stream"] = true.into();
        match self.open(self.request(Method::POST, "/chat").json(&body)).await? {
            Ok(stream) => Ok(stream),
            Err(answer) => bail!("no stream: {} {}", answer.status, answer.text()),
        }
    }

    /// A call, with a body or without.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let request = self.request(method, path);
        self.send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// `POST /register`.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn register(&self, username: &str, password: &str, key: Option<&str>) -> Result<Answer> {
        let mut body = json!({"username": username, "password": password});
        if let Some(key) = key {
            body["openrouter_api_key"] = key.into();
        }
        self.call(Method::POST, "/register", Some(&body)).await
    }

    /// `POST /login`.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn login(&self, username: &str, password: &str) -> Result<Answer> {
        self.call(Method::POST, "/login", Some(&json!({"username": username, "password": password}))).await
    }

    /// Registers a user with this key and logs in.
    ///
    /// # Errors
    /// When one of the two is refused.
    pub async fn sign_up(&self, username: &str, password: &str, key: &str) -> Result<Session> {
        self.register(username, password, Some(key)).await?.expect(201)?;
        self.sign_in(username, password).await
    }

    /// Logs in.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn sign_in(&self, username: &str, password: &str) -> Result<Session> {
        let tokens = self.login(username, password).await?.expect(200)?;
        Session::new(self.clone(), &tokens)
    }
}

async fn open(request: RequestBuilder) -> Result<(String, reqwest::Response)> {
    let (client, built) = request.build_split();
    let request = built.context("the request cannot be built")?;
    let call = format!("{} {}", request.method(), request.url().path());
    let response = client.execute(request).await.with_context(|| format!("{call}: no answer"))?;
    Ok((call, response))
}
