//! Memories and what embeds for them, held together: vectors of one embedding model cannot be compared with another's.

use crate::Calibration;
use palavra_domain::{
    ApiKey, EmbedAs, EmbeddingSpace, ModelError, UserId,
    ports::{Embedder, MemoryRepository},
    recall::Rules,
};
use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock as AsyncRwLock},
    time::{Instant, timeout},
};

/// How long it is known who was written for: longer than between the last look of whoever builds a new space and the switch.
const KNOWN: Duration = Duration::from_secs(10 * 60);
/// From so many on, those whom nobody needs to know any more are forgotten.
const MANY: usize = 10_000;

/// Memories, and what embeds for them.
#[derive(Clone)]
pub struct MemorySpace {
    /// The memories.
    pub memories: Arc<dyn MemoryRepository>,
    /// What embeds texts into their space.
    pub embedder: Arc<dyn Embedder>,
    /// What its cosines mean.
    pub marks: Calibration,
}

impl MemorySpace {
    /// Which space it is.
    #[must_use]
    pub fn space(&self) -> &EmbeddingSpace {
        self.memories.space()
    }

    /// These rules with the floor of this space.
    pub(crate) fn rules(&self, rules: Rules) -> Rules {
        Rules { floor: self.marks.floor, ..rules }
    }

    /// Embeds texts; the key is only sent where it is needed.
    pub(crate) async fn embed(
        &self,
        key: Option<&ApiKey>,
        texts: &[String],
        side: EmbedAs,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let key = key.filter(|_| self.embedder.needs_user_key());
        let vectors = self.embedder.embed(key, texts, side).await?.vectors;
        if vectors.len() == texts.len() {
            Ok(vectors)
        } else {
            Err(ModelError::Malformed { source: "not one vector a text".into() })
        }
    }

    /// Embeds one text.
    pub(crate) async fn embed_one(
        &self,
        key: Option<&ApiKey>,
        text: String,
        side: EmbedAs,
    ) -> Result<Vec<f32>, ModelError> {
        let vector = self.embed(key, &[text], side).await?.into_iter().next();
        vector.ok_or_else(|| ModelError::Malformed { source: "the answer holds no vector".into() })
    }
}

/// The space that is served from. It may be switched for another at any time: whatever belongs together, such as a vector and
/// a search for it, takes the space once.
pub struct Spaces {
    current: RwLock<Arc<MemorySpace>>,
    /// Held by writes, and by a switch alone.
    writes: Arc<AsyncRwLock<()>>,
    /// Who was written for in this process, and when last.
    written: Mutex<HashMap<UserId, Instant>>,
}

/// The space that a write takes place in. It stays the one that is served from while this lives.
pub(crate) struct Writing {
    space: Arc<MemorySpace>,
    spaces: Arc<Spaces>,
    user: UserId,
    _held: OwnedRwLockReadGuard<()>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        // While it is still held: whoever waits for writes to end has to learn of this one.
        self.spaces.note(self.user);
    }
}

impl Deref for Writing {
    type Target = MemorySpace;

    fn deref(&self) -> &MemorySpace {
        &self.space
    }
}

impl Spaces {
    /// Serves from this space.
    #[must_use]
    pub fn new(space: MemorySpace) -> Self {
        Self { current: RwLock::new(Arc::new(space)), writes: Arc::default(), written: Mutex::default() }
    }

    /// The space that is served from now, for reading.
    #[must_use]
    pub fn current(&self) -> Arc<MemorySpace> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The space that is served from, for a write of this user's memories. Waits while the space is being switched.
    pub(crate) async fn writing(self: &Arc<Self>, user: UserId) -> Writing {
        let held = Arc::clone(&self.writes).read_owned().await;
        Writing { space: self.current(), spaces: Arc::clone(self), user, _held: held }
    }

    fn note(&self, user: UserId) {
        let now = Instant::now();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() >= MANY {
            written.retain(|_, at| now.duration_since(*at) < KNOWN);
        }
        written.insert(user, now);
    }

    /// Those who were written for since then, or lately.
    pub(crate) fn written_since(&self, since: Option<Instant>) -> Vec<UserId> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: Instant| since.map_or_else(|| at.elapsed() < KNOWN, |since| at >= since);
        written.iter().filter(|(_, at)| is_recent(**at)).map(|(user, _)| *user).collect()
    }

    /// Lets writes wait, once those that are under way have ended. `None` when they take longer than `patience`.
    pub(crate) async fn pause_writes(&self, patience: Duration) -> Option<OwnedRwLockWriteGuard<()>> {
        timeout(patience, Arc::clone(&self.writes).write_owned()).await.ok()
    }

    /// Serves from another space from now on.
    pub(crate) fn switch(&self, to: MemorySpace) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(to);
    }
}
