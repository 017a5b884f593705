//! Changing the embedding model without an outage.
//!
//! An operator asks for it in the ledger that all processes read ([`ask`]). One of them takes the work ([`Reembedding::work`]):
//! it embeds all memories into a new table beside the old one, over and over what has changed meanwhile, until little is left;
//! then the ledger says that the new table is served from. Every process that serves sees that within about a second
//! ([`Follower`]): it brings over what it wrote itself lately, while its own writes wait, and then goes on with the new table.
//! For a time the old table is still looked through for what somebody wrote to it late; then it goes.
//!
//! A process may end at any point: the next one compares the two tables and goes on.

mod copier;
mod follow;
mod work;

pub use follow::Follower;

use copier::{Copier, Known};
use palavra_domain::{
    Asked, BoxError, Embedding, EmbeddingSpace, InstanceId, SpaceLedger, SpaceTable, StoreError, Timestamp,
    ports::{Clock, Embedder, KeyVault, MemoryTables, UserArchive, UserRepository},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use thiserror::Error;
use work::Doing;

/// How often a change of the ledger that meets another one is tried again.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Makes what embeds for a table. May block.
pub type OpenEmbedder = Arc<dyn Fn(&SpaceTable) -> Result<Arc<dyn Embedder>, BoxError> + Send + Sync>;

/// How quickly it goes.
#[derive(Clone, Copy, Debug)]
pub struct ReembedPace {
    /// How often a process that serves looks at the ledger; more often while there is something to do.
    pub look_every: Duration,
    /// How long whoever has the work is taken for alive without a sign of life.
    pub lease: Duration,
    /// How long the old table is looked through for late writes: longer than any write takes.
    pub grace: Duration,
    /// How long is waited after a failure; twice as long after each further one, up to a minute.
    pub retry: Duration,
}

impl Default for ReembedPace {
    fn default() -> Self {
        Self {
            look_every: Duration::from_secs(1),
            lease: Duration::from_secs(15),
            grace: Duration::from_secs(120),
            retry: Duration::from_secs(1),
        }
    }
}

/// Embeds all memories otherwise.
pub struct Reembedding {
    /// The tables of memories.
    pub tables: Arc<dyn MemoryTables>,
    /// What embeds for a table that is not the settings'.
    pub embedders: OpenEmbedder,
    /// All users, as they are stored.
    pub users: Arc<dyn UserArchive>,
    /// Users as this process reads them: with a cache before them where there is one.
    pub served: Arc<dyn UserRepository>,
    /// Opens users' keys.
    pub vault: Arc<dyn KeyVault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This process.
    pub instance: InstanceId,
    /// How quickly it goes.
    pub pace: ReembedPace,
    /// What is open and under way.
    pub state: ReembedState,
}

/// What a [`Reembedding`] has open and under way.
#[derive(Default)]
pub struct ReembedState {
    embedders: Mutex<HashMap<String, Weak<dyn Embedder>>>,
    doing: Mutex<Option<Doing>>,
}

/// Why a table cannot be served from or built.
#[derive(Debug, Error)]
pub(crate) enum ReembedError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what embeds for the table cannot be had")]
    Embedder(#[source] BoxError),
}

impl ReembedError {
    fn words(&self) -> String {
        match self {
            Self::Store(error) => format!("a table of memories cannot be opened: {error}"),
            Self::Embedder(error) => format!("{self}: {error}"),
        }
    }
}

/// Asks for the memories to be embedded otherwise. `None` when there are none at all.
///
/// # Errors
/// When the ledger cannot be read or written.
pub async fn ask(
    tables: &dyn MemoryTables,
    space: &EmbeddingSpace,
    embedding: &Embedding,
) -> Result<Option<Asked>, StoreError> {
    change(tables, |ledger| Some(ledger.ask(space.clone(), embedding.clone()))).await
}

/// Gives up what is being built. `false` when nothing is.
///
/// # Errors
/// When the ledger cannot be read or written.
pub async fn cancel(tables: &dyn MemoryTables) -> Result<bool, StoreError> {
    Ok(change(tables, |ledger| ledger.cancel().then_some(())).await?.is_some())
}

/// Changes the ledger, whoever else does so at once. `None`, and nothing is written, when `how` does not want to, or there is
/// no ledger.
async fn change<T: Send>(
    tables: &dyn MemoryTables,
    how: impl Fn(&mut SpaceLedger) -> Option<T> + Send + Sync,
) -> Result<Option<T>, StoreError> {
    for tries in 1..=TRIES {
        let Some(read) = tables.ledger().await? else { return Ok(None) };
        let mut changed = read.clone();
        let Some(outcome) = how(&mut changed) else { return Ok(None) };
        if changed == read || tables.record(&changed).await? {
            return Ok(Some(outcome));
        }
        tokio::time::sleep(PAUSE * tries).await;
    }
    Err(StoreError::Unavailable { source: "the ledger of memories is changed by others all the time".into() })
}

impl Reembedding {
    /// Takes the work over from a process that is known to be dead: call it at start-up, alone over the memories.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub async fn take_over(&self) -> Result<(), StoreError> {
        change(self.tables.as_ref(), |ledger| ledger.lease.take().map(|_| ())).await.map(|_| ())
    }

    async fn change<T: Send>(
        &self,
        how: impl Fn(&mut SpaceLedger) -> Option<T> + Send + Sync,
    ) -> Result<Option<T>, StoreError> {
        change(self.tables.as_ref(), how).await
    }

    /// What embeds for a table; opened once, as long as it is used.
    async fn embedder(&self, table: &SpaceTable) -> Result<Arc<dyn Embedder>, ReembedError> {
        let open = |name: &str| {
            let known = self.state.embedders.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(name).and_then(Weak::upgrade)
        };
        if let Some(open) = open(&table.name) {
            return Ok(open);
        }
        let (open, table) = (Arc::clone(&self.embedders), table.clone());
        let name = table.name.clone();
        let opening = tokio::task::spawn_blocking(move || open(&table)).await;
        let embedder = opening.unwrap_or_else(|lost| Err(lost.into())).map_err(ReembedError::Embedder)?;
        let mut known = self.state.embedders.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name, Arc::downgrade(&embedder));
        Ok(embedder)
    }

    async fn copier(
        &self,
        from: &SpaceTable,
        to: &SpaceTable,
        since: Option<Timestamp>,
        known: Known,
    ) -> Result<Copier, ReembedError> {
        Ok(Copier {
            from: self.tables.open(from).await?,
            to: self.tables.open(to).await?,
            embedder: self.embedder(to).await?,
            users: Arc::clone(&self.users),
            served: Arc::clone(&self.served),
            vault: Arc::clone(&self.vault),
            since,
            known: Mutex::new(known),
        })
    }
}
