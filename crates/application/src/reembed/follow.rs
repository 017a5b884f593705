//! What every process that serves does: it goes where the ledger says, and takes the work that nobody has.

use super::{
    ReembedError, Reembedding,
    copier::{Copier, CopyFailure, Known},
};
use crate::{Calibration, MemorySpace, Spaces, decorators::HotMemoryRepository};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use palavra_domain::{SpaceLedger, SpaceTable, UserId};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// While there is something to do, the ledger is looked at so many times as often.
const HURRY: u32 = 4;
/// Users who are brought over at once.
const AT_ONCE: usize = 8;
/// How long a write may be waited for, or have to wait.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it is tried to bring over what this process wrote lately; then it is left to whoever has the work.
const LONG_ENOUGH: Duration = Duration::from_secs(30);

/// Follows the ledger, for a process that serves.
pub struct Follower {
    /// Does the work.
    pub reembedding: Arc<Reembedding>,
    /// What is served from.
    pub spaces: Arc<Spaces>,
    /// How many bytes of memories of active users may be kept in process.
    pub hot_bytes: usize,
}

/// What there is to do.
enum Work {
    None,
    OfOthers,
    Free,
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    /// Since when it cannot be followed.
    failing: Option<Instant>,
    /// Tables that were served from, and may still be open.
    left: Vec<String>,
}

impl Follower {
    /// Follows until the future is dropped; work that is under way is then left to another process.
    pub async fn run(&self) {
        let (mut seen, mut work) = (Seen::default(), JoinSet::new());
        let every = self.reembedding.pace.look_every;
        loop {
            let mut pause = every;
            match self.look(&mut seen).await {
                Ok(Work::OfOthers) => pause = every / HURRY,
                Ok(Work::Free) => {
                    pause = every / HURRY;
                    while work.try_join_next().is_some() {}
                    if work.is_empty() {
                        let reembedding = Arc::clone(&self.reembedding);
                        work.spawn(async move {
                            if let Err(error) = reembedding.work().await {
                                let error = &error as &dyn Error;
                                tracing::warn!(
                                    error,
                                    "embedding memories anew was broken off; it will be taken up again"
                                );
                            }
                        });
                    }
                }
                Ok(Work::None) => {}
                Err(error) => tracing::warn!(
                    error = &error as &dyn Error,
                    "it is not known which table of memories to serve from; it will be looked again"
                ),
            }
            sleep(pause).await;
        }
    }

    /// Goes where the ledger says.
    async fn look(&self, seen: &mut Seen) -> Result<Work, ReembedError> {
        let Some(ledger) = self.reembedding.tables.ledger().await? else { return Ok(Work::None) };
        if &ledger.current.space != self.spaces.current().space() {
            self.follow(&ledger, seen).await?;
        }
        let is_used = |name: &String| ledger.used().any(|table| &table.name == name);
        for name in seen.left.extract_if(.., |name| !is_used(name)) {
            self.reembedding.tables.close(&name).await;
        }
        let (now, own) = (self.reembedding.clock.now(), self.reembedding.instance);
        Ok(match ledger.lease {
            _ if !ledger.has_work() => Work::None,
            Some(lease) if lease.owner != own && lease.until > now => Work::OfOthers,
            Some(_) | None => Work::Free,
        })
    }

    async fn follow(&self, ledger: &SpaceLedger, seen: &mut Seen) -> Result<(), ReembedError> {
        let (current, to) = (self.spaces.current(), self.space(&ledger.current).await?);
        let retired = ledger.retired.as_ref().filter(|retired| &retired.table.space == current.space());
        let Some(retired) = retired else {
            // This process was asleep for so long that the table it served from is not looked after any more.
            self.spaces.switch(to);
            return Ok(());
        };
        let failing = *seen.failing.get_or_insert_with(Instant::now);
        let copier = self.reembedding.copier(&retired.table, &ledger.current, Some(retired.since), Known::default());
        let brought = match copier.await {
            Ok(copier) => self.bring_and_switch(&copier, &to).await.map_err(|failure| failure.words()),
            Err(error) => Err(error.words()),
        };
        if let Err(reason) = brought {
            tracing::warn!(reason, "what this process wrote lately cannot be brought over; it will be tried again");
            if failing.elapsed() < LONG_ENOUGH {
                return Ok(());
            }
            // Whoever has the work does it as well, later.
            self.spaces.switch(to);
        }
        seen.failing = None;
        seen.left.push(retired.table.name.clone());
        tracing::info!(space = %ledger.current.space, "memories are served from another table");
        Ok(())
    }

    /// Brings over what this process wrote lately, so that whoever wrote it finds it, and goes on with the other table.
    async fn bring_and_switch(&self, copier: &Copier, to: &MemorySpace) -> Result<(), CopyFailure> {
        let begun = Instant::now();
        // Most of it before anybody has to wait.
        bring(copier, self.spaces.written_since(None)).await?;
        let Some(writes) = self.spaces.pause_writes(PATIENCE).await else { return Err(CopyFailure::Busy) };
        let last = bring(copier, self.spaces.written_since(Some(begun)));
        timeout(PATIENCE, last).await.unwrap_or(Err(CopyFailure::Busy))?;
        self.spaces.switch(to.clone());
        drop(writes);
        Ok(())
    }

    async fn space(&self, table: &SpaceTable) -> Result<MemorySpace, ReembedError> {
        let memories = self.reembedding.tables.open(table).await?;
        let users = Arc::clone(&self.reembedding.served);
        Ok(MemorySpace {
            memories: Arc::new(HotMemoryRepository::new(memories, users, self.hot_bytes)),
            embedder: self.reembedding.embedder(table).await?,
            marks: Calibration::of_table(table),
        })
    }
}

async fn bring(copier: &Copier, users: Vec<UserId>) -> Result<(), CopyFailure> {
    let copies = stream::iter(users).map(|user| copier.copy(user)).buffer_unordered(AT_ONCE);
    copies.try_collect().await
}
