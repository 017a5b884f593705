//! The port.

use crate::{
    LanceDbOptions, OpenError,
    changes::Deletion,
    errors,
    maintenance::{Maintenance, Pace, Rewriting},
    open::open,
    presence::Presence,
    reads::Reader,
    writer::{Done, QUEUE, Write, Writer},
};
use async_trait::async_trait;
use palavra_domain::{
    ChatId, DeletedMemory, EmbeddedMemory, EmbeddingSpace, Memory, MemoryCursor, MemoryId, Page, ScoredMemory,
    StoreError, Timestamp, TurnId, UserId, ports::MemoryRepository,
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

/// Memories in a folder of LanceDB files.
///
/// Dropping it lets the writer finish what is queued, if the runtime lives on; [`LanceDbMemoryRepository::close`] waits for
/// that. A call that is dropped once its write is queued does not take the write back.
pub struct LanceDbMemoryRepository {
    pub(crate) space: EmbeddingSpace,
    reader: Reader,
    presence: Option<Arc<Presence>>,
    timeout: Duration,
    running: Mutex<Option<Running>>,
}

struct Running {
    queue: mpsc::Sender<Write>,
    writer: JoinHandle<()>,
    maintenance: JoinHandle<()>,
}

impl LanceDbMemoryRepository {
    /// Opens the folder, makes the table if there is none, and starts the tasks that write and tidy up on the current
    /// runtime.
    ///
    /// # Errors
    /// When the folder cannot be used, or holds memories of another embedding space.
    pub async fn open(options: LanceDbOptions) -> Result<Self, OpenError> {
        let (table, schema) = open(&options).await?;
        let presence = options.sole_writer.then(Arc::<Presence>::default);
        let reader = Reader { table: table.clone(), timeout: options.timeout, shared: !options.sole_writer };
        let (written, progress) = watch::channel(Maintenance::LEFT_BEFORE);
        let rewriting = Rewriting::default();
        let (queue, waiting) = mpsc::channel(QUEUE);
        let writer = Writer {
            reader: reader.clone(),
            schema,
            presence: presence.clone(),
            batch_wait: options.write_batch_wait,
            rewriting: Arc::clone(&rewriting),
            written,
            shared: (!options.sole_writer).then_some(options.timeout),
        };
        let maintenance = Maintenance::new(table, options.space.dimensions, rewriting, Pace::new(&options));
        let running = Running {
            queue,
            writer: tokio::spawn(writer.run(waiting)),
            maintenance: tokio::spawn(maintenance.run(progress)),
        };
        Ok(Self {
            space: options.space,
            reader,
            presence,
            timeout: options.timeout,
            running: Mutex::new(Some(running)),
        })
    }

    /// Refuses further writes, waits until all queued ones are done, and ends the tasks. Reads still work. Closing twice
    /// does nothing more.
    pub async fn close(&self) {
        let Some(Running { queue, writer, maintenance }) = self.running().take() else { return };
        drop(queue);
        if let Err(error) = writer.await {
            tracing::error!(error = %error, "the writer of memories ended badly");
        }
        // A tidying that is broken off leaves files that the next one removes; it is only given time to finish.
        let abort = maintenance.abort_handle();
        if timeout(self.timeout, maintenance).await.is_err() {
            abort.abort();
        }
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a write and waits until it is committed.
    pub(crate) async fn write<T>(&self, write: impl FnOnce(Done<T>) -> Write) -> Result<T, StoreError> {
        let queue = self.running().as_ref().map(|running| running.queue.clone()).ok_or_else(errors::closed)?;
        let (done, outcome) = oneshot::channel();
        let run = async {
            queue.send(write(done)).await.map_err(|_| errors::closed())?;
            // Not kept while waiting: the writer ends when the last sender is gone.
            drop(queue);
            outcome.await.map_err(|_| errors::unanswered())?
        };
        timeout(self.timeout, run).await.map_err(|_| errors::too_slow())?
    }

    pub(crate) fn check(&self, vector: &[f32]) -> Result<(), StoreError> {
        if vector.len() != self.space.dimensions {
            return Err(errors::bad_vector(format!("a vector has {} dimensions, not as {}", vector.len(), self.space)));
        }
        if !vector.iter().all(|number| number.is_finite()) {
            return Err(errors::bad_vector("a vector has a number that is not finite".to_owned()));
        }
        Ok(())
    }
}

impl fmt::Debug for LanceDbMemoryRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LanceDbMemoryRepository").field("space", &self.space).finish_non_exhaustive()
    }
}

#[async_trait]
impl MemoryRepository for LanceDbMemoryRepository {
    fn space(&self) -> &EmbeddingSpace {
        &self.space
    }

    #[tracing::instrument(name = "db.insert", level = "debug", skip_all)]
    async fn insert(&self, memories: Vec<EmbeddedMemory>) -> Result<(), StoreError> {
        memories.iter().try_for_each(|memory| self.check(&memory.vector))?;
        if memories.is_empty() {
            return Ok(());
        }
        self.write(|done| Write::Insert { memories, done }).await
    }

    #[tracing::instrument(name = "db.change", level = "debug", skip_all)]
    async fn change(&self, user: UserId, memories: Vec<EmbeddedMemory>) -> Result<Option<Vec<Memory>>, StoreError> {
        memories.iter().try_for_each(|memory| self.check(&memory.vector))?;
        if memories.iter().any(|embedded| embedded.memory.user_id != user) {
            return Err(errors::of_another_user());
        }
        if memories.is_empty() {
            return Ok(Some(Vec::new()));
        }
        self.write(|done| Write::Change { user, memories, done }).await
    }

    #[tracing::instrument(name = "db.find", level = "debug", skip_all)]
    async fn find(&self, user: UserId, id: MemoryId) -> Result<Option<Memory>, StoreError> {
        self.reader.find(user, id).await
    }

    #[tracing::instrument(name = "db.list", level = "debug", skip_all)]
    async fn list(
        &self,
        user: UserId,
        before: Option<MemoryCursor>,
        limit: usize,
    ) -> Result<Page<Memory, MemoryCursor>, StoreError> {
        self.reader.list(user, before, limit).await
    }

    #[tracing::instrument(name = "db.history", level = "debug", skip_all)]
    async fn history(&self, user: UserId, id: MemoryId) -> Result<Vec<Memory>, StoreError> {
        self.reader.history(user, id).await
    }

    #[tracing::instrument(name = "db.past", level = "debug", skip_all)]
    async fn past(&self, user: UserId) -> Result<Vec<Memory>, StoreError> {
        self.reader.past(user).await
    }

    #[tracing::instrument(name = "db.embedded", level = "debug", skip_all)]
    async fn embedded(&self, user: UserId, limit: usize) -> Result<Vec<EmbeddedMemory>, StoreError> {
        self.reader.embedded(user, limit).await
    }

    #[tracing::instrument(name = "db.has_any", level = "debug", skip_all)]
    async fn has_any(&self, user: UserId) -> Result<bool, StoreError> {
        let Some(presence) = &self.presence else {
            return self.reader.has_any(user).await;
        };
        match presence.ask(user) {
            Ok(has) => Ok(has),
            Err(asked) => {
                let has = self.reader.has_any(user).await?;
                presence.learn(user, has, asked);
                Ok(has)
            }
        }
    }

    #[tracing::instrument(name = "db.search", level = "debug", skip_all)]
    async fn search(
        &self,
        user: UserId,
        vector: &[f32],
        limit: usize,
        min_score: f32,
    ) -> Result<Vec<ScoredMemory>, StoreError> {
        self.check(vector)?;
        self.reader.search(user, vector, limit, min_score).await
    }

    #[tracing::instrument(name = "db.knows_turn", level = "debug", skip_all)]
    async fn knows_turn(&self, user: UserId, turn: TurnId) -> Result<bool, StoreError> {
        self.reader.knows_turn(user, turn).await
    }

    #[tracing::instrument(name = "db.deleted", level = "debug", skip_all)]
    async fn deleted(&self, user: UserId) -> Result<Vec<DeletedMemory>, StoreError> {
        self.reader.deleted(user).await
    }

    #[tracing::instrument(name = "db.delete", level = "debug", skip_all)]
    async fn delete(&self, user: UserId, id: MemoryId, now: Timestamp) -> Result<bool, StoreError> {
        let which = Deletion::One(id);
        Ok(self.write(|done| Write::Delete { user, which, now, done }).await?.any)
    }

    #[tracing::instrument(name = "db.delete_from_chat", level = "debug", skip_all)]
    async fn delete_from_chat(&self, user: UserId, chat: ChatId, now: Timestamp) -> Result<u64, StoreError> {
        let which = Deletion::FromChat(chat);
        Ok(self.write(|done| Write::Delete { user, which, now, done }).await?.active)
    }

    #[tracing::instrument(name = "db.delete_all", level = "debug", skip_all)]
    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        self.write(|done| Write::DeleteAll { user, done }).await
    }
}
