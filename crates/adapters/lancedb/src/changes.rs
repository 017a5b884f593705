//! Changes to rows that are there: each is one commit, made from a version that it is checked against.
//!
//! What a change comes to is planned from the rows as they are in one version. A commit of another process that touches one
//! of them makes ours be refused, and then it is planned again from the newest version: so a plan never meets other rows
//! than those that it was made from.

use crate::{
    commits::{self, Prepared, TRIES},
    errors::{self, is_conflict},
    filters,
    lineage::lineage,
    rows::{self, Deletable, Key, Stored},
    schema::{ID, MEMORY, TEXT_HASH},
};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use lance::Dataset;
use lancedb::{Table, expr::DfExpr};
use palavra_domain::{ChatId, EmbeddedMemory, Entity, Memory, MemoryId, MemoryRecord, StoreError, Timestamp, UserId};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// What is to be deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deletion {
    One(MemoryId),
    FromChat(ChatId),
}

/// What came of a deletion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deleted {
    /// Whether there was anything to delete.
    pub(crate) any: bool,
    /// How many of what was deleted had held.
    pub(crate) active: u64,
}

/// What a change comes to: rows to be put in the place of those that have their keys.
struct Plan<T> {
    records: Vec<MemoryRecord>,
    outcome: T,
}

/// What was done.
pub(crate) struct Done<T> {
    pub(crate) outcome: T,
    /// Whether anything was committed.
    pub(crate) written: bool,
    /// How many rows were replaced or removed.
    pub(crate) removed: u64,
}

/// Whatever changes rows of the table.
pub(crate) struct Changes<'a> {
    pub(crate) table: &'a Table,
    pub(crate) schema: &'a SchemaRef,
    /// Whether other processes may have written.
    pub(crate) shared: bool,
}

impl Changes<'_> {
    /// Writes several memories of a user together, or none of them.
    pub(crate) async fn change(
        &self,
        user: UserId,
        memories: &[EmbeddedMemory],
    ) -> Result<Done<Option<Vec<Memory>>>, StoreError> {
        self.make(|dataset| async move { plan_change(&dataset, user, memories).await }).await
    }

    /// Leaves of memories what is left of deleted ones.
    pub(crate) async fn delete(
        &self,
        user: UserId,
        which: Deletion,
        now: Timestamp,
    ) -> Result<Done<Deleted>, StoreError> {
        self.make(|dataset| async move { plan_deletion(&dataset, user, which, now).await }).await
    }

    /// Writes records in place of what is there under their keys.
    pub(crate) async fn import(&self, records: &[MemoryRecord]) -> Result<Done<()>, StoreError> {
        // Of several under one key the last counts.
        let last: HashMap<Key, usize> = records.iter().map(rows::key).zip(0..).collect();
        let records: Vec<MemoryRecord> = records
            .iter()
            .enumerate()
            .filter(|(place, record)| last.get(&rows::key(record)) == Some(place))
            .map(|(_, record)| record.clone())
            .collect();
        let records = &records;
        self.make(|_| async move { Ok(Plan { records: records.clone(), outcome: () }) }).await
    }

    /// Writes records where what is there under their keys has not come as far.
    pub(crate) async fn merge(&self, records: &[MemoryRecord]) -> Result<Done<()>, StoreError> {
        self.make(|dataset| async move { plan_merge(&dataset, records).await }).await
    }

    /// Removes all rows of a user, and tells how many of them held.
    pub(crate) async fn erase(&self, user: UserId) -> Result<Done<u64>, StoreError> {
        self.take_out(filters::of_user(user), Some(filters::active(user))).await
    }

    /// Removes the rows with these keys.
    pub(crate) async fn remove(&self, keys: &[Key]) -> Result<Done<()>, StoreError> {
        let Done { written, removed, .. } = self.take_out(filters::exactly(keys), None).await?;
        Ok(Done { outcome: (), written, removed })
    }

    /// Removes rows, and tells how many others there were among them.
    async fn take_out(&self, which: DfExpr, counted: Option<DfExpr>) -> Result<Done<u64>, StoreError> {
        let mut tries = 1;
        loop {
            let dataset = self.newest().await?;
            let outcome = match &counted {
                Some(counted) => read(&dataset, counted.clone(), &[ID]).await?.num_rows() as u64,
                None => 0,
            };
            let found = commits::find_removed(&dataset, which.clone()).await.map_err(errors::failed)?;
            let removed = found.num_deleted_rows;
            if removed == 0 {
                return Ok(Done { outcome, written: false, removed });
            }
            match commits::remove(&dataset, found).await {
                Ok(committed) => {
                    commits::take_over(self.table, committed).map_err(errors::failed)?;
                    return Ok(Done { outcome, written: true, removed });
                }
                Err(error) if is_conflict(&error) && tries < TRIES => self.wait(&error, tries).await,
                Err(error) => return Err(errors::failed(error.into())),
            }
            tries += 1;
        }
    }

    /// Commits what is planned, or plans again.
    async fn make<T, F>(&self, plan: impl Fn(Arc<Dataset>) -> F) -> Result<Done<T>, StoreError>
    where
        F: Future<Output = Result<Plan<T>, StoreError>>,
    {
        let mut prepared: Option<(Vec<MemoryRecord>, Prepared)> = None;
        let mut tries = 1;
        loop {
            let dataset = self.newest().await?;
            let Plan { records, outcome } = plan(Arc::clone(&dataset)).await?;
            if records.is_empty() {
                return Ok(Done { outcome, written: false, removed: 0 });
            }
            // The files of a try that met another commit serve the next one, if it comes to the same.
            let rows = match prepared.take().filter(|(planned, _)| *planned == records) {
                Some((_, rows)) => rows,
                None => commits::prepare(&dataset, self.schema, &records).await.map_err(errors::failed)?,
            };
            match commits::replace(&dataset, &rows).await {
                Ok((committed, removed)) => {
                    commits::take_over(self.table, committed).map_err(errors::failed)?;
                    return Ok(Done { outcome, written: true, removed });
                }
                Err(error) if is_conflict(&error) && tries < TRIES => self.wait(&error, tries).await,
                Err(error) => return Err(errors::failed(error.into())),
            }
            prepared = Some((records, rows));
            tries += 1;
        }
    }

    async fn newest(&self) -> Result<Arc<Dataset>, StoreError> {
        if self.shared {
            self.table.checkout_latest().await.map_err(errors::failed)?;
        }
        commits::newest(self.table).await.map_err(errors::failed)
    }

    async fn wait(&self, error: &lance::Error, tries: u32) {
        tracing::debug!(error = %error, tries, "changing memories met another commit");
        commits::pause(tries).await;
    }
}

/// The rows of a version.
async fn read(dataset: &Dataset, which: DfExpr, columns: &[&str]) -> Result<RecordBatch, StoreError> {
    let read = async {
        let mut scan = dataset.scan();
        scan.project(columns)?.filter_expr(which);
        scan.try_into_batch().await
    };
    read.await.map_err(|error| errors::failed(error.into()))
}

async fn plan_change(
    dataset: &Dataset,
    user: UserId,
    memories: &[EmbeddedMemory],
) -> Result<Plan<Option<Vec<Memory>>>, StoreError> {
    if memories.is_empty() {
        return Ok(Plan { records: Vec::new(), outcome: Some(Vec::new()) });
    }
    let which = filters::some(user, memories.iter().map(|embedded| embedded.memory.id));
    let stored = rows::stored(&read(dataset, which, &MEMORY).await?).map_err(errors::corrupt)?;
    let stored: HashMap<MemoryId, Stored> = stored.into_iter().map(|stored| (stored.id, stored)).collect();
    let (mut records, mut written, mut met) = (Vec::new(), Vec::new(), HashSet::new());
    for EmbeddedMemory { memory, vector } in memories {
        let mut memory = memory.clone();
        let first = met.insert(memory.id);
        let there = stored.get(&memory.id);
        if memory.revision == 0 {
            if there.is_some() || !first {
                continue;
            }
        } else {
            let Some(there) = there.filter(|there| !there.deleted) else {
                return Ok(Plan { records: Vec::new(), outcome: None });
            };
            if there.revision != memory.revision || !first {
                return Err(StoreError::Stale(Entity::Memory));
            }
            memory.origin = there.origin;
            memory.source.clone_from(&there.source);
            memory.created_at = there.created_at;
        }
        memory.revision = memory.revision.saturating_add(1);
        written.push(memory.clone());
        records.push(MemoryRecord::Kept(EmbeddedMemory { memory, vector: vector.clone() }));
    }
    Ok(Plan { records, outcome: Some(written) })
}

async fn plan_merge(dataset: &Dataset, records: &[MemoryRecord]) -> Result<Plan<()>, StoreError> {
    let keys: Vec<Key> = records.iter().map(rows::key).collect();
    let found = read(dataset, filters::any_of(&keys), &rows::STAGE).await?;
    let mut stages = rows::stages(&found).map_err(errors::corrupt)?;
    let mut farthest: HashMap<Key, usize> = HashMap::new();
    for (place, (key, record)) in keys.iter().zip(records).enumerate() {
        if stages.get(key).is_none_or(|there| record.stage() > *there) {
            stages.insert(*key, record.stage());
            farthest.insert(*key, place);
        }
    }
    // In the order given, so that a plan made again is the same.
    let is_farthest = |(place, key): &(usize, &Key)| farthest.get(*key) == Some(place);
    let places = keys.iter().enumerate().filter(is_farthest);
    Ok(Plan { records: places.filter_map(|(place, _)| records.get(place)).cloned().collect(), outcome: () })
}

async fn plan_deletion(
    dataset: &Dataset,
    user: UserId,
    which: Deletion,
    now: Timestamp,
) -> Result<Plan<Deleted>, StoreError> {
    let filter = match which {
        Deletion::One(id) => filters::lineage(user, id),
        Deletion::FromChat(chat) => filters::lineage_of_chat(user, chat),
    };
    let columns: Vec<&str> = MEMORY.into_iter().chain([TEXT_HASH]).collect();
    let there = rows::deletable(&read(dataset, filter, &columns).await?).map_err(errors::corrupt)?;
    let wanted = |row: &Deletable| match which {
        Deletion::One(id) => row.id == id,
        Deletion::FromChat(chat) => row.chat == Some(chat),
    };
    let from: Vec<MemoryId> = there.iter().filter(|row| wanted(row)).map(|row| row.id).collect();
    let superseded = there.iter().filter_map(|row| Some((row.id, row.superseded_by?)));
    let ids = lineage(from, superseded);
    let gone: Vec<&Deletable> = there.iter().filter(|row| ids.contains(&row.id)).collect();
    let outcome = Deleted { any: !gone.is_empty(), active: gone.iter().filter(|row| row.active).count() as u64 };
    let records = gone.into_iter().map(|row| MemoryRecord::Deleted(row.left(user, now))).collect();
    Ok(Plan { records, outcome })
}
