//! Keeping the files in order: away from the callers, in a task of its own.
//!
//! Every commit leaves a file of rows, often of one row, and a version. A tidying merges small files; from time to time a
//! thorough one also merges middling ones and brings the indexes up to date (rows that are not in an index yet are found
//! by looking at each, which is quick while they are few). What was replaced is removed when no read can need it any more.
//!
//! New rows are appended while files are merged; updates and deletions wait for that. They would not mix: whichever came
//! second would be done again, and the files of the attempt, with people's texts in them, would stay for a week.

use lance::dataset::cleanup::CleanupPolicy;
use lancedb::{
    Error, Table,
    table::{CompactionOptions, OptimizeAction, OptimizeOptions, OptimizeStats},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep, sleep_until},
};

/// Files of fewer rows are merged each time.
const SMALL_FILE: usize = 1024;
/// Files of fewer rows are merged by a thorough tidying. Small enough that rewriting one is no burden.
const MIDDLING_FILE: usize = 16 * 1024;
/// A thorough tidying is due after this many ordinary ones' worth of commits.
const THOROUGH_EVERY: u64 = 16;
/// Tries at a merge that meets a concurrent update or deletion in the same file.
const TRIES: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What the writer has done since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    /// Commits.
    pub(crate) commits: u64,
    /// Those of them that deleted or replaced something.
    pub(crate) removals: u64,
}

/// Held by whatever changes rows that are there: merging, updating, deleting.
pub(crate) type Rewriting = Arc<Mutex<()>>;

/// What a tidying made superfluous.
#[derive(Clone, Copy, Debug)]
struct Leavings {
    /// The version that the tidying made; nothing before it is needed any more once the reads of its time have ended.
    before: u64,
    /// When that version was there.
    since: Instant,
}

/// What becomes of files that no version names: they are of a write that failed, or of one that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// They stay for a week.
    Keep,
    /// They go: nobody is writing.
    Remove,
}

pub(crate) struct Maintenance {
    table: Table,
    rewriting: Rewriting,
    after_commits: u64,
    when_idle: Duration,
    /// How long a read may use a version that is not the newest any more.
    keep: Duration,
    /// What of the writer's work has been tidied.
    tidied: Written,
    last_thorough: u64,
    failures: u32,
    not_before: Instant,
    /// The newest tidying whose leavings are still there.
    leavings: Option<Leavings>,
    /// What is removed next.
    removal: Option<Leavings>,
}

impl Maintenance {
    pub(crate) fn new(
        table: Table,
        rewriting: Rewriting,
        after_commits: u32,
        when_idle: Duration,
        keep: Duration,
    ) -> Self {
        Self {
            table,
            rewriting,
            after_commits: u64::from(after_commits.max(1)),
            when_idle,
            keep,
            tidied: Written::default(),
            last_thorough: 0,
            failures: 0,
            not_before: Instant::now(),
            leavings: None,
            removal: None,
        }
    }

    /// What the writer's count starts from: an earlier process may have stopped before it had tidied up, so the first idle
    /// moment is used for that.
    pub(crate) const LEFT_BEFORE: Written = Written { commits: 1, removals: 1 };

    /// Runs until the writer ends.
    pub(crate) async fn run(mut self, mut written: watch::Receiver<Written>) {
        let mut last_commit = Instant::now();
        let mut first = true;
        loop {
            let now = *written.borrow_and_update();
            let pending = now.commits - self.tidied.commits;
            let tidy_at = match pending {
                0 => None,
                pending if pending >= self.after_commits => Some(self.not_before),
                _ => Some((last_commit + self.when_idle).max(self.not_before)),
            };
            let remove_at = self.removal.map(|leavings| leavings.since + self.keep);
            if tidy_at.is_some_and(|at| at <= Instant::now()) {
                let thorough = first || now.commits - self.last_thorough >= self.after_commits * THOROUGH_EVERY;
                first &= !self.tidy(now, thorough).await;
            } else if remove_at.is_some_and(|at| at <= Instant::now()) {
                self.remove().await;
            } else {
                tokio::select! {
                    changed = written.changed() => match changed {
                        Ok(()) => last_commit = Instant::now(),
                        Err(_) => return,
                    },
                    () = at(tidy_at) => {}
                    () = at(remove_at) => {}
                }
            }
        }
    }

    /// Tidies up what was written until `now`; `true` when it was done.
    async fn tidy(&mut self, now: Written, thorough: bool) -> bool {
        let began = Instant::now();
        // What was deleted or replaced has to leave the disk.
        let erase = now.removals > self.tidied.removals;
        let outcome = self.merge(thorough, erase).await;
        let label = if outcome.is_ok() { "done" } else { "failed" };
        metrics::counter!("palavra_memories_tidyings_total", "outcome" => label).increment(1);
        let before = match outcome {
            Ok(version) => version,
            Err(error) => {
                self.failures += 1;
                let pause = Duration::from_millis(500) * 2_u32.saturating_pow(self.failures.min(10));
                let pause = pause.min(LONGEST_PAUSE);
                self.not_before = Instant::now() + pause;
                tracing::warn!(error = %error, retry_in = ?pause, "merging files of memories failed; nothing is lost");
                return false;
            }
        };
        self.failures = 0;
        self.tidied = now;
        if thorough {
            self.last_thorough = now.commits;
        }
        self.leavings = Some(Leavings { before, since: Instant::now() });
        self.removal = self.removal.or(self.leavings);
        tracing::debug!(thorough, took = ?began.elapsed(), "merged files of memories");
        true
    }

    /// Merges files; the version from which on nothing names the old ones.
    async fn merge(&self, thorough: bool, erase: bool) -> lancedb::Result<u64> {
        let mut options = CompactionOptions {
            target_rows_per_fragment: if thorough { MIDDLING_FILE } else { SMALL_FILE },
            // Whoever waits for an answer needs the other cores more.
            num_threads: Some(1),
            ..CompactionOptions::default()
        };
        if erase {
            options.materialize_deletions_threshold = 0.0;
        }
        self.persistently(|| async {
            let _alone = self.rewriting.lock().await;
            let options = options.clone();
            self.table.optimize(OptimizeAction::Compact { options, remap_options: None }).await
        })
        .await?;
        if thorough {
            self.persistently(|| self.table.optimize(OptimizeAction::Index(OptimizeOptions::merge(usize::MAX))))
                .await?;
        }
        self.table.version().await
    }

    /// Tries several times: commits of the writer or of other processes may come in between.
    async fn persistently<F>(&self, action: impl Fn() -> F) -> lancedb::Result<()>
    where
        F: Future<Output = lancedb::Result<OptimizeStats>>,
    {
        let mut tries = 1;
        loop {
            match action().await {
                Ok(_) => return Ok(()),
                Err(error) if tries < TRIES => {
                    tracing::debug!(error = %error, tries, "tidying memories met another commit");
                    sleep(Duration::from_millis(20) * 2_u32.saturating_pow(tries)).await;
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the versions from before a tidying that ended so long ago that no read can use them any more.
    async fn remove(&mut self) {
        let Some(due) = self.removal.take() else { return };
        if let Err(error) = remove_before(&self.table, due.before, Unnamed::Keep).await {
            tracing::warn!(error = %error, "removing old versions of memories failed; it is tried again");
            self.removal = Some(Leavings { since: Instant::now(), ..due });
            return;
        }
        self.removal = self.leavings.filter(|newer| newer.before > due.before);
    }
}

/// Removes the versions before this one, and the files that only they name. By number and not, as [`Table::optimize`]
/// does, by age: a merge makes several versions in one go, and the last but one still names what was merged.
pub(crate) async fn remove_before(table: &Table, version: u64, unnamed: Unnamed) -> lancedb::Result<()> {
    let dataset = table
        .dataset()
        .ok_or_else(|| Error::NotSupported { message: "a table of a remote server has no files here".to_owned() })?;
    let policy = CleanupPolicy {
        before_version: Some(version),
        delete_unverified: unnamed == Unnamed::Remove,
        error_if_tagged_old_versions: false,
        ..CleanupPolicy::default()
    };
    dataset.get().await?.cleanup_with_policy(policy).await?;
    Ok(())
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
