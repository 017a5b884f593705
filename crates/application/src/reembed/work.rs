//! The work, which one process at a time does.

use super::{
    ReembedError, Reembedding,
    copier::{Copier, CopyFailure, Known, Pass},
};
use palavra_domain::{BuildProgress, Retired, SpaceTable, StoreError, Target};
use std::{
    error::Error,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// A walk through all users that took no longer leaves little to be done.
const SHORT: Duration = Duration::from_secs(2);
/// After so many walks it is switched even if each finds something: every process brings over what it wrote itself.
const ENOUGH: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is being built, for whoever watches.
pub(super) struct Doing {
    copier: Arc<Copier>,
    table: String,
    total: u64,
    problem: Option<String>,
}

/// What waiting after failures comes to.
struct Pauses {
    next: Duration,
}

impl Pauses {
    async fn pause(&mut self) {
        sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
    }
}

impl Reembedding {
    /// Does all the work there is, if no other process has it: builds, waits, removes. Returns when there is none left, or
    /// another process has it.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub async fn work(&self) -> Result<(), StoreError> {
        while self.claim().await? {
            tokio::select! {
                done = self.all_of_it() => done?,
                kept = self.keep() => kept?,
            }
            *self.doing() = None;
        }
        Ok(())
    }

    async fn claim(&self) -> Result<bool, StoreError> {
        let (now, lease) = (self.clock.now(), self.pace.lease);
        let claimed = self.change(|ledger| ledger.claim(self.instance, now, lease).then_some(())).await?;
        Ok(claimed.is_some())
    }

    /// One piece of work after the other, until there is none.
    async fn all_of_it(&self) -> Result<(), StoreError> {
        while let Some(ledger) = self.tables.ledger().await?.filter(|ledger| ledger.is_worked_on_by(self.instance)) {
            if let Some(name) = ledger.superfluous.first() {
                if self.tables.remove(name).await? {
                    tracing::info!(table = %name, "removed a table of memories that nobody needs any more");
                }
                let removed = self.change(|ledger| {
                    ledger.superfluous.retain(|other| other != name);
                    Some(())
                });
                removed.await?;
            } else if let Some(retired) = &ledger.retired {
                self.look_after(retired, &ledger.current).await?;
            } else if let Some(target) = &ledger.target {
                self.build(&ledger.current, target).await?;
            } else {
                self.change(|ledger| ledger.is_worked_on_by(self.instance).then(|| ledger.lease = None)).await?;
            }
        }
        Ok(())
    }

    /// Keeps the work, and tells how far it is. Returns when it is ours no more, or was given up.
    async fn keep(&self) -> Result<(), StoreError> {
        loop {
            sleep((self.pace.lease / 10).min(self.pace.look_every)).await;
            let now = self.clock.now();
            let doing = self.doing().as_ref().map(|doing| (Arc::clone(&doing.copier), doing.table.clone()));
            let progress = match &doing {
                Some((copier, _)) => Some(self.progress(copier).await?),
                None => None,
            };
            let kept = self.change(|ledger| {
                let lease = ledger.lease.filter(|lease| lease.owner == self.instance)?;
                let mut is_news = lease.until <= now.plus(self.pace.lease / 2);
                if let Some((_, table)) = &doing {
                    match &mut ledger.target {
                        Some(target) if &target.table.name == table => {
                            let (progress, problem) = progress.clone().unwrap_or_default();
                            is_news |= (target.progress, &target.problem) != (progress, &problem);
                            (target.progress, target.problem) = (progress, problem);
                        }
                        // It is served from now.
                        _ if &ledger.current.name == table => {}
                        Some(_) | None => return None,
                    }
                }
                Some(!is_news || ledger.claim(self.instance, now, self.pace.lease))
            });
            if kept.await? != Some(true) {
                return Ok(());
            }
        }
    }

    async fn progress(&self, copier: &Copier) -> Result<(BuildProgress, Option<String>), StoreError> {
        let done = copier.to.count().await?;
        let counted = copier.known().counted;
        let doing = self.doing();
        let (total, problem) = doing.as_ref().map_or((0, None), |doing| (doing.total, doing.problem.clone()));
        Ok((BuildProgress { done, total: total.max(done), ..counted }, problem))
    }

    /// Builds the table, and has it served from.
    async fn build(&self, current: &SpaceTable, target: &Target) -> Result<(), StoreError> {
        let mut pauses = self.pauses();
        let counted = target.progress;
        let copier = loop {
            match self.copier(current, &target.table, None, Known::begun(counted)).await {
                Ok(copier) => break Arc::new(copier),
                Err(error) => self.is_hindered(&error, &mut pauses).await?,
            }
        };
        tracing::info!(table = %target.table.name, space = %target.table.space, "memories are being embedded anew");
        let total = copier.from.count().await?;
        *self.doing() =
            Some(Doing { copier: Arc::clone(&copier), table: target.table.name.clone(), total, problem: None });
        let mut walks = 0;
        loop {
            let begun = Instant::now();
            let Pass { failures, failure } = copier.pass(false).await?;
            let problem = failure.as_ref().map(CopyFailure::words);
            if let Some(doing) = self.doing().as_mut() {
                doing.problem = problem;
            }
            if let Some(failure) = failure {
                tracing::warn!(
                    error = &failure as &dyn Error,
                    failures,
                    "memories could not be embedded anew; it will be tried again"
                );
                pauses.pause().await;
                continue;
            }
            pauses = self.pauses();
            walks += 1;
            if walks >= 2 && (begun.elapsed() <= SHORT || walks >= ENOUGH) {
                break;
            }
        }
        let (progress, now, name) = (self.progress(&copier).await?.0, self.clock.now(), &target.table.name);
        let switched = self.change(|ledger| {
            let is_ours = ledger.is_worked_on_by(self.instance);
            ledger.target.as_mut().filter(|target| is_ours && &target.table.name == name)?.progress = progress;
            Some(ledger.switch(name, now))
        });
        if switched.await? == Some(true) {
            tracing::info!(table = %name, space = %target.table.space, "memories are to be served from another table");
        }
        *self.doing() = None;
        Ok(())
    }

    /// Brings over what is still written to the table that was served from, until nobody writes to it any more.
    async fn look_after(&self, retired: &Retired, current: &SpaceTable) -> Result<(), StoreError> {
        let mut pauses = self.pauses();
        let until = retired.since.plus(self.pace.grace);
        let copier = loop {
            match self.copier(&retired.table, current, Some(retired.since), Known::default()).await {
                Ok(copier) => break copier,
                Err(error) => self.is_hindered(&error, &mut pauses).await?,
            }
        };
        loop {
            let is_over = self.clock.now() >= until;
            let Pass { failures, failure } = copier.pass(is_over).await?;
            if let Some(failure) = failure {
                tracing::warn!(
                    error = &failure as &dyn Error,
                    failures,
                    "memories that were written late could not be brought over; it will be tried again"
                );
                pauses.pause().await;
                continue;
            }
            if is_over {
                break;
            }
            sleep(self.pace.look_every.min(until.since(self.clock.now()))).await;
        }
        self.change(|ledger| ledger.release(&retired.table.name).then_some(())).await?;
        Ok(())
    }

    /// Tells why a table cannot be worked on, and waits before it is tried again.
    async fn is_hindered(&self, error: &ReembedError, pauses: &mut Pauses) -> Result<(), StoreError> {
        tracing::warn!(error = error as &dyn Error, "memories cannot be embedded anew; it will be tried again");
        let words = error.words();
        let tell = self.change(|ledger| {
            let target = ledger.target.as_mut()?;
            target.problem = Some(words.clone());
            Some(())
        });
        tell.await?;
        pauses.pause().await;
        Ok(())
    }

    fn pauses(&self) -> Pauses {
        Pauses { next: self.pace.retry }
    }

    fn doing(&self) -> MutexGuard<'_, Option<Doing>> {
        self.state.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
