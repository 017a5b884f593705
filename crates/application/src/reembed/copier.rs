//! Bringing memories from one table to another, where they are embedded otherwise.
//!
//! It goes by users: a user whose `memory_version` has not moved since has nothing new. Doing it again does no harm, and
//! neither do several who do it at once: what comes second is compared with what is there by then.

use futures::{StreamExt as _, stream};
use palavra_domain::{
    ApiKey, BuildProgress, EmbedAs, EmbeddedMemory, Memory, MemoryId, MemoryKey, MemoryRecord, MemoryState, ModelError,
    StoreError, Timestamp, User, UserId,
    ports::{Embedder, KeyVault, MemoryArchive, UserArchive, UserRepository},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use thiserror::Error;

/// Users that are read at once.
const PAGE: usize = 200;
/// Users that are brought over at once.
const AT_ONCE: usize = 4;
/// Memories that are embedded by one call, and written by one write.
const BATCH: usize = 64;
/// How often a user who is written for meanwhile is looked at again before that is left for later.
const ROUNDS: usize = 4;
/// After so many failures a pass is broken off: something is wrong with more than one user.
const MOST_FAILURES: u32 = 8;
/// When so many texts are not taken, and none ever was, it is not about the texts.
const TELLING: usize = 4;
/// How often a user's own limit of calls is waited for.
const PATIENCE: u32 = 5;
/// How far the clocks of two instances may be apart.
const CLOCKS: Duration = Duration::from_secs(60);

/// Why memories could not be brought over.
#[derive(Debug, Error)]
pub(super) enum CopyFailure {
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider did not embed.
    #[error("memories cannot be embedded")]
    Embedding(#[source] ModelError),
    /// No key could be used so far.
    #[error("no memory could be embedded: no user's key can be used")]
    NoKey,
    /// Writes are under way, or it takes too long.
    #[error("writes of memories are not to be interrupted")]
    Busy,
}

impl CopyFailure {
    /// For operators: without what a provider repeated of a text.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Store(error) => format!("memories cannot be read or written: {error}"),
            Self::Embedding(ModelError::Rejected { status, .. }) => {
                format!("memories cannot be embedded: the provider rejected the call with status {status}")
            }
            Self::NoKey => format!("{self}; let a user set a good one, or cancel"),
            Self::Busy => self.to_string(),
            Self::Embedding(error) => format!("memories cannot be embedded: {error}"),
        }
    }
}

/// The tables, and what is needed to get from one to the other.
pub(super) struct Copier {
    pub(super) from: Arc<dyn MemoryArchive>,
    pub(super) to: Arc<dyn MemoryArchive>,
    pub(super) embedder: Arc<dyn Embedder>,
    /// Users as they are stored, with all that was written for them.
    pub(super) users: Arc<dyn UserArchive>,
    /// Users as this process reads them.
    pub(super) served: Arc<dyn UserRepository>,
    pub(super) vault: Arc<dyn KeyVault>,
    /// Since when the target is served from; `None` while only we write to it.
    pub(super) since: Option<Timestamp>,
    pub(super) known: Mutex<Known>,
}

/// What became of users so far.
#[derive(Default)]
pub(super) struct Known {
    /// The versions up to which memories were brought over.
    versions: HashMap<UserId, u64>,
    /// How often users' calls were limited.
    limited: HashMap<UserId, u32>,
    /// Whose memories could not be embedded.
    without: HashSet<UserId>,
    /// What was counted by us or before us.
    pub(super) counted: BuildProgress,
}

/// What one walk through all users came to.
pub(super) struct Pass {
    /// Users who could not be brought over.
    pub(super) failures: u64,
    /// Why the last one could not.
    pub(super) failure: Option<CopyFailure>,
}

/// What embedding came to.
enum Embedded {
    Vectors(Vec<Vec<f32>>),
    /// This user's key is missing or cannot be used.
    NotForThisUser,
}

impl Known {
    /// Goes on from what was counted before.
    pub(super) fn begun(counted: BuildProgress) -> Self {
        Self { counted, ..Self::default() }
    }
}

impl Copier {
    /// Brings over everybody who has something new; with `all`, everybody is compared.
    pub(super) async fn pass(&self, all: bool) -> Result<Pass, StoreError> {
        let mut pass = Pass { failures: 0, failure: None };
        let (mut after, mut severe) = (None, 0);
        loop {
            let page = self.users.scan(after, PAGE).await?;
            let users = page.items.into_iter().collect::<Result<Vec<User>, StoreError>>()?;
            let is_due = |user: &User| all || self.known().versions.get(&user.id) != Some(&user.memory_version);
            let due: Vec<UserId> = users.iter().filter(|user| is_due(user)).map(|user| user.id).collect();
            let mut copies = stream::iter(due).map(|user| self.copy(user)).buffer_unordered(AT_ONCE);
            while let Some(copied) = copies.next().await {
                let Err(failure) = copied else { continue };
                severe += u32::from(!matches!(failure, CopyFailure::NoKey));
                pass.failures += 1;
                pass.failure = Some(failure);
                if severe >= MOST_FAILURES {
                    return Ok(pass);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(pass);
            }
        }
    }

    /// Brings over one user's memories.
    pub(super) async fn copy(&self, id: UserId) -> Result<(), CopyFailure> {
        for _ in 0..ROUNDS {
            // Before the memories: what is written after this moves the version.
            let Some(user) = self.users.find(id).await? else { return Ok(()) };
            let mut version = user.memory_version;
            if self.bring(&user).await? && self.since.is_some() {
                // Whoever has read the target before has to read it again.
                version = self.served.memories_changed(id, None).await?.unwrap_or(version);
            }
            let now = self.users.find(id).await?.map_or(version, |user| user.memory_version);
            if now == version {
                self.known().versions.insert(id, version);
                break;
            }
        }
        Ok(())
    }

    /// Makes the target as the source is, or newer. `true` when something was written.
    async fn bring(&self, user: &User) -> Result<bool, CopyFailure> {
        let there = by_id(self.to.records(user.id).await?);
        let source = by_id(self.from.records(user.id).await?);
        let is_cleared = |record: &MemoryRecord| self.is_cleared(user, record);
        // While only we write to the target, what the source has is right.
        let gone = |record: &&MemoryRecord| {
            is_cleared(record) && (self.since.is_some() || !source.contains_key(&record.key().id))
        };
        let gone: Vec<MemoryKey> = there.values().filter(gone).map(MemoryRecord::key).collect();
        let is_new = |record: &&MemoryRecord| {
            there.get(&record.key().id).is_none_or(|there| record.supersedes(there))
                && !(self.since.is_some() && is_cleared(record))
        };
        let new: Vec<&MemoryRecord> = source.values().filter(is_new).collect();
        let wrote = !gone.is_empty() || !new.is_empty();
        if !gone.is_empty() {
            self.to.remove(gone).await?;
        }
        if !new.is_empty() {
            let key = self.key(user);
            for batch in new.chunks(BATCH) {
                let records = self.embedded(user, key.as_ref(), batch).await?;
                self.to.merge(records).await?;
            }
        }
        Ok(wrote)
    }

    /// Whether a record is from before its user deleted everything. Once the target is served from, what was deleted there
    /// may still be in the source; clearing that was done long before is over in both.
    fn is_cleared(&self, user: &User, record: &MemoryRecord) -> bool {
        let recent = |at: &Timestamp| self.since.is_none_or(|since| at.plus(CLOCKS) >= since);
        let changed_at = match record {
            MemoryRecord::Kept(EmbeddedMemory { memory, .. }) => memory.updated_at,
            MemoryRecord::Deleted(deleted) => deleted.deleted_at,
        };
        user.memories_cleared_at.filter(recent).is_some_and(|at| changed_at <= at)
    }

    /// The user's key, where one is needed and can be had.
    fn key(&self, user: &User) -> Option<ApiKey> {
        let sealed = user.api_key.as_ref().filter(|_| self.embedder.needs_user_key())?;
        let opened = self.vault.open(user.id, sealed);
        opened
            .inspect_err(|error| {
                tracing::warn!(error = error as &dyn std::error::Error, user = %user.id, "a key cannot be opened");
            })
            .ok()
    }

    /// Records as they are written to the target. Only what holds is ever searched: history gets no vector, and neither does
    /// what cannot be embedded.
    async fn embedded(
        &self,
        user: &User,
        key: Option<&ApiKey>,
        records: &[&MemoryRecord],
    ) -> Result<Vec<MemoryRecord>, CopyFailure> {
        let sought = |record: &&MemoryRecord| match record {
            MemoryRecord::Kept(EmbeddedMemory { memory, .. }) if memory.state == MemoryState::Active => {
                Some(memory.clone())
            }
            MemoryRecord::Kept(_) | MemoryRecord::Deleted(_) => None,
        };
        let active: Vec<Memory> = records.iter().filter_map(sought).collect();
        let texts: Vec<String> = active.iter().map(|memory| memory.text.as_str().to_owned()).collect();
        let vectors =
            if texts.is_empty() { Embedded::Vectors(Vec::new()) } else { self.embed(user, key, &texts).await? };
        let vectors = match vectors {
            Embedded::Vectors(vectors) => vectors,
            Embedded::NotForThisUser => vec![Vec::new(); texts.len()],
        };
        self.count(user.id, &vectors);
        let mut vectors: HashMap<MemoryId, Vec<f32>> = active.iter().map(|memory| memory.id).zip(vectors).collect();
        let blank = || vec![0.0; self.to.space().dimensions];
        let embedded = |record: &&MemoryRecord| match record {
            MemoryRecord::Kept(EmbeddedMemory { memory, .. }) => {
                let vector = vectors.remove(&memory.id).filter(|vector| !vector.is_empty()).unwrap_or_else(blank);
                EmbeddedMemory { memory: memory.clone(), vector }.into()
            }
            MemoryRecord::Deleted(deleted) => MemoryRecord::Deleted(deleted.clone()),
        };
        Ok(records.iter().map(embedded).collect())
    }

    fn count(&self, user: UserId, vectors: &[Vec<f32>]) {
        let without = vectors.iter().filter(|vector| vector.is_empty()).count() as u64;
        let mut known = self.known();
        known.counted.embedded += vectors.len() as u64 - without;
        known.counted.memories_without += without;
        if without > 0 && known.without.insert(user) {
            known.counted.users_without += 1;
        }
    }

    async fn embed(&self, user: &User, key: Option<&ApiKey>, texts: &[String]) -> Result<Embedded, CopyFailure> {
        let by_user = self.embedder.needs_user_key();
        if by_user && key.is_none() {
            return self.not_for_this_user();
        }
        match self.vectors(key, texts).await {
            Ok(vectors) => Ok(Embedded::Vectors(vectors)),
            Err(ModelError::Credentials | ModelError::OutOfCredits) if by_user => self.not_for_this_user(),
            Err(ModelError::RateLimited { .. }) if by_user && self.is_limited_for_good(user.id) => {
                self.not_for_this_user()
            }
            Err(error) if is_about_the_text(&error) => self.one_by_one(key, texts).await,
            Err(error) => Err(CopyFailure::Embedding(error)),
        }
    }

    /// Goes on without this user's vectors, once others show that it is not the model.
    fn not_for_this_user(&self) -> Result<Embedded, CopyFailure> {
        if self.known().counted.embedded > 0 { Ok(Embedded::NotForThisUser) } else { Err(CopyFailure::NoKey) }
    }

    /// Texts that the provider does not take together; those that it does not take at all have no vector.
    async fn one_by_one(&self, key: Option<&ApiKey>, texts: &[String]) -> Result<Embedded, CopyFailure> {
        let mut vectors = Vec::with_capacity(texts.len());
        for text in texts {
            match self.vectors(key, std::slice::from_ref(text)).await {
                Ok(one) => vectors.extend(one),
                Err(error) if is_about_the_text(&error) => {
                    vectors.push(Vec::new());
                    let is_telling = vectors.len() == TELLING.min(texts.len()) && vectors.iter().all(Vec::is_empty);
                    if is_telling && self.known().counted.embedded == 0 {
                        // Nothing was ever embedded: it is the model, or the number of dimensions.
                        return Err(CopyFailure::Embedding(error));
                    }
                }
                Err(error) => return Err(CopyFailure::Embedding(error)),
            }
        }
        Ok(Embedded::Vectors(vectors))
    }

    async fn vectors(&self, key: Option<&ApiKey>, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
        let vectors = self.embedder.embed(key, texts, EmbedAs::Passage).await?.vectors;
        if vectors.len() == texts.len() {
            return Ok(vectors);
        }
        Err(ModelError::Malformed { source: "there is not one vector a text".into() })
    }

    fn is_limited_for_good(&self, user: UserId) -> bool {
        let mut known = self.known();
        let times = known.limited.entry(user).or_default();
        *times += 1;
        *times > PATIENCE
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another text might have been embedded.
fn is_about_the_text(error: &ModelError) -> bool {
    matches!(error, ModelError::Refused | ModelError::ContextTooLong | ModelError::Rejected { .. })
}

fn by_id(records: Vec<MemoryRecord>) -> HashMap<MemoryId, MemoryRecord> {
    records.into_iter().map(|record| (record.key().id, record)).collect()
}
