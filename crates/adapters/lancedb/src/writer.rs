//! The one task that writes, and the queue before it.

use crate::{
    changes::{self, Changes, Deleted, Deletion},
    errors::{self, Shared},
    maintenance::{Rewriting, Written},
    presence::Presence,
    reads::Reader,
    rows::{self, Key},
    shared,
};
use arrow_schema::SchemaRef;
use futures::FutureExt as _;
use palavra_domain::{EmbeddedMemory, Memory, MemoryKey, MemoryRecord, MemoryState, StoreError, Timestamp, UserId};
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
    Change { user: UserId, memories: Vec<EmbeddedMemory>, done: Done<Option<Vec<Memory>>> },
    Import { records: Vec<MemoryRecord>, done: Done<()> },
    Merge { records: Vec<MemoryRecord>, done: Done<()> },
    Remove { keys: Vec<MemoryKey>, done: Done<()> },
    Delete { user: UserId, which: Deletion, now: Timestamp, done: Done<Deleted> },
    DeleteAll { user: UserId, done: Done<u64> },
}

impl Write {
    fn rows(&self) -> usize {
        match self {
            Self::Insert { memories, .. } | Self::Change { memories, .. } => memories.len(),
            Self::Import { records, .. } | Self::Merge { records, .. } => records.len(),
            Self::Remove { keys, .. } => keys.len(),
            Self::Delete { .. } | Self::DeleteAll { .. } => 1,
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
                Write::Change { user, memories, done } => {
                    self.insert(mem::take(&mut inserts)).await;
                    answer(done, self.change(user, &memories).await);
                }
                Write::Import { records, done } => {
                    self.insert(mem::take(&mut inserts)).await;
                    answer(done, self.import(&records).await);
                }
                Write::Merge { records, done } => {
                    self.insert(mem::take(&mut inserts)).await;
                    answer(done, self.merge(&records).await);
                }
                Write::Remove { keys, done } => {
                    self.insert(mem::take(&mut inserts)).await;
                    answer(done, self.remove(&keys).await);
                }
                Write::Delete { user, which, now, done } => {
                    self.insert(mem::take(&mut inserts)).await;
                    answer(done, self.delete(user, which, now).await);
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
        let records: Vec<MemoryRecord> = memories.into_iter().flatten().map(MemoryRecord::Kept).collect();
        let users: HashSet<UserId> = records.iter().map(|record| record.key().user).collect();
        let active: HashSet<Key> = records.iter().filter(|record| is_active(record)).map(rows::key).collect();
        match self.append(records).await {
            Ok(added) => {
                if let Some(presence) = &self.presence {
                    // What was left as it is may have been deleted, or hold no more.
                    presence.unsure(users);
                    presence.saved(added.intersection(&active).map(|(user, _)| *user));
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

    /// Adds what is not there yet, in one commit, and tells what that was.
    async fn append(&self, records: Vec<MemoryRecord>) -> Result<HashSet<Key>, Failed> {
        let added = match self.shared {
            None => self.append_alone(records).await?,
            Some(limit) => {
                let once = shared::insert_once(&self.reader.table, &self.schema, records);
                let added = shared::bounded(limit, once).await.map_err(|_| Failed::Read(errors::too_slow()))?;
                added.map_err(|error| Failed::Commit(Shared::new(error)))?
            }
        };
        if !added.is_empty() {
            metrics::histogram!("palavra_memories_rows_per_commit").record(added.len() as f64);
            self.tell(false);
        }
        Ok(added)
    }

    async fn append_alone(&self, records: Vec<MemoryRecord>) -> Result<HashSet<Key>, Failed> {
        let keys: Vec<Key> = records.iter().map(rows::key).collect();
        let mut seen = self.reader.existing(&keys).await.map_err(Failed::Read)?;
        let new: Vec<MemoryRecord> = records.into_iter().filter(|record| seen.insert(rows::key(record))).collect();
        if new.is_empty() {
            return Ok(HashSet::new());
        }
        let commit = async {
            let batch = rows::to_batch(&self.schema, &new)?;
            self.reader.table.add(batch).execute().await
        };
        commit.await.map_err(|error| Failed::Commit(Shared::new(error)))?;
        Ok(new.iter().map(rows::key).collect())
    }

    fn changes(&self) -> Changes<'_> {
        Changes { table: &self.reader.table, schema: &self.schema, shared: self.shared.is_some() }
    }

    /// Does what changes rows that are there: while nothing is merged.
    async fn alone<T>(
        &self,
        change: impl Future<Output = Result<changes::Done<T>, StoreError>>,
    ) -> Result<T, StoreError> {
        let _alone = self.rewriting.lock().await;
        let done = match self.shared {
            None => change.await?,
            Some(limit) => shared::bounded(limit, change).await.map_err(|_| errors::too_slow())??,
        };
        if done.written {
            self.tell(done.removed > 0);
        }
        Ok(done.outcome)
    }

    async fn change(&self, user: UserId, memories: &[EmbeddedMemory]) -> Result<Option<Vec<Memory>>, StoreError> {
        let outcome = self.alone(self.changes().change(user, memories)).await;
        if let Some(presence) = &self.presence {
            presence.unsure([user]);
            let written = outcome.iter().flatten().flatten();
            presence.saved(written.filter(|memory| memory.state == MemoryState::Active).map(|_| user));
        }
        outcome
    }

    async fn import(&self, records: &[MemoryRecord]) -> Result<(), StoreError> {
        let outcome = self.alone(self.changes().import(records)).await;
        if let Some(presence) = &self.presence {
            presence.unsure(records.iter().map(|record| record.key().user));
        }
        outcome
    }

    async fn merge(&self, records: &[MemoryRecord]) -> Result<(), StoreError> {
        let outcome = self.alone(self.changes().merge(records)).await;
        if let Some(presence) = &self.presence {
            presence.unsure(records.iter().map(|record| record.key().user));
        }
        outcome
    }

    async fn remove(&self, keys: &[MemoryKey]) -> Result<(), StoreError> {
        let rows: Vec<Key> = keys.iter().map(|key| (key.user, key.id)).collect();
        let outcome = self.alone(self.changes().remove(&rows)).await;
        if let Some(presence) = &self.presence {
            presence.unsure(keys.iter().map(|key| key.user));
        }
        outcome
    }

    async fn delete(&self, user: UserId, which: Deletion, now: Timestamp) -> Result<Deleted, StoreError> {
        let outcome = self.alone(self.changes().delete(user, which, now)).await;
        if let Some(presence) = &self.presence {
            presence.unsure([user]);
        }
        outcome
    }

    async fn delete_all(&self, user: UserId) -> Result<u64, StoreError> {
        let outcome = self.alone(self.changes().erase(user)).await;
        if let Some(presence) = &self.presence {
            if outcome.is_ok() { presence.emptied(user) } else { presence.unsure([user]) }
        }
        outcome
    }

    fn tell(&self, removed: bool) {
        self.written.send_modify(|written| {
            written.commits += 1;
            written.removals += u64::from(removed);
        });
    }
}

fn is_active(record: &MemoryRecord) -> bool {
    matches!(record, MemoryRecord::Kept(embedded) if embedded.memory.state == MemoryState::Active)
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
