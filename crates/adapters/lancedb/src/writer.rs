//! The one task that writes, and the queue before it.

use crate::{
    errors::{self, Shared},
    filters,
    maintenance::{Rewriting, Written},
    presence::Presence,
    reads::Reader,
    rows,
    schema::{ID, REVISION, USER_ID},
    shared,
};
use arrow_array::RecordBatchIterator;
use arrow_schema::SchemaRef;
use futures::FutureExt as _;
use lancedb::expr::DfExpr;
use palavra_domain::{EmbeddedMemory, Entity, Memory, MemoryId, StoreError, UserId};
use std::{collections::HashSet, mem, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};

/// Writes that may wait. Beyond that callers wait for a place.
pub(crate) const QUEUE: usize = 1024;
/// Rows that are committed together at most.
const MAX_ROWS: usize = 1000;

/// Where a write's outcome goes. The caller may have gone; the write is done all the same.
pub(crate) type Done<T> = oneshot::Sender<Result<T, StoreError>>;

/// A write that waits its turn.
pub(crate) enum Write {
    Insert { memories: Vec<EmbeddedMemory>, done: Done<()> },
    Update { memory: Box<EmbeddedMemory>, done: Done<Option<Memory>> },
    Delete { user: UserId, id: MemoryId, done: Done<bool> },
    DeleteAll { user: UserId, done: Done<u64> },
}

impl Write {
    fn rows(&self) -> usize {
        match self {
            Self::Insert { memories, .. } => memories.len(),
            Self::Update { .. } | Self::Delete { .. } | Self::DeleteAll { .. } => 1,
        }
    }
}

pub(crate) struct Writer {
    pub(crate) reader: Reader,
    pub(crate) schema: SchemaRef,
    pub(crate) presence: Option<Arc<Presence>>,
    pub(crate) batch_wait: Duration,
    pub(crate) rewriting: Rewriting,
    /// Tells the maintenance what there is to do.
    pub(crate) written: watch::Sender<Written>,
    /// How long a commit may take where other processes write too; see [`crate::maintenance`].
    pub(crate) shared: Option<Duration>,
}

type Insert = (Vec<EmbeddedMemory>, Done<()>);

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(crate) async fn run(self, mut queue: mpsc::Receiver<Write>) {
        while let Some(first) = queue.recv().await {
            let batch = gather(first, &mut queue, self.batch_wait).await;
            // A fault while writing must not end all writing: the callers of this batch learn that they got no answer.
            if AssertUnwindSafe(self.apply(batch)).catch_unwind().await.is_err() {
                tracing::error!("writing memories panicked; the writes of that batch may not have been done");
            }
        }
    }

    /// Writes in the order of the queue; inserts that follow each other become one commit.
    async fn apply(&self, batch: Vec<Write>) {
        let mut inserts = Vec::new();
        for write in batch {
            match write {
                Write::Insert { memories, done } => inserts.push((memories, done)),
                Write::Update { memory, done } => {
                    self.insert(mem::take(&mut inserts)).await;
                    answer(done, self.update(*memory).await);
                }
                Write::Delete { user, id, done } => {
                    self.insert(mem::take(&mut inserts)).await;
                    answer(done, self.delete(user, id).await);
                }
                Write::DeleteAll { user, done } => {
                    self.insert(mem::take(&mut inserts)).await;
                    answer(done, self.delete_all(user).await);
                }
            }
        }
        self.insert(inserts).await;
    }

    async fn insert(&self, inserts: Vec<Insert>) {
        if inserts.is_empty() {
            return;
        }
        let (memories, callers): (Vec<_>, Vec<_>) = inserts.into_iter().unzip();
        let memories: Vec<EmbeddedMemory> = memories.into_iter().flatten().collect();
        let users: HashSet<UserId> = memories.iter().map(|row| row.memory.user_id).collect();
        match self.append(memories).await {
            Ok(()) => {
                if let Some(presence) = &self.presence {
                    presence.saved(users);
                }
                callers.into_iter().for_each(|done| answer(done, Ok(())));
            }
            Err(error) => {
                if let Some(presence) = &self.presence {
                    presence.unsure(users);
                }
                let error = Arc::new(error);
                callers.into_iter().for_each(|done| answer(done, Err(together(&error))));
            }
        }
    }

    /// Adds what is not there yet, in one commit.
    async fn append(&self, memories: Vec<EmbeddedMemory>) -> Result<(), Failed> {
        let added = match self.shared {
            None => self.append_alone(memories).await?,
            Some(limit) => {
                let once = shared::insert_once(&self.reader.table, &self.schema, memories);
                let added = shared::bounded(limit, once).await.map_err(|_| Failed::Read(errors::too_slow()))?;
                added.map_err(|error| Failed::Commit(Shared::new(error)))?
            }
        };
        if added > 0 {
            metrics::histogram!("palavra_memories_rows_per_commit").record(added as f64);
            self.tell(false);
        }
        Ok(())
    }

    async fn append_alone(&self, memories: Vec<EmbeddedMemory>) -> Result<usize, Failed> {
        let keys: Vec<(UserId, MemoryId)> = memories.iter().map(rows::key).collect();
        let mut seen = self.reader.existing(&keys).await.map_err(Failed::Read)?;
        let new: Vec<EmbeddedMemory> = memories.into_iter().filter(|row| seen.insert(rows::key(row))).collect();
        if new.is_empty() {
            return Ok(0);
        }
        let commit = async {
            let batch = rows::to_batch(&self.schema, &new)?;
            self.reader.table.add(batch).execute().await
        };
        commit.await.map_err(|error| Failed::Commit(Shared::new(error)))?;
        Ok(new.len())
    }

    /// Does what changes rows that are there: while nothing is merged, and on the newest version.
    async fn change<T>(&self, change: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let _alone = self.rewriting.lock().await;
        let Some(limit) = self.shared else { return change.await };
        let fresh = async {
            self.refresh().await?;
            change.await
        };
        shared::bounded(limit, fresh).await.map_err(|_| errors::too_slow())?
    }

    /// Looks for what other processes wrote.
    async fn refresh(&self) -> Result<(), StoreError> {
        self.reader.table.checkout_latest().await.map_err(errors::failed)
    }

    async fn update(&self, row: EmbeddedMemory) -> Result<Option<Memory>, StoreError> {
        self.change(self.replace(row)).await
    }

    async fn replace(&self, row: EmbeddedMemory) -> Result<Option<Memory>, StoreError> {
        let (user, id, revision) = (row.memory.user_id, row.memory.id, row.memory.revision);
        let Some(stored) = self.reader.find(user, id).await? else {
            return Ok(None);
        };
        if stored.revision != revision {
            return Err(StoreError::Stale(Entity::Memory));
        }
        let memory = Memory {
            revision: revision.saturating_add(1),
            text: row.memory.text,
            kind: row.memory.kind,
            updated_at: row.memory.updated_at,
            ..stored
        };
        let row = EmbeddedMemory { memory, vector: row.vector };
        let batch = rows::to_batch(&self.schema, std::slice::from_ref(&row)).map_err(|e| errors::failed(e.into()))?;
        // One commit that replaces the row if it still has that revision, also against another process.
        let mut merge = self.reader.table.merge_insert(&[USER_ID, ID]);
        merge.when_matched_update_all(Some(format!("target.{REVISION} = {revision}")));
        let source = RecordBatchIterator::new([Ok(batch)], Arc::clone(&self.schema));
        let merged = merge.execute(Box::new(source)).await.map_err(errors::failed)?;
        if merged.num_updated_rows == 0 {
            // Another process changed it, or deleted it.
            self.refresh().await?;
            let there = self.reader.find(user, id).await?.is_some();
            return if there { Err(StoreError::Stale(Entity::Memory)) } else { Ok(None) };
        }
        self.tell(true);
        Ok(Some(row.memory))
    }

    async fn delete(&self, user: UserId, id: MemoryId) -> Result<bool, StoreError> {
        let outcome = self.change(self.remove(filters::one(user, id))).await;
        if let Some(presence) = &self.presence {
            presence.unsure([user]);
        }
        let deleted = outcome? > 0;
        if deleted {
            self.tell(true);
        }
        Ok(deleted)
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        let outcome = self.change(self.remove(filters::of_user(user))).await;
        if let Some(presence) = &self.presence {
            if outcome.is_ok() { presence.emptied(user) } else { presence.unsure([user]) }
        }
        let deleted = outcome?;
        if deleted > 0 {
            self.tell(true);
        }
        Ok(deleted)
    }

    async fn remove(&self, which: DfExpr) -> Result<u64, StoreError> {
        Ok(self.reader.table.delete(&which).await.map_err(errors::failed)?.num_deleted_rows)
    }

    fn tell(&self, removed: bool) {
        self.written.send_modify(|written| {
            written.commits += 1;
            written.removals += u64::from(removed);
        });
    }
}

/// Takes what is queued, and what arrives within `wait`.
async fn gather(first: Write, queue: &mut mpsc::Receiver<Write>, wait: Duration) -> Vec<Write> {
    let until = Instant::now() + wait;
    let mut rows = first.rows();
    let mut batch = vec![first];
    while rows < MAX_ROWS {
        let next = match queue.try_recv() {
            Ok(write) => Some(write),
            Err(mpsc::error::TryRecvError::Disconnected) => None,
            Err(mpsc::error::TryRecvError::Empty) => timeout_at(until, queue.recv()).await.ok().flatten(),
        };
        let Some(write) = next else { break };
        rows += write.rows();
        batch.push(write);
    }
    batch
}

/// Why an insert of several callers failed.
enum Failed {
    /// Before anything was written.
    Read(StoreError),
    /// While it was committed.
    Commit(Shared),
}

/// One caller's copy of an error that several share.
fn together(error: &Arc<Failed>) -> StoreError {
    match &**error {
        Failed::Read(StoreError::Unavailable { source }) => {
            StoreError::Unavailable { source: source.to_string().into() }
        }
        Failed::Read(other) => StoreError::Unexpected { source: other.to_string().into() },
        Failed::Commit(error) => errors::failed_together(error),
    }
}

fn answer<T>(done: Done<T>, outcome: Result<T, StoreError>) {
    // Whoever asked may have gone; there is nobody else to tell.
    drop(done.send(outcome));
}
