//! The whole pipeline over stores in memory, with the models that are measured.

use crate::prompts::Label;
use anyhow::{Context as _, Result, anyhow, ensure};
use palavra_application::{
    Application, Calibration, LoginPolicy, MemoryPolicy, MemorySpace, Policy, Ports, Spaces, Tasks,
    decorators::HotMemoryRepository,
};
use palavra_domain::{
    ApiKey, Attempt, BeginOutcome, BeginTurn, ChatId, ChatTarget, ChatTitle, EmbedAs, EmbeddedMemory, InstanceId,
    JobState, Lease, Memory, MemoryId, MemoryOrigin, MemoryState, MemoryText, ModelId, PasswordHash, Prompt,
    SettleOutcome, Settlement, TurnId, TurnStatus, User, UserId, Username,
    ports::{ChatModel, Clock as _, Embedder, KeyStatus, MemoryRepository, Quota},
    recall::Rules,
};
use palavra_inmem::{
    InMemoryChatRepository, InMemoryMemoryRepository, InMemorySessionStore, InMemoryUserRepository, InProcessTurnFeed,
    TokenBuckets,
    fakes::{
        CountingIds, FixedClock, PlainHasher, PlainTokens, PlainVault, StaticKeyInspector, StaticModelCatalog,
        model_info,
    },
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// How long one prompt may take to be learnt from: local models are slow.
const JOB_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// The time between two prompts of one user.
const PAUSE: Duration = Duration::from_secs(3600);
/// The most memories of a user that are read.
const ALL: usize = 1_000;
/// The longest prompt, in characters.
const PROMPT_MAX_CHARS: usize = 100_000;

/// The pipeline, and what it is over.
pub struct World {
    app: Application,
    ports: Arc<Ports>,
    clock: Arc<FixedClock>,
    model: ModelId,
    key: ApiKey,
    instance: InstanceId,
}

/// How learning from a prompt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learning {
    /// Nothing was asked: the prompt carried no job.
    None,
    /// The job is done.
    Done,
    /// It failed.
    Failed,
}

impl World {
    /// A world in which `model` extracts by way of `chat`, and `marks` say what the embedder's cosines mean.
    #[must_use]
    pub fn new(
        chat: Arc<dyn ChatModel>,
        embedder: Arc<dyn Embedder>,
        model: ModelId,
        key: ApiKey,
        marks: Calibration,
    ) -> Self {
        let clock = Arc::new(FixedClock::default());
        let users = Arc::new(InMemoryUserRepository::new());
        let memories: Arc<dyn MemoryRepository> = Arc::new(InMemoryMemoryRepository::new(embedder.space().clone()));
        let ports = Arc::new(Ports {
            users: users.clone(),
            sessions: Arc::new(InMemorySessionStore::new()),
            chats: Arc::new(InMemoryChatRepository::new()),
            spaces: Arc::new(Spaces::new(MemorySpace {
                memories: Arc::new(HotMemoryRepository::new(memories, users, 64 << 20)),
                embedder,
                marks,
            })),
            limiter: Arc::new(TokenBuckets::new()),
            feed: Arc::new(InProcessTurnFeed::new()),
            model: chat,
            catalog: Arc::new(StaticModelCatalog::new(vec![model_info(model.clone(), None)])),
            inspector: Arc::new(StaticKeyInspector::new(KeyStatus::Usable)),
            vault: Arc::new(PlainVault::new()),
            hasher: Arc::new(PlainHasher::new()),
            tokens: Arc::new(PlainTokens::default()),
            clock: clock.clone(),
            ids: Arc::new(CountingIds::new()),
        });
        let instance = InstanceId::new(Uuid::from_u128(1));
        let app = Application::new(Arc::clone(&ports), policy(instance, model.clone()), Tasks::here());
        Self { app, ports, clock, model, key, instance }
    }

    /// A user whose id follows from the name, so that the model is asked the same in every run.
    ///
    /// # Errors
    /// When there is one already.
    pub async fn user(&self, name: &str) -> Result<UserId> {
        let id = UserId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()));
        let now = self.clock.now();
        let user = User {
            id,
            revision: 1,
            username: Username::parse(name)?,
            display_name: None,
            default_model: None,
            memory_enabled: true,
            password_hash: PasswordHash(String::new()),
            api_key: Some(self.ports.vault.seal(id, &self.key)?),
            memory_version: 0,
            memories_cleared_at: None,
            created_at: now,
            updated_at: now,
        };
        self.ports.users.insert(&user).await?;
        Ok(id)
    }

    /// Has the user remembered for these, as if each had been learnt an hour after the one before. Returns their ids.
    ///
    /// # Errors
    /// When a text cannot be embedded or kept.
    pub async fn know(&self, user: UserId, labels: &[Label]) -> Result<Vec<MemoryId>> {
        let texts: Vec<String> = labels.iter().map(|label| label.text.clone()).collect();
        let vectors = self.embed(&texts).await?;
        let mut ids = Vec::new();
        for (label, vector) in labels.iter().zip(vectors) {
            let now = self.clock.advance(PAUSE);
            let id = MemoryId::new(self.ports.ids.next());
            let memory = Memory {
                id,
                user_id: user,
                revision: 1,
                text: MemoryText::parse(label.text.clone())?,
                kind: label.kind,
                origin: MemoryOrigin::Extracted,
                source: None,
                state: MemoryState::Active,
                valid_from: now,
                valid_to: None,
                superseded_by: None,
                created_at: now,
                updated_at: now,
            };
            self.ports.spaces.current().memories.insert(vec![EmbeddedMemory { memory, vector }]).await?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// Has the prompt written down as answered, and learnt from.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn say(&self, user: UserId, prompt: &str) -> Result<Learning> {
        let now = self.clock.advance(PAUSE);
        let prompt = Prompt::parse(prompt, PROMPT_MAX_CHARS)?;
        let begin = BeginTurn {
            user,
            target: ChatTarget::New { id: ChatId::new(self.ports.ids.next()), title: ChatTitle::from_prompt(&prompt) },
            turn: TurnId::new(self.ports.ids.next()),
            prompt,
            memory_allowed: true,
            attempt: Attempt::new(self.ports.ids.next(), self.model.clone()),
            lease: Lease { owner: self.instance, until: now.plus(JOB_TIMEOUT) },
            now,
        };
        let BeginOutcome::Begun(turn) = self.ports.chats.begin_turn(&begin).await? else {
            return Err(anyhow!("a new chat is not free"));
        };
        let settlement = Settlement {
            status: TurnStatus::Complete,
            reply: Some("…".to_owned()),
            failure: None,
            attempts: turn.attempts.clone(),
            recalled: Vec::new(),
            remember_at: Some(now),
            finished_at: now,
        };
        let settled = self.ports.chats.settle_turn(turn.reference(), &settlement).await?;
        ensure!(matches!(settled, SettleOutcome::Settled(_)), "a turn did not settle");
        self.app.remember.run_due().await?;
        let turns = self.ports.chats.list_turns(user, turn.chat_id, None, 1).await?.items;
        let job = turns.first().context("a turn is gone")?.memory_job;
        Ok(match job.map(|job| job.state) {
            None => Learning::None,
            Some(JobState::Done) => Learning::Done,
            Some(JobState::Waiting | JobState::Claimed | JobState::Parked) => Learning::Failed,
        })
    }

    /// What holds of the user, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn memories(&self, user: UserId) -> Result<Vec<Memory>> {
        let mut memories = self.ports.spaces.current().memories.list(user, None, ALL).await?.items;
        memories.reverse();
        Ok(memories)
    }

    /// Embeds texts as passages.
    ///
    /// # Errors
    /// When the embedder fails.
    pub async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let embedder = &self.ports.spaces.current().embedder;
        let key = embedder.needs_user_key().then_some(&self.key);
        Ok(embedder.embed(key, texts, EmbedAs::Passage).await?.vectors)
    }
}

fn policy(instance: InstanceId, model: ModelId) -> Policy {
    let quota = Quota { burst: 1_000, refill_every: Duration::from_secs(1) };
    Policy {
        instance,
        prompt_max_chars: PROMPT_MAX_CHARS,
        default_model: model,
        default_context_tokens: 8_000,
        system_prompt: String::new(),
        generation_timeout: JOB_TIMEOUT,
        lease: JOB_TIMEOUT,
        checkpoint_every: JOB_TIMEOUT,
        session_ttl: JOB_TIMEOUT,
        login: LoginPolicy { per_name_and_address: quota, per_name: quota, per_address: quota },
        memory: MemoryPolicy {
            extraction_model: None,
            recall: Rules::new(0.0, 8, 600),
            recall_timeout: JOB_TIMEOUT,
            workers: 1,
            job_timeout: JOB_TIMEOUT,
            // The same request has the same answer: there is no point in asking twice.
            max_tries: 1,
            retry_base: JOB_TIMEOUT,
        },
    }
}
