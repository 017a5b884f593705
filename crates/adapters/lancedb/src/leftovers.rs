//! Files that no version names.

use crate::commits;
use lance::dataset::cleanup::CleanupPolicy;
use lancedb::Table;
use object_store::path::Path;
use std::{collections::HashSet, time::Duration};
use tokio::time::Instant;

/// Beyond this the others are found the next time.
const MAX_FILES: usize = 100_000;

/// Removes files that were not named by any version when it looked first, nor when it looked again. No clocks are compared:
/// the storage's may be another than ours.
pub(crate) struct Leftovers {
    every: Duration,
    due: Instant,
    /// What was not named the last time, and when that was.
    seen: HashSet<String>,
    looked: Option<Instant>,
}

impl Leftovers {
    /// Files have to be there for `every`, which is longer than any write takes.
    pub(crate) fn new(every: Duration) -> Self {
        // The first look is soon: it only takes notes.
        Self { every, due: Instant::now() + every.min(Duration::from_secs(1)), seen: HashSet::new(), looked: None }
    }

    /// When to look next.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Removes what was there the last time too, and remembers the rest.
    pub(crate) async fn remove(&mut self, table: &Table) -> lancedb::Result<()> {
        let before = self.looked.replace(Instant::now());
        self.due = Instant::now() + self.every;
        let found = unnamed(table).await?;
        let since_long = before.is_some_and(|at| at.elapsed() >= self.every);
        let seen = std::mem::replace(&mut self.seen, found);
        if !since_long {
            return Ok(());
        }
        let old: Vec<String> = self.seen.intersection(&seen).cloned().collect();
        let store = commits::newest(table).await?.object_store(None).await?;
        for file in old {
            store.delete(&Path::parse(&file).map_err(object_store::Error::from)?).await?;
            tracing::info!(file, "removed a file that a failed write of memories had left");
            self.seen.remove(&file);
        }
        Ok(())
    }
}

/// The files in the table's folder that no version names.
async fn unnamed(table: &Table) -> lancedb::Result<HashSet<String>> {
    table.checkout_latest().await?;
    // No version is old in this one's eyes, so every file that one names is in use.
    let policy = CleanupPolicy { before_version: Some(0), delete_unverified: true, ..CleanupPolicy::default() };
    let dataset = commits::newest(table).await?;
    let explained = dataset.cleanup(policy).with_max_candidate_files(MAX_FILES).explain().await?;
    Ok(explained.candidate_files.into_iter().filter(|file| file.unverified).map(|file| file.path).collect())
}
