//! Keeping the files in order: away from the callers, in a task of its own.
//!
//! Every commit leaves a file of rows, often of one row, and a version. A tidying merges small files; from time to time a
//! thorough one also merges middling ones and brings the indexes up to date (rows that are not in an index yet are found
//! by looking at each, which is quick while they are few). What was replaced is removed when nobody can need it any more.
//!
//! New rows are appended while files are merged; updates and deletions of this process wait for that. They would not mix:
//! whichever came second would be done again.
//!
//! Old versions are needed by reads that began when they were new, and by commits: whoever commits checks every version
//! since the one it read, and one that is gone would be passed over, with the deletion in it. Both end within a time that
//! is shorter than the versions are kept, in every process ([`Pace`]); times are measured from when this process saw the
//! newer version, so that no clocks are compared.
//!
//! Files that no version names are of a write that failed or was killed, or of one that is under way, perhaps elsewhere.
//! Those that have been there for longer than any write takes are removed ([`crate::leftovers`]).

use crate::{
    commits,
    leftovers::Leftovers,
    shared::{self, TookTooLong},
};
use lance::{Dataset, dataset::cleanup::CleanupPolicy};
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
/// Files of fewer rows are merged by a thorough tidying, if they are also smaller than [`MIDDLING_BYTES`].
const MIDDLING_FILE: usize = 16 * 1024;
/// The size of a file's vectors up to which rewriting it is no burden.
const MIDDLING_BYTES: usize = 64 << 20;
/// Of vectors, read at once while merging.
const BATCH_BYTES: usize = 2 << 20;
/// Read ahead while merging; more than a batch.
const READ_AHEAD_BYTES: u64 = 32 << 20;
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

/// How long things take at most, and how long others wait for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) after_commits: u64,
    pub(crate) when_idle: Duration,
    /// How long an old version is kept.
    pub(crate) keep: Duration,
    pub(crate) leftovers_after: Duration,
    /// Where other processes write too: how long one merge may take.
    pub(crate) shared: Option<Duration>,
}

impl Pace {
    /// The times for calls that take `timeout` at most.
    pub(crate) fn new(options: &crate::LanceDbOptions) -> Self {
        let timeout = options.timeout;
        Self {
            after_commits: u64::from(options.compact_after_writes.max(1)),
            when_idle: options.compact_when_idle,
            // Alone, only this process's reads can need one: its commits and its merges take turns with the removal.
            keep: if options.sole_writer { timeout } else { timeout * 8 },
            leftovers_after: options.leftovers_after.max(timeout * 10),
            shared: (!options.sole_writer).then_some(timeout * 6),
        }
    }
}

/// What a tidying made superfluous.
#[derive(Clone, Copy, Debug)]
struct Leavings {
    /// The version that the tidying made; nothing before it is needed any more once the reads of its time have ended.
    before: u64,
    /// When that version was there.
    since: Instant,
}

/// What becomes of files that no version names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// They stay.
    Keep,
    /// They go: nobody is writing.
    Remove,
}

pub(crate) struct Maintenance {
    table: Table,
    dimensions: usize,
    rewriting: Rewriting,
    pace: Pace,
    leftovers: Leftovers,
    /// What of the writer's work has been tidied.
    tidied: Written,
    last_thorough: u64,
    failures: u32,
    not_before: Instant,
    /// The newest tidying whose leavings are still there.
    leavings: Option<Leavings>,
    /// What is removed next.
    removal: Option<Leavings>,
    /// Other processes left something to merge, and perhaps nobody does it.
    others_wrote: bool,
}

impl Maintenance {
    pub(crate) fn new(table: Table, dimensions: usize, rewriting: Rewriting, pace: Pace) -> Self {
        Self {
            leftovers: Leftovers::new(pace.leftovers_after),
            table,
            dimensions,
            rewriting,
            pace,
            tidied: Written::default(),
            last_thorough: 0,
            failures: 0,
            not_before: Instant::now(),
            leavings: None,
            removal: None,
            others_wrote: false,
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
                0 if self.others_wrote => Some(self.not_before),
                0 => None,
                pending if pending >= self.pace.after_commits => Some(self.not_before),
                _ => Some((last_commit + self.pace.when_idle).max(self.not_before)),
            };
            let remove_at = self.removal.map(|leavings| leavings.since + self.pace.keep);
            let look_at = self.leftovers.due();
            if tidy_at.is_some_and(|at| at <= Instant::now()) {
                let often = self.pace.after_commits * THOROUGH_EVERY;
                let thorough = first || self.others_wrote || now.commits - self.last_thorough >= often;
                first &= !self.tidy(now, thorough).await;
            } else if remove_at.is_some_and(|at| at <= Instant::now()) {
                self.remove().await;
            } else if look_at <= Instant::now() {
                self.look().await;
            } else {
                tokio::select! {
                    changed = written.changed() => match changed {
                        Ok(()) => last_commit = Instant::now(),
                        Err(_) => return,
                    },
                    () = at(tidy_at) => {}
                    () = at(remove_at) => {}
                    () = sleep_until(look_at) => {}
                }
            }
        }
    }

    /// Tidies up what was written until `now`; `true` when it was done.
    async fn tidy(&mut self, now: Written, thorough: bool) -> bool {
        let began = Instant::now();
        // What was deleted or replaced has to leave the disk, also what another process deleted that has ended since.
        let erase = self.pace.shared.is_some() || now.removals > self.tidied.removals;
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
        self.others_wrote = false;
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
        let vector_bytes = (self.dimensions * size_of::<f32>()).max(1);
        let middling = (MIDDLING_BYTES / vector_bytes).clamp(SMALL_FILE, MIDDLING_FILE);
        let mut options = CompactionOptions {
            target_rows_per_fragment: if thorough { middling } else { SMALL_FILE },
            // Whoever waits for an answer needs the other cores more.
            num_threads: Some(1),
            batch_size: Some((BATCH_BYTES / vector_bytes).clamp(16, SMALL_FILE)),
            io_buffer_size: Some(READ_AHEAD_BYTES),
            ..CompactionOptions::default()
        };
        if erase {
            options.materialize_deletions_threshold = 0.0;
        }
        self.persistently(|| async {
            let _alone = self.rewriting.lock().await;
            let options = options.clone();
            self.in_time(self.table.optimize(OptimizeAction::Compact { options, remap_options: None })).await
        })
        .await?;
        if thorough {
            let all = || OptimizeAction::Index(OptimizeOptions::merge(usize::MAX));
            self.persistently(|| self.in_time(self.table.optimize(all()))).await?;
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

    /// Begins on the newest version, and ends before others may remove those that it has to be checked against.
    async fn in_time<T>(&self, action: impl Future<Output = lancedb::Result<T>>) -> lancedb::Result<T> {
        let Some(limit) = self.pace.shared else { return action.await };
        let fresh = async {
            self.table.checkout_latest().await?;
            action.await
        };
        let done = shared::bounded(limit, fresh).await;
        done.unwrap_or_else(|TookTooLong| Err(Error::Timeout { message: format!("it took longer than {limit:?}") }))
    }

    /// Removes the versions from before a tidying that ended so long ago that nobody can use them any more.
    async fn remove(&mut self) {
        let Some(due) = self.removal.take() else { return };
        if let Err(error) = remove_before(&self.table, due.before, Unnamed::Keep).await {
            tracing::warn!(error = %error, "removing old versions of memories failed; it is tried again");
            self.removal = Some(Leavings { since: Instant::now(), ..due });
            return;
        }
        self.removal = self.leavings.filter(|newer| newer.before > due.before);
    }

    /// Looks for what processes left that have ended: files of writes, files that nobody merged, versions that nobody
    /// removed.
    async fn look(&mut self) {
        let look = async {
            self.leftovers.remove(&self.table).await?;
            commits::newest(&self.table).await
        };
        let newest = match look.await {
            Ok(newest) => newest,
            Err(error) => {
                tracing::warn!(error = %error, "looking for what others left of the memories failed; it is tried again");
                return;
            }
        };
        if self.pace.shared.is_none() {
            return;
        }
        let version = newest.version().version;
        if is_untidy(&newest, self.pace.after_commits) {
            self.others_wrote = true;
        } else if self.leavings.is_none_or(|leavings| leavings.before < version) {
            self.leavings = Some(Leavings { before: version, since: Instant::now() });
            self.removal = self.removal.or(self.leavings);
        }
    }
}

/// Whether there is more to merge than the running processes would leave.
fn is_untidy(dataset: &Dataset, after_commits: u64) -> bool {
    let fragments = dataset.get_fragments();
    let small = fragments.iter().filter(|file| file.metadata().physical_rows.is_none_or(|rows| rows < SMALL_FILE));
    fragments.iter().any(|file| file.metadata().deletion_file.is_some()) || small.count() as u64 > after_commits
}

/// Removes the versions before this one, and the files that only they name. By number and not, as [`Table::optimize`]
/// does, by age: a merge makes several versions in one go, and the last but one still names what was merged.
pub(crate) async fn remove_before(table: &Table, version: u64, unnamed: Unnamed) -> lancedb::Result<()> {
    let policy = CleanupPolicy {
        before_version: Some(version),
        delete_unverified: unnamed == Unnamed::Remove,
        error_if_tagged_old_versions: false,
        ..CleanupPolicy::default()
    };
    commits::newest(table).await?.cleanup_with_policy(policy).await?;
    Ok(())
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
