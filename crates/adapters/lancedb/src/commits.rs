//! Commits that are checked against every other one since the version that they were made from.
//!
//! Each is an update in Lance's sense: it removes rows, adds rows, and names the keys of what it adds. Two of them that
//! remove one row, or name one key, do not go together: the second is not accepted, and has to be made again from the newest
//! version. All processes have to write this way, or as the only one.

use crate::{
    filters,
    rows::{self, Key},
    schema::{ID, USER_ID},
};
use arrow_schema::SchemaRef;
use lance::{
    Dataset,
    dataset::{
        CommitBuilder, DeleteBuilder, InsertBuilder, UncommittedDelete, WriteMode, WriteParams,
        transaction::{Operation, Transaction, UpdateMode},
    },
    table::format::{
        Fragment,
        key_existence::{FilterType, KeyExistenceFilter},
    },
};
use lancedb::{Error, Table, expr::DfExpr};
use palavra_domain::MemoryRecord;
use sha2::{Digest as _, Sha256};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::sleep;

/// Tries at a commit that meets others.
pub(crate) const TRIES: u32 = 10;

/// The newest version that is known, as Lance has it.
pub(crate) async fn newest(table: &Table) -> lancedb::Result<Arc<Dataset>> {
    table.dataset().ok_or_else(no_files)?.get().await
}

/// Makes a version that was committed the one that this process reads.
pub(crate) fn take_over(table: &Table, committed: Dataset) -> lancedb::Result<()> {
    table.dataset().ok_or_else(no_files)?.update(committed);
    Ok(())
}

fn no_files() -> Error {
    Error::NotSupported { message: "a table of a remote server has no files here".to_owned() }
}

/// Waits before another try, longer each time.
pub(crate) async fn pause(tries: u32) {
    sleep(Duration::from_millis(10) * 2_u32.saturating_pow(tries.min(6))).await;
}

/// Rows that are in files, but in no version yet.
pub(crate) struct Prepared {
    pub(crate) keys: HashSet<Key>,
    fragments: Vec<Fragment>,
}

/// Writes the files of rows that are to be added.
pub(crate) async fn prepare(
    dataset: &Arc<Dataset>,
    schema: &SchemaRef,
    records: &[MemoryRecord],
) -> lancedb::Result<Prepared> {
    let batch = rows::to_batch(schema, records)?;
    let params = WriteParams { mode: WriteMode::Append, ..WriteParams::default() };
    let insert = InsertBuilder::new(Arc::clone(dataset)).with_params(&params).execute_uncommitted(vec![batch]).await?;
    match insert.operation {
        Operation::Append { fragments } => Ok(Prepared { keys: records.iter().map(rows::key).collect(), fragments }),
        other => Err(Error::Runtime { message: format!("an append became {other}") }),
    }
}

/// Looks for the rows that a filter finds, to be removed.
pub(crate) async fn find_removed(dataset: &Arc<Dataset>, which: DfExpr) -> lancedb::Result<UncommittedDelete> {
    Ok(DeleteBuilder::from_expr(Arc::clone(dataset), which).execute_uncommitted().await?)
}

/// Adds rows to a version that does not have their keys.
pub(crate) async fn add(dataset: &Arc<Dataset>, rows: &Prepared) -> lance::Result<Dataset> {
    commit(dataset, update(dataset, Vec::new(), Vec::new(), rows), CommitBuilder::new(Arc::clone(dataset))).await
}

/// Puts rows in the place of those that have their keys; tells how many those were.
pub(crate) async fn replace(dataset: &Arc<Dataset>, rows: &Prepared) -> lance::Result<(Dataset, u64)> {
    let keys: Vec<Key> = rows.keys.iter().copied().collect();
    let removed = DeleteBuilder::from_expr(Arc::clone(dataset), filters::exactly(&keys)).execute_uncommitted().await?;
    let count = removed.num_deleted_rows;
    let Operation::Delete { updated_fragments, deleted_fragment_ids, .. } = removed.transaction.operation else {
        return Err(lance::Error::internal("a deletion became something else"));
    };
    let mut builder = CommitBuilder::new(Arc::clone(dataset));
    if let Some(affected) = removed.affected_rows {
        builder = builder.with_affected_rows(affected);
    }
    let operation = update(dataset, updated_fragments, deleted_fragment_ids, rows);
    Ok((commit(dataset, operation, builder).await?, count))
}

/// Removes rows.
pub(crate) async fn remove(dataset: &Arc<Dataset>, removed: UncommittedDelete) -> lance::Result<Dataset> {
    let mut builder = CommitBuilder::new(Arc::clone(dataset));
    if let Some(affected) = removed.affected_rows {
        builder = builder.with_affected_rows(affected);
    }
    builder.with_skip_auto_cleanup(true).execute(removed.transaction).await
}

fn update(dataset: &Dataset, updated: Vec<Fragment>, removed: Vec<u64>, rows: &Prepared) -> Operation {
    let columns = dataset.schema();
    let field_ids = [USER_ID, ID].iter().filter_map(|name| columns.field(name)).map(|field| field.id).collect();
    let named = KeyExistenceFilter { field_ids, filter: FilterType::ExactSet(rows.keys.iter().map(number).collect()) };
    Operation::Update {
        removed_fragment_ids: removed,
        updated_fragments: updated,
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
    }
}

async fn commit(dataset: &Dataset, operation: Operation, builder: CommitBuilder<'_>) -> lance::Result<Dataset> {
    let transaction = Transaction::new(dataset.version().version, operation, None);
    builder.with_skip_auto_cleanup(true).execute(transaction).await
}

/// A number for a key, the same in every process. Keys that share one only cost a try.
fn number((user, id): &Key) -> u64 {
    let digest = Sha256::digest(format!("{user}/{id}"));
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
