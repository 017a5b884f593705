//! A place where memories are embedded anew, and the processes over it.

use crate::world::{World, over, until};
use async_trait::async_trait;
use palavra_application::{
    Follower, MemorySpace, Ports, ReembedPace, ReembedState, Reembedding, Spaces, ask_to_reembed,
};
use palavra_domain::{
    ApiKey, Asked, EmbedAs, EmbeddedBy, Embedding, EmbeddingSpace, Embeddings, InstanceId, ModelError, SpaceLedger,
    UserId,
    ports::{Embedder, MemoryArchive, MemoryTables, UserArchive},
};
use palavra_inmem::{
    InMemoryMemoryTables, InMemoryUserRepository,
    fakes::{Gate, WordEmbedder},
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinHandle;

/// The dimensions that memories are embedded in first, and those that they are embedded in anew.
pub(crate) const OLD: usize = 256;
pub(crate) const NEW: usize = 64;
/// How long late writes are waited for, by the clock that the test moves.
pub(crate) const GRACE: Duration = Duration::from_secs(600);
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// What embeds anew: it can be held up, and does not take every key or text.
pub(crate) struct Anew {
    pub(crate) inner: WordEmbedder,
    held: Mutex<Option<Gate>>,
    refused: Mutex<HashSet<String>>,
}

impl Anew {
    /// Holds the next call up, until the gate is open.
    pub(crate) fn hold(&self) -> Gate {
        let gate = Gate::new();
        *self.held.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Does not take this key, or texts with this word.
    pub(crate) fn refuse(&self, key_or_word: &str) {
        self.refused.lock().unwrap().insert(key_or_word.to_owned());
    }

    /// Takes everything again.
    pub(crate) fn take_everything(&self) {
        self.refused.lock().unwrap().clear();
    }

    fn refuses(&self, text: &str) -> bool {
        self.refused.lock().unwrap().iter().any(|refused| text.contains(refused))
    }

    /// The texts that were embedded to be found, in order.
    pub(crate) fn passages(&self) -> Vec<String> {
        let calls = self.inner.calls().into_iter().filter(|call| call.side == EmbedAs::Passage);
        calls.flat_map(|call| call.texts).collect()
    }
}

#[async_trait]
impl Embedder for Anew {
    fn space(&self) -> &EmbeddingSpace {
        self.inner.space()
    }

    fn needs_user_key(&self) -> bool {
        self.inner.needs_user_key()
    }

    async fn embed(&self, key: Option<&ApiKey>, texts: &[String], side: EmbedAs) -> Result<Embeddings, ModelError> {
        let held = self.held.lock().unwrap().take();
        if let Some(gate) = held {
            gate.pass().await;
        }
        if key.is_some_and(|key| self.refuses(key.expose())) {
            return Err(ModelError::Credentials);
        }
        if texts.iter().any(|text| self.refuses(text)) {
            return Err(ModelError::Refused);
        }
        self.inner.embed(key, texts, side).await
    }
}

/// Stores that several processes share.
pub(crate) struct Place {
    pub(crate) tables: Arc<InMemoryMemoryTables>,
    pub(crate) users: Arc<InMemoryUserRepository>,
    pub(crate) anew: Arc<Anew>,
    pub(crate) world: World,
}

/// A process that follows the ledger.
pub(crate) struct Process {
    pub(crate) spaces: Arc<Spaces>,
    following: JoinHandle<()>,
}

impl Process {
    pub(crate) fn dimensions(&self) -> usize {
        self.spaces.current().memories.space().dimensions
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.following.abort();
        assert!(self.following.await.is_err());
    }
}

impl Place {
    pub(crate) async fn new() -> Self {
        let (tables, users) = (Arc::new(InMemoryMemoryTables::new()), Arc::new(InMemoryUserRepository::new()));
        let old = EmbeddingSpace { model: "words".into(), dimensions: OLD };
        let memories = tables.open(&SpaceLedger::first(old).current).await.unwrap();
        let shared = users.clone();
        let world = World::with(move |ports, _| {
            ports.users = shared;
            over(ports, memories);
        });
        let inner = WordEmbedder::new(NEW).needing_user_key();
        let anew = Arc::new(Anew { inner, held: Mutex::default(), refused: Mutex::default() });
        Self { tables, users, anew, world }
    }

    /// What does the work in a process of this number.
    pub(crate) fn reembedding(&self, number: u128, ports: &Ports) -> Arc<Reembedding> {
        let anew = self.anew.clone();
        Arc::new(Reembedding {
            tables: self.tables.clone(),
            embedders: Arc::new(move |table| {
                assert_eq!(table.space.dimensions, NEW);
                Ok(anew.clone())
            }),
            users: self.users.clone() as Arc<dyn UserArchive>,
            served: ports.users.clone(),
            vault: ports.vault.clone(),
            clock: ports.clock.clone(),
            instance: InstanceId::new(uuid::Uuid::from_u128(number)),
            pace: ReembedPace {
                look_every: Duration::from_millis(4),
                lease: LEASE,
                grace: GRACE,
                retry: Duration::from_millis(2),
            },
            state: ReembedState::default(),
        })
    }

    /// A process that serves the world's application.
    pub(crate) fn process(&self, number: u128) -> Process {
        self.process_of(number, self.world.ports.spaces.clone())
    }

    /// Another process over the same stores, and the ports that it serves from.
    pub(crate) fn another(&self, number: u128) -> (Process, Ports) {
        let spaces = Arc::new(Spaces::new(MemorySpace::clone(&self.world.ports.spaces.current())));
        let ports = Ports { spaces: spaces.clone(), ..self.world.ports.clone() };
        (self.process_of(number, spaces), ports)
    }

    fn process_of(&self, number: u128, spaces: Arc<Spaces>) -> Process {
        let reembedding = self.reembedding(number, &self.world.ports);
        let follower = Follower { reembedding, spaces: spaces.clone(), hot_bytes: 1 << 20 };
        Process { spaces, following: tokio::spawn(async move { follower.run().await }) }
    }

    /// Asks for the memories to be embedded anew.
    pub(crate) async fn ask(&self) -> Asked {
        let space = EmbeddingSpace { model: "words".into(), dimensions: NEW };
        let embedding = Embedding { by: EmbeddedBy::OpenRouter, min_score: Some(0.25), same_score: None };
        ask_to_reembed(self.tables.as_ref(), &space, &embedding).await.unwrap().unwrap()
    }

    pub(crate) async fn ledger(&self) -> SpaceLedger {
        self.tables.ledger().await.unwrap().unwrap()
    }

    /// The table that was served from at first, and the one that is built beside it.
    pub(crate) async fn both(&self) -> [Arc<dyn MemoryArchive>; 2] {
        let ledger = self.ledger().await;
        let named = |name: &str| ledger.used().find(|table| table.name == name).unwrap().clone();
        [self.tables.open(&named("memories")).await.unwrap(), self.tables.open(&named("memories_2")).await.unwrap()]
    }

    pub(crate) async fn until_ledger(&self, is_so: impl Fn(&SpaceLedger) -> bool) {
        until(|| async { is_so(&self.ledger().await) }).await;
    }

    /// Waits until a process serves from the new table.
    pub(crate) async fn until_switched(&self, process: &Process) {
        until(|| async { process.dimensions() == NEW }).await;
    }

    /// Lets the time pass in which somebody might still write to the old table, and waits until it is gone.
    pub(crate) async fn until_over(&self) {
        self.world.clock.advance(GRACE);
        self.until_ledger(|ledger| !ledger.has_work()).await;
        assert_eq!(self.tables.names(), ["memories_2"]);
    }

    /// The texts of what is found, the best first.
    pub(crate) async fn found(&self, user: UserId, sought: &str) -> Vec<String> {
        let found = self.world.app.memories.find(user, sought, 10).await.unwrap();
        found.into_iter().map(|memory| memory.text.into_string()).collect()
    }
}
