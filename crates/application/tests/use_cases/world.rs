//! A composed application, and the stand-ins it was composed of.

use palavra_application::{
    Accepted, Application, Calibration, EndedTurn, LoginPolicy, MemoryPolicy, MemorySpace, Policy, Ports,
    PromptRequest, Registration, SendPromptError, Spaces, Tasks, decorators::HotMemoryRepository,
};
use palavra_domain::{
    ApiKey, Chat, ChatId, EmbeddingSpace, InstanceId, MemoryKind, MemoryText, ModelId, Password, Turn, UserId,
    Username,
    ports::{ChatRepository, Embedder, KeyStatus, MemoryRepository, Quota},
    recall::Rules,
};
use palavra_inmem::{
    InMemoryChatRepository, InMemoryMemoryRepository, InMemorySessionStore, InMemoryUserRepository, InProcessTurnFeed,
    TokenBuckets,
    fakes::{
        CountingIds, FixedClock, PlainHasher, PlainTokens, PlainVault, Script, ScriptedChatModel, StaticKeyInspector,
        StaticModelCatalog, WordEmbedder, model_info,
    },
};
use std::{future::Future, sync::Arc, time::Duration};

/// What a user's key is in every test.
pub(crate) const KEY: &str = "sk-or-v1-canary-4567";
/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The model that the catalogue knows best.
pub(crate) const MODEL: &str = "vendor/default";
/// What cosines of the tests' embeddings mean.
const MARKS: Calibration = Calibration { floor: 0.3, same: 0.7 };
/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// The room for memories in process.
const HOT_BYTES: usize = 1 << 20;

pub(crate) struct World {
    pub(crate) app: Application,
    pub(crate) ports: Ports,
    pub(crate) policy: Policy,
    pub(crate) tasks: Tasks,
    pub(crate) model: Arc<ScriptedChatModel>,
    pub(crate) embedder: Arc<WordEmbedder>,
    pub(crate) catalog: Arc<StaticModelCatalog>,
    pub(crate) inspector: Arc<StaticKeyInspector>,
    pub(crate) clock: Arc<FixedClock>,
}

pub(crate) fn policy() -> Policy {
    let quota = |burst| Quota { burst, refill_every: Duration::from_secs(30) };
    Policy {
        instance: InstanceId::new(uuid::Uuid::from_u128(1)),
        prompt_max_chars: 100_000,
        default_model: model(MODEL),
        default_context_tokens: 8_000,
        system_prompt: "Be kind.".into(),
        generation_timeout: Duration::from_secs(30),
        lease: Duration::from_secs(30),
        checkpoint_every: Duration::from_secs(5),
        session_ttl: Duration::from_secs(30 * 24 * 3600),
        login: LoginPolicy { per_name_and_address: quota(5), per_name: quota(50), per_address: quota(100) },
        memory: MemoryPolicy {
            extraction_model: None,
            recall: Rules::new(0.3, 8, 600),
            recall_timeout: Duration::from_millis(100),
            workers: 2,
            job_timeout: Duration::from_millis(300),
            max_tries: 3,
            retry_base: Duration::from_secs(10),
        },
    }
}

/// Keeps memories in another store.
pub(crate) fn over(ports: &mut Ports, memories: Arc<dyn MemoryRepository>) {
    ports.spaces = Arc::new(Spaces::new(MemorySpace { memories, ..ports.spaces.current().as_ref().clone() }));
}

pub(crate) fn model(id: &str) -> ModelId {
    ModelId::parse(id).unwrap()
}

pub(crate) fn api_key(text: &str) -> ApiKey {
    ApiKey::parse(text.into()).unwrap()
}

pub(crate) fn password(text: &str) -> Password {
    Password::parse(text.into()).unwrap()
}

pub(crate) fn registration(name: &str, key: Option<&str>) -> Registration {
    Registration { username: Username::parse(name).unwrap(), password: password(PASSWORD), api_key: key.map(api_key) }
}

/// Fails instead of waiting for ever.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Waits until something asynchronous is so.
pub(crate) async fn until<R: Future<Output = bool>>(mut is_so: impl FnMut() -> R) {
    soon(async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// A world in which something is other than usual.
    pub(crate) fn with(change: impl FnOnce(&mut Ports, &mut Policy)) -> Self {
        let model_port = Arc::new(ScriptedChatModel::new());
        let embedder = Arc::new(WordEmbedder::new(256).needing_user_key());
        let catalog = Arc::new(StaticModelCatalog::new(vec![model_info(model(MODEL), Some(128_000))]));
        let inspector = Arc::new(StaticKeyInspector::new(KeyStatus::Usable));
        let clock = Arc::new(FixedClock::default());
        let space: EmbeddingSpace = embedder.space().clone();
        let mut ports = Ports {
            users: Arc::new(InMemoryUserRepository::new()),
            sessions: Arc::new(InMemorySessionStore::new()),
            chats: Arc::new(InMemoryChatRepository::new()),
            spaces: Arc::new(Spaces::new(MemorySpace {
                memories: Arc::new(InMemoryMemoryRepository::new(space)),
                embedder: embedder.clone(),
                marks: MARKS,
            })),
            limiter: Arc::new(TokenBuckets::new()),
            feed: Arc::new(InProcessTurnFeed::new()),
            model: model_port.clone(),
            catalog: catalog.clone(),
            inspector: inspector.clone(),
            vault: Arc::new(PlainVault::new()),
            hasher: Arc::new(PlainHasher::new()),
            tokens: Arc::new(PlainTokens::default()),
            clock: clock.clone(),
            ids: Arc::new(CountingIds::new()),
        };
        let mut policy = policy();
        change(&mut ports, &mut policy);
        let memories = ports.spaces.current().memories.clone();
        let hot = HotMemoryRepository::new(memories, ports.users.clone(), HOT_BYTES);
        over(&mut ports, Arc::new(hot));
        let tasks = Tasks::here();
        let app = Application::new(Arc::new(ports.clone()), policy.clone(), tasks.clone());
        Self { app, ports, policy, tasks, model: model_port, embedder, catalog, inspector, clock }
    }

    /// Another process over the same stores.
    pub(crate) fn restarted(&self) -> Application {
        let policy = Policy { instance: InstanceId::new(uuid::Uuid::from_u128(2)), ..self.policy.clone() };
        Application::new(Arc::new(self.ports.clone()), policy, Tasks::here())
    }

    /// What is remembered about everybody.
    pub(crate) fn store(&self) -> Arc<dyn MemoryRepository> {
        self.ports.spaces.current().memories.clone()
    }

    /// A new user with a key.
    pub(crate) async fn user(&self, name: &str) -> UserId {
        self.app.accounts.register(registration(name, Some(KEY))).await.unwrap().id
    }

    pub(crate) async fn send(&self, user: UserId, request: PromptRequest) -> Result<Accepted, SendPromptError> {
        soon(self.app.prompts.send(user, request)).await
    }

    /// Sends a prompt and waits for its end.
    pub(crate) async fn ask(&self, user: UserId, chat: Option<ChatId>, text: &str) -> EndedTurn {
        let accepted = self.send(user, prompt(chat, text)).await.unwrap();
        soon(accepted.ended).await.unwrap()
    }

    /// The chat and all its turns, oldest first.
    pub(crate) async fn stored(&self, user: UserId, chat: ChatId) -> (Chat, Vec<Turn>) {
        let found = self.ports.chats.find_chat(user, chat).await.unwrap().unwrap();
        let turns = self.ports.chats.list_turns(user, chat, None, 100).await.unwrap();
        (found, turns.items)
    }

    /// The texts of a user's memories, oldest first.
    pub(crate) async fn memories(&self, user: UserId) -> Vec<String> {
        let page = self.store().list(user, None, 100).await.unwrap();
        page.items.into_iter().rev().map(|memory| memory.text.into_string()).collect()
    }

    /// Saves a memory as its user would.
    pub(crate) async fn remember(&self, user: UserId, text: &str) {
        self.app.memories.add(user, MemoryText::parse(text).unwrap(), MemoryKind::Fact).await.unwrap();
    }

    /// Sends a prompt, and has it learnt from with this answer of the extracting model.
    pub(crate) async fn learn(&self, user: UserId, text: &str, found: &[[&str; 5]]) -> Turn {
        let turn = self.ask(user, None, text).await.turn;
        assert!(turn.memory_job.is_some(), "the gate keeps back {text:?}");
        self.model.script_json(Script::new().say(&operations(found)));
        assert_eq!(self.app.remember.run_due().await.unwrap(), 1, "{text:?}");
        turn
    }

    /// What the model was last asked for text.
    pub(crate) fn last_messages(&self) -> Vec<(palavra_domain::Role, String)> {
        let call = self.model.text_calls().pop().expect("the model was not asked");
        call.request.messages.into_iter().map(|message| (message.role, message.content)).collect()
    }
}

pub(crate) fn prompt(chat: Option<ChatId>, text: &str) -> PromptRequest {
    PromptRequest { chat, prompt: text.into(), model: None, watch: false, memory: true }
}

/// What an extracting model answers: operations, each with its op, the id of what is known, the quote, the kind and the text.
pub(crate) fn operations(list: &[[&str; 5]]) -> String {
    let operations: Vec<String> = list
        .iter()
        .map(|[op, id, quote, kind, text]| {
            format!(r#"{{"op":"{op}","id":"{id}","quote":"{quote}","kind":"{kind}","text":"{text}"}}"#)
        })
        .collect();
    format!(r#"{{"operations":[{}]}}"#, operations.join(","))
}

pub(crate) fn watched(chat: Option<ChatId>, text: &str) -> PromptRequest {
    PromptRequest { watch: true, ..prompt(chat, text) }
}

/// The repository behind the port, for wrappers.
pub(crate) fn chats() -> Arc<dyn ChatRepository> {
    Arc::new(InMemoryChatRepository::new())
}
