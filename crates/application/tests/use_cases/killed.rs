//! A process that dies at any step of learning leaves every memory there exactly once.

use crate::world::{World, operations, over, soon};
use async_trait::async_trait;
use palavra_application::{Application, Policy, Tasks};
use palavra_domain::{
    ChatId, DeletedMemory, EmbeddedMemory, EmbeddingSpace, InstanceId, JobState, Lease, Memory, MemoryCursor, MemoryId,
    MemoryState, Page, ScoredMemory, StoreError, Timestamp, TurnId, UserId,
    ports::{Clock as _, MemoryRepository},
};
use palavra_inmem::{
    InMemoryMemoryRepository,
    fakes::{Mood, Script},
};
use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Notify;

const LEASE: Duration = Duration::from_secs(1);

/// Where a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    KnowsTurn,
    Extracting,
    Embedding,
    Reading,
    ReadingDeleted,
    BeforeWriting,
    AfterWriting,
}

/// Memories in a store that does not come back from one call.
struct HaltingMemories {
    inner: InMemoryMemoryRepository,
    at: Mutex<Option<Step>>,
    halted: Arc<Notify>,
}

impl HaltingMemories {
    async fn pass(&self, step: Step) {
        if self.at.lock().unwrap().take_if(|at| *at == step).is_some() {
            self.halted.notify_one();
            pending::<()>().await;
        }
    }
}

#[async_trait]
impl MemoryRepository for HaltingMemories {
    fn space(&self) -> &EmbeddingSpace {
        self.inner.space()
    }

    async fn insert(&self, memories: Vec<EmbeddedMemory>) -> Result<(), StoreError> {
        self.inner.insert(memories).await
    }

    async fn change(&self, user: UserId, memories: Vec<EmbeddedMemory>) -> Result<Option<Vec<Memory>>, StoreError> {
        self.pass(Step::BeforeWriting).await;
        let done = self.inner.change(user, memories).await;
        self.pass(Step::AfterWriting).await;
        done
    }

    async fn find(&self, user: UserId, id: MemoryId) -> Result<Option<Memory>, StoreError> {
        self.inner.find(user, id).await
    }

    async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, StoreError> {
        self.inner.list(user, before, limit).await
    }

    async fn history(&self, user: UserId, id: MemoryId) -> Result<Vec<Memory>, StoreError> {
        self.inner.history(user, id).await
    }

    async fn past(&self, user: UserId) -> Result<Vec<Memory>, StoreError> {
        self.inner.past(user).await
    }

    async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError> {
        self.pass(Step::Reading).await;
        self.inner.embedded(user, limit).await
    }

    async fn has_any(&self, user: UserId) -> Result<bool, StoreError> {
        self.inner.has_any(user).await
    }

    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError> {
        self.inner.search(user, vector, limit, min_score).await
    }

    async fn knows_turn(&self, user: UserId, turn: TurnId) -> Result<bool, StoreError> {
        self.pass(Step::KnowsTurn).await;
        self.inner.knows_turn(user, turn).await
    }

    async fn deleted(&self, user: UserId) -> Result<Vec<DeletedMemory>, StoreError> {
        self.pass(Step::ReadingDeleted).await;
        self.inner.deleted(user).await
    }

    async fn delete(&self, user: UserId, id: MemoryId, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.delete(user, id, now).await
    }

    async fn delete_from_chat(&self, user: UserId, chat: ChatId, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.delete_from_chat(user, chat, now).await
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        self.inner.delete_all(user).await
    }
}

#[tokio::test]
async fn a_kill_at_any_step_leaves_every_memory_once() {
    for step in [
        Step::KnowsTurn,
        Step::Extracting,
        Step::Embedding,
        Step::Reading,
        Step::ReadingDeleted,
        Step::BeforeWriting,
        Step::AfterWriting,
    ] {
        let halted = Arc::new(Notify::new());
        let space = EmbeddingSpace { model: "words".into(), dimensions: 256 };
        let store = Arc::new(HaltingMemories {
            inner: InMemoryMemoryRepository::new(space),
            at: Mutex::default(),
            halted: Arc::clone(&halted),
        });
        let memories = Arc::clone(&store);
        let world = World::with(move |ports, policy| {
            over(ports, memories);
            policy.memory.job_timeout = Duration::from_secs(60);
        });
        let user = world.user("ana").await;
        world.learn(user, "moro em Recife", &[["add", "", "moro em Recife", "profile", "Mora em Recife"]]).await;

        // The process that dies, in a runtime of its own: nothing of it goes on.
        let turn = world.ask(user, None, "agora moro em Olinda e sou médica").await.turn;
        assert_eq!(turn.reply.as_deref(), Some("echo: agora moro em Olinda e sou médica"));
        let found = operations(&[
            ["add", "", "moro em Olinda", "profile", "Mora em Olinda"],
            ["add", "", "sou médica", "profile", "É médica"],
        ]);
        let dying = Application::new(
            Arc::new(world.ports.clone()),
            Policy { instance: InstanceId::new(uuid::Uuid::from_u128(9)), ..world.policy.clone() },
            Tasks::here(),
        );
        match step {
            Step::Extracting => world.model.script_json(Script::new().hang()),
            Step::Embedding => {
                world.model.script_json(Script::new().say(&found));
                world.embedder.set_mood(Mood::Hangs);
            }
            Step::KnowsTurn => {
                // It is asked of a job that somebody had before.
                let now = world.clock.now();
                let lease = Lease { owner: InstanceId::new(uuid::Uuid::from_u128(8)), until: now.plus(LEASE) };
                assert_eq!(world.ports.chats.claim_memory_jobs(lease, now, 1).await.unwrap().len(), 1);
                world.clock.advance(LEASE * 2);
                *store.at.lock().unwrap() = Some(step);
            }
            Step::Reading | Step::ReadingDeleted | Step::BeforeWriting | Step::AfterWriting => {
                *store.at.lock().unwrap() = Some(step);
                world.model.script_json(Script::new().say(&found));
            }
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move { dying.remember.run().await });
        match step {
            Step::Extracting => crate::world::until(|| async { world.model.json_calls().len() == 2 }).await,
            Step::Embedding => {
                let before = world.embedder.calls().len();
                crate::world::until(|| async { world.embedder.calls().len() > before }).await;
            }
            Step::KnowsTurn | Step::Reading | Step::ReadingDeleted | Step::BeforeWriting | Step::AfterWriting => {
                soon(halted.notified()).await;
            }
        }
        runtime.shutdown_background();
        world.embedder.set_mood(Mood::Works);

        // The next one finishes its work. A model never says quite the same twice.
        world.clock.advance(Duration::from_secs(3600));
        let again = operations(&[
            ["add", "", "sou médica", "profile", "Trabalha como médica"],
            ["add", "", "moro em Olinda", "profile", "Vive em Olinda"],
        ]);
        world.model.script_json(Script::new().say(&again));
        let next = world.restarted();
        assert_eq!(next.remember.run_due().await.unwrap(), 1, "{step:?}");
        let (_, turns) = world.stored(user, turn.chat_id).await;
        assert_eq!(turns[0].memory_job.unwrap().state, JobState::Done, "{step:?}");

        let mut texts = world.memories(user).await;
        texts.sort();
        let expected = if step == Step::AfterWriting {
            ["Mora em Olinda", "É médica"]
        } else {
            ["Trabalha como médica", "Vive em Olinda"]
        };
        assert_eq!(texts, expected, "{step:?}");
        let past = world.store().past(user).await.unwrap();
        assert_eq!(
            past.iter().map(|old| (old.text.as_str(), old.state)).collect::<Vec<_>>(),
            [("Mora em Recife", MemoryState::Superseded)]
        );
    }
}
