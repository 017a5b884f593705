//! What differs where several processes write to one table.
//!
//! Commits are optimistic: one that was prepared on an older version is checked against every commit since, and done again
//! when they do not go together. That needs the versions in between to be there still, so whatever commits has to do so
//! within a time that is shorter than old versions are kept; see [`crate::maintenance`].

use crate::{
    commits::{self, Prepared, TRIES},
    errors::is_conflict,
    filters,
    rows::{self, Key},
    schema::{ID, USER_ID},
};
use arrow_schema::SchemaRef;
use lance::Dataset;
use lancedb::{Error, Table};
use palavra_domain::MemoryRecord;
use std::{collections::HashSet, time::Duration};
use tokio::time::{Instant, timeout};

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

/// Adds what is not there yet, in one commit, and tells what that was. Of several processes that insert one memory at once,
/// one does.
///
/// An append goes together with any other append, so this is an update that changes nothing, adds rows, and names their
/// keys; see [`crate::commits`].
pub(crate) async fn insert_once(
    table: &Table,
    schema: &SchemaRef,
    records: Vec<MemoryRecord>,
) -> lancedb::Result<HashSet<Key>> {
    let mut seen = HashSet::new();
    let records: Vec<MemoryRecord> = records.into_iter().filter(|record| seen.insert(rows::key(record))).collect();
    let keys: Vec<Key> = records.iter().map(rows::key).collect();
    let mut prepared: Option<Prepared> = None;
    let mut tries = 1;
    loop {
        table.checkout_latest().await?;
        let dataset = commits::newest(table).await?;
        let there = existing(&dataset, &keys).await?;
        let new: HashSet<Key> = keys.iter().copied().filter(|key| !there.contains(key)).collect();
        if new.is_empty() {
            return Ok(new);
        }
        // The files of a try that met another commit serve the next one, unless some of its rows are there by now.
        let rows = match prepared.take().filter(|prepared| prepared.keys == new) {
            Some(prepared) => prepared,
            None => {
                let new = records.iter().filter(|record| new.contains(&rows::key(record))).cloned();
                commits::prepare(&dataset, schema, &new.collect::<Vec<_>>()).await?
            }
        };
        match commits::add(&dataset, &rows).await {
            Ok(committed) => {
                commits::take_over(table, committed)?;
                return Ok(new);
            }
            Err(error) if is_conflict(&error) && tries < TRIES => {
                tracing::debug!(error = %error, tries, "saving memories met another process");
                prepared = Some(rows);
                commits::pause(tries).await;
                tries += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Which of these memories a version has.
async fn existing(dataset: &Dataset, keys: &[Key]) -> lancedb::Result<HashSet<Key>> {
    let mut scan = dataset.scan();
    scan.project(&[USER_ID, ID])?.filter_expr(filters::any_of(keys));
    let batch = scan.try_into_batch().await?;
    // A row whose key cannot be read is none of these.
    let found = rows::keys(&batch).map_err(|message| Error::Runtime { message })?;
    Ok(found.into_iter().flatten().collect())
}
