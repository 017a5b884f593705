//! What differs where several processes write to one table.
//!
//! Commits are optimistic: one that was prepared on an older version is checked against every commit since, and done again
//! when they do not go together. That needs the versions in between to be there still, so whatever commits has to do so
//! within a time that is shorter than old versions are kept; see [`crate::maintenance`].

use crate::{
    errors::is_conflict,
    filters, rows,
    schema::{ID, USER_ID},
};
use arrow_schema::SchemaRef;
use lance::{
    Dataset,
    dataset::{
        CommitBuilder, InsertBuilder, WriteMode, WriteParams,
        transaction::{Operation, Transaction, UpdateMode},
    },
    table::format::{
        Fragment,
        key_existence::{FilterType, KeyExistenceFilter},
    },
};
use lancedb::{Error, Table};
use palavra_domain::{EmbeddedMemory, MemoryId, UserId};
use sha2::{Digest as _, Sha256};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// Tries at a commit that meets others.
const TRIES: u32 = 10;

/// It took longer than it may. Whether it was done is not known.
#[derive(Debug)]
pub(crate) struct TookTooLong;

/// Waits for something that must not take longer than this: also what came to an end later, because the process had been
/// stopped in between, counts for nothing.
pub(crate) async fn bounded<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, TookTooLong> {
    let began = Instant::now();
    match timeout(limit, work).await {
        Ok(done) if began.elapsed() <= limit => Ok(done),
        _ => Err(TookTooLong),
    }
}

/// The newest version that is known, as Lance has it.
pub(crate) async fn newest(table: &Table) -> lancedb::Result<Arc<Dataset>> {
    table.dataset().ok_or_else(no_files)?.get().await
}

fn no_files() -> Error {
    Error::NotSupported { message: "a table of a remote server has no files here".to_owned() }
}

/// Rows of a commit that was not accepted yet.
struct Prepared {
    keys: HashSet<(UserId, MemoryId)>,
    fragments: Vec<Fragment>,
}

/// Adds what is not there yet, in one commit, and tells how much that was. Of several processes that insert one memory at
/// once, one does.
///
/// An append goes together with any other append, so this is an update that changes nothing, adds rows, and names their
/// keys: two of those that name the same key do not go together. All processes have to insert this way.
pub(crate) async fn insert_once(
    table: &Table,
    schema: &SchemaRef,
    memories: Vec<EmbeddedMemory>,
) -> lancedb::Result<usize> {
    let mut seen = HashSet::new();
    let memories: Vec<EmbeddedMemory> = memories.into_iter().filter(|row| seen.insert(rows::key(row))).collect();
    let keys: Vec<(UserId, MemoryId)> = memories.iter().map(rows::key).collect();
    let mut prepared: Option<Prepared> = None;
    let mut tries = 1;
    loop {
        table.checkout_latest().await?;
        let dataset = newest(table).await?;
        let there = existing(&dataset, &keys).await?;
        let new: HashSet<_> = keys.iter().copied().filter(|key| !there.contains(key)).collect();
        if new.is_empty() {
            return Ok(0);
        }
        // The files of a try that met another commit serve the next one, unless some of its rows are there by now.
        let rows = match prepared.take().filter(|prepared| prepared.keys == new) {
            Some(prepared) => prepared,
            None => prepare(&dataset, schema, &memories, new).await?,
        };
        let added = rows.keys.len();
        match commit(&dataset, &rows).await {
            Ok(committed) => {
                table.dataset().ok_or_else(no_files)?.update(committed);
                return Ok(added);
            }
            Err(error) if is_conflict(&error) && tries < TRIES => {
                tracing::debug!(error = %error, tries, "saving memories met another process");
                prepared = Some(rows);
                sleep(Duration::from_millis(10) * 2_u32.saturating_pow(tries.min(6))).await;
                tries += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Which of these memories a version has.
async fn existing(dataset: &Dataset, keys: &[(UserId, MemoryId)]) -> lancedb::Result<HashSet<(UserId, MemoryId)>> {
    let mut scan = dataset.scan();
    scan.project(&[USER_ID, ID])?.filter_expr(filters::any_of(keys));
    let batch = scan.try_into_batch().await?;
    // A row whose key cannot be read is none of these.
    let found = rows::keys(&batch).map_err(|message| Error::Runtime { message })?;
    Ok(found.into_iter().flatten().collect())
}

async fn prepare(
    dataset: &Arc<Dataset>,
    schema: &SchemaRef,
    memories: &[EmbeddedMemory],
    keys: HashSet<(UserId, MemoryId)>,
) -> lancedb::Result<Prepared> {
    let new: Vec<EmbeddedMemory> = memories.iter().filter(|row| keys.contains(&rows::key(row))).cloned().collect();
    let batch = rows::to_batch(schema, &new)?;
    let params = WriteParams { mode: WriteMode::Append, ..WriteParams::default() };
    let insert = InsertBuilder::new(Arc::clone(dataset)).with_params(&params).execute_uncommitted(vec![batch]).await?;
    match insert.operation {
        Operation::Append { fragments } => Ok(Prepared { keys, fragments }),
        other => Err(Error::Runtime { message: format!("an append became {other}") }),
    }
}

async fn commit(dataset: &Arc<Dataset>, rows: &Prepared) -> lance::Result<Dataset> {
    let columns = dataset.schema();
    let field_ids = [USER_ID, ID].iter().filter_map(|name| columns.field(name)).map(|field| field.id).collect();
    let named = KeyExistenceFilter { field_ids, filter: FilterType::ExactSet(rows.keys.iter().map(number).collect()) };
    let operation = Operation::Update {
        removed_fragment_ids: Vec::new(),
        updated_fragments: Vec::new(),
        new_fragments: rows.fragments.clone(),
        fields_modified: Vec::new(),
        compacted_sstables: Vec::new(),
        fields_for_preserving_frag_bitmap: columns
            .fields_pre_order()
            .filter_map(|field| field.id.try_into().ok())
            .collect(),
        update_mode: Some(UpdateMode::RewriteRows),
        inserted_rows_filter: Some(named),
        updated_fragment_offsets: None,
    };
    let transaction = Transaction::new(dataset.version().version, operation, None);
    CommitBuilder::new(Arc::clone(dataset)).with_skip_auto_cleanup(true).execute(transaction).await
}

/// A number for a key, the same in every process. Keys that share one only cost a try.
fn number((user, id): &(UserId, MemoryId)) -> u64 {
    let digest = Sha256::digest(format!("{user}/{id}"));
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
