//! A server for one test, and a client of it.

use async_trait::async_trait;
use palavra_application::{
    Application, Calibration, LoginPolicy, MemoryPolicy, MemorySpace, Policy, Ports, Spaces, Tasks,
    decorators::HotMemoryRepository,
};
use palavra_domain::recall::Rules;
use palavra_domain::{
    EmbeddingSpace, InstanceId, ModelId, StoreError, Timestamp, User, UserId, Username,
    ports::{ChatRepository, Embedder, KeyStatus, Quota, UserRepository},
};
use palavra_http::{AppState, HttpPolicy, Readiness, ServerOptions, StoreHealth, serve};
use palavra_inmem::{
    InMemoryChatRepository, InMemoryMemoryRepository, InMemorySessionStore, InMemoryUserRepository, InProcessTurnFeed,
    TokenBuckets,
    fakes::{
        CountingIds, FixedClock, PlainHasher, PlainVault, ScriptedChatModel, StaticKeyInspector, StaticModelCatalog,
        WordEmbedder, model_info,
    },
};
use palavra_vault::{JwtIssuer, JwtOptions, KeyRing};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    future::Future,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a user's key is in every test.
pub(crate) const KEY: &str = "sk-or-v1-canary-4567";
/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The deployment's default, and the one model of the catalogue.
pub(crate) const MODEL: &str = "vendor/default";
/// What the clock shows until it is moved.
pub(crate) const NOW: &str = "2026-01-02T03:04:05.006Z";
/// How long a body may be.
pub(crate) const BODY_LIMIT: usize = 1 << 20;
/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server, and what it was composed of.
pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) client: Client,
    pub(crate) model: Arc<ScriptedChatModel>,
    pub(crate) embedder: Arc<WordEmbedder>,
    pub(crate) catalog: Arc<StaticModelCatalog>,
    pub(crate) inspector: Arc<StaticKeyInspector>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) chats: Arc<InMemoryChatRepository>,
    pub(crate) stores_down: Arc<AtomicBool>,
    pub(crate) tasks: Tasks,
    handle: actix_web::dev::ServerHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The command goes out at once; nobody waits for it to be carried out.
        drop(self.handle.stop(false));
    }
}

/// Users in a store that can go down.
struct Users {
    inner: InMemoryUserRepository,
    down: Arc<AtomicBool>,
}

impl Users {
    fn up(&self) -> Result<&InMemoryUserRepository, StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { source: "canary: postgres://user:secret@host".into() });
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl UserRepository for Users {
    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.up()?.insert(user).await
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.up()?.find(id).await
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        self.up()?.find_by_username(username).await
    }

    async fn update(&self, user: &User) -> Result<Option<User>, StoreError> {
        self.up()?.update(user).await
    }

    async fn memories_changed(&self, id: UserId, cleared_at: Option<Timestamp>) -> Result<Option<u64>, StoreError> {
        self.up()?.memories_changed(id, cleared_at).await
    }
}

struct Stores(Arc<AtomicBool>);

#[async_trait]
impl Readiness for Stores {
    async fn check(&self) -> Vec<StoreHealth> {
        let users = StoreHealth { name: "users", ready: !self.0.load(Ordering::SeqCst) };
        vec![users, StoreHealth { name: "chats", ready: true }]
    }
}

/// What the server's tokens are signed with.
pub(crate) const SECRET: &str = "diM7abVHVWYs87tqNNFU4If5fBPgjmfaCDfVX3fNzms=";
/// What somebody else's are.
pub(crate) const OTHER_SECRET: &str = "D/pNG69Yl2SASD5rNxXLD+k0g3fkVT4a9K/Igi53tY8=";

/// Tokens of a secret, always under the same id.
pub(crate) fn issuer(secret: &str) -> JwtIssuer {
    let keys = KeyRing::parse("security.jwt_keys", &format!("k1:{secret}").into()).unwrap();
    JwtIssuer::new(JwtOptions {
        keys,
        issuer: "palavra".into(),
        audience: "palavra".into(),
        access_ttl: Duration::from_secs(3600),
    })
}

fn policy() -> Policy {
    let quota = |burst| Quota { burst, refill_every: Duration::from_secs(30) };
    Policy {
        instance: InstanceId::new(uuid::Uuid::from_u128(1)),
        prompt_max_chars: 100_000,
        default_model: ModelId::parse(MODEL).unwrap(),
        default_context_tokens: 8_000,
        system_prompt: "Be kind.".into(),
        generation_timeout: Duration::from_secs(30),
        lease: Duration::from_secs(30),
        checkpoint_every: Duration::from_secs(5),
        session_ttl: Duration::from_secs(30 * 24 * 3600),
        login: LoginPolicy { per_name_and_address: quota(5), per_name: quota(50), per_address: quota(500) },
        memory: MemoryPolicy {
            extraction_model: None,
            recall: Rules::new(0.3, 8, 600),
            recall_timeout: Duration::from_millis(500),
            workers: 2,
            job_timeout: Duration::from_secs(5),
            max_tries: 3,
            retry_base: Duration::from_secs(10),
        },
    }
}

/// Fails instead of waiting for ever.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

impl Server {
    pub(crate) fn start() -> Self {
        let model = Arc::new(ScriptedChatModel::new());
        let embedder = Arc::new(WordEmbedder::new(256).needing_user_key());
        let known = model_info(ModelId::parse(MODEL).unwrap(), Some(128_000));
        let catalog = Arc::new(StaticModelCatalog::new(vec![known]));
        let inspector = Arc::new(StaticKeyInspector::new(KeyStatus::Usable));
        let clock = Arc::new(FixedClock::default());
        let space: EmbeddingSpace = embedder.space().clone();
        let chats = Arc::new(InMemoryChatRepository::new());
        let stores_down = Arc::new(AtomicBool::new(false));
        let ids = Arc::new(CountingIds::new());
        let users: Arc<dyn UserRepository> =
            Arc::new(Users { inner: InMemoryUserRepository::new(), down: stores_down.clone() });
        let memories = Arc::new(InMemoryMemoryRepository::new(space));
        let ports = Ports {
            users: users.clone(),
            sessions: Arc::new(InMemorySessionStore::new()),
            chats: chats.clone() as Arc<dyn ChatRepository>,
            spaces: Arc::new(Spaces::new(MemorySpace {
                memories: Arc::new(HotMemoryRepository::new(memories, users, 1 << 20)),
                embedder: embedder.clone(),
                marks: Calibration { floor: 0.3, same: 0.7 },
            })),
            limiter: Arc::new(TokenBuckets::new()),
            feed: Arc::new(InProcessTurnFeed::new()),
            model: model.clone(),
            catalog: catalog.clone(),
            inspector: inspector.clone(),
            vault: Arc::new(PlainVault::new()),
            hasher: Arc::new(PlainHasher::new()),
            tokens: Arc::new(issuer(SECRET)),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let tasks = Tasks::here();
        let state = AppState {
            app: Application::new(Arc::new(ports), policy(), tasks.clone()),
            readiness: Arc::new(Stores(stores_down.clone())),
            ids,
            metrics: Arc::new(|| "palavra_test 1\n".to_owned()),
            policy: HttpPolicy { body_limit: BODY_LIMIT, heartbeat: Duration::from_millis(50) },
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let options = ServerOptions {
            workers: 1,
            header_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(1),
        };
        let server = serve(listener, Arc::new(state), options).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        let redirect = reqwest::redirect::Policy::none();
        let client = Client::builder().timeout(PATIENCE).redirect(redirect).no_proxy().build().unwrap();
        Self { base, client, model, embedder, catalog, inspector, clock, chats, stores_down, tasks, handle }
    }

    /// A request with a token, or without one when it is empty.
    pub(crate) fn request(&self, method: &str, path: &str, token: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.base));
        if token.is_empty() { request } else { request.bearer_auth(token) }
    }

    /// Sends a JSON body.
    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, body: &Value) -> Response {
        self.request(method, path, token).json(body).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        self.request("GET", path, token).send().await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Response {
        self.request("DELETE", path, token).send().await.unwrap()
    }

    /// Logs in and returns both tokens.
    pub(crate) async fn login(&self, name: &str) -> Value {
        let body = json!({"username": name, "password": PASSWORD});
        ok(self.send("POST", "/login", "", &body).await).await
    }

    /// Makes an account with a key, and logs in.
    pub(crate) async fn user(&self, name: &str) -> String {
        let body = json!({"username": name, "password": PASSWORD, "openrouter_api_key": KEY});
        assert_eq!(self.send("POST", "/register", "", &body).await.status(), 201);
        text(&self.login(name).await["access_token"])
    }

    /// Sends a prompt and returns the answer.
    pub(crate) async fn ask(&self, token: &str, chat: &str, prompt: &str) -> Value {
        ok(self.send("POST", "/chat", token, &json!({"chat_id": chat, "prompt": prompt, "model": ""})).await).await
    }

    /// Asserts that somebody has neither chats nor memories, and that no model was asked.
    pub(crate) async fn nothing_stored(&self, token: &str) {
        assert_eq!(ok(self.get("/chats", token).await).await["chats"], json!([]));
        assert_eq!(ok(self.get("/memories", token).await).await["memories"], json!([]));
        assert!(self.model.calls().is_empty() && self.embedder.calls().is_empty());
    }
}

/// A string of a body.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string")).to_owned()
}

/// The names of an object's fields.
pub(crate) fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object")).keys().map(String::as_str).collect()
}

/// A body of a 2xx answer, whose type is JSON.
pub(crate) async fn ok(response: Response) -> Value {
    let status = response.status();
    let kind = response.headers().get("content-type").cloned();
    assert!(response.headers().contains_key("x-request-id"));
    let body = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {body}");
    assert_eq!(kind.unwrap(), "application/json", "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A problem of this status and code, with every part that a problem must have.
pub(crate) async fn problem(response: Response, status: u16, code: &str) -> Value {
    let url = response.url().path().to_owned();
    let got = response.status();
    let headers = response.headers().clone();
    let body = response.text().await.unwrap();
    assert_eq!(got, status, "{url}: {body}");
    assert_eq!(headers.get("content-type").unwrap(), "application/problem+json", "{url}: {body}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    check_problem(&problem, status, code);
    assert_eq!(headers.get("x-request-id").unwrap().to_str().unwrap(), text(&problem["request_id"]));
    if [429, 503].contains(&status) {
        let wait: u64 = headers.get("retry-after").expect(code).to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    problem
}

/// Checks the fields of a problem.
pub(crate) fn check_problem(problem: &Value, status: u16, code: &str) {
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    assert!(text(&problem["type"]).contains(code), "{problem}");
    for field in ["title", "detail", "request_id"] {
        assert!(!text(&problem[field]).is_empty(), "{field}: {problem}");
    }
    let known = ["type", "title", "status", "code", "detail", "request_id", "errors", "chat_id", "turn"];
    assert!(fields(problem).iter().all(|field| known.contains(field)), "{problem}");
    for error in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        assert_eq!(fields(error), BTreeSet::from(["field", "message"]), "{problem}");
        assert!(error["field"].is_string() && error["message"].is_string(), "{problem}");
    }
}

/// The fields that a problem names.
pub(crate) fn wrong_fields(problem: &Value) -> Vec<String> {
    problem["errors"].as_array().unwrap().iter().map(|error| text(&error["field"])).collect()
}
