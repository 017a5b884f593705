//! Moving everything from one set of stores to another.
//!
//! Both sides are read in the order of their keys, side by side, and what the target lacks or has in an earlier state is
//! written. So a copy that was cut off goes on when it is made again, and one that was finished writes nothing.

mod pairs;
mod report;
mod write;

pub use report::{Checksum, CopiedPart, CopyReport, Listed};

use pairs::{PAGE, Pair, Pairs, Records, records};
use palavra_domain::{
    Chat, ChatId, Entity, MemoryKey, MemoryRecord, StoreError, Timestamp, Turn, TurnRef, User, UserId,
    ports::{ChatArchive, Clock, MemoryArchive, UserArchive},
};
use std::sync::Arc;
use thiserror::Error;

/// Moves users with their sealed keys, chats, turns with their jobs, totals, and memories with their history and with what is
/// left of deleted ones, which is not to be learnt again. Sessions stay behind.
pub struct Copying {
    /// What is copied. Nothing else writes to it.
    pub source: Archives,
    /// Where to. Nothing else writes to it.
    pub target: Archives,
    /// Whether the source is locked for this process, so that a pending turn belongs to a dead one.
    pub source_is_locked: bool,
    /// Whether memories are copied: not when both sides have the same table.
    pub memories: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Everything of one side.
pub struct Archives {
    /// All users.
    pub users: Arc<dyn UserArchive>,
    /// All chats.
    pub chats: Arc<dyn ChatArchive>,
    /// All memories.
    pub memories: Arc<dyn MemoryArchive>,
}

impl Archives {
    fn users(&self) -> Records<'_, User> {
        records(|after| self.users.scan(after, PAGE))
    }

    fn chats(&self) -> Records<'_, Chat> {
        records(|after| self.chats.scan_chats(after, PAGE))
    }

    fn turns(&self, chat: &Chat) -> Records<'_, Turn> {
        let (user, chat) = (chat.user_id, chat.id);
        records(move |after: Option<u32>| self.chats.scan_turns(user, chat, after.unwrap_or(0), PAGE))
    }

    fn memories(&self) -> Records<'_, MemoryRecord> {
        records(|after| self.memories.scan(after, PAGE))
    }
}

/// Why a copy stopped. What was written stays; making the copy again goes on from there.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The source failed.
    #[error("the source failed; copy again, it goes on where it stopped")]
    Source(#[source] StoreError),
    /// The target failed.
    #[error("the target failed; copy again, it goes on where it stopped")]
    Target(#[source] StoreError),
    /// An instance serves from the source.
    #[error(
        "a prompt is being answered in chat {0} of the source: stop every instance that serves from it, and copy again"
    )]
    SourceInUse(ChatId),
    /// An instance serves from the target, or did when it died.
    #[error(
        "a prompt is being answered in chat {0} of the target: stop every instance that serves from it; if none does, \
         `palavra doctor --repair` frees the chat"
    )]
    TargetInUse(ChatId),
    /// The target has somebody else of this name.
    #[error(
        "the target has another user with the name of user {0}: it belongs to another deployment, choose an empty one"
    )]
    NameTaken(UserId),
    /// An id of this chat or of its turns is taken.
    #[error(
        "the target has something else under an id of chat {0}: it belongs to another deployment, choose an empty one"
    )]
    IdTaken(ChatId),
    /// A record cannot be written down to be added up.
    #[error("a record has no checksum")]
    Checksum(#[from] serde_json::Error),
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStep {
    /// A part begins.
    Begun {
        /// What is done, such as `copying users`.
        what: &'static str,
        /// How many records there are, if that is known.
        of: Option<u64>,
    },
    /// So many more records are done.
    Done(u64),
}

/// Is told how far a copy is.
pub type Watch<'a> = &'a (dyn Fn(CopyStep) + Send + Sync);

/// How much the source has.
#[derive(Clone, Copy, Default)]
struct Sizes {
    users: u64,
    turns: u64,
}

impl Copying {
    /// Copies, and then reads both sides again and compares them.
    ///
    /// Behaviour: turns of the source that a dead process left pending become interrupted, in the source too. A record that
    /// the target has in a later state stays as it is, and so does what only the target has.
    ///
    /// # Errors
    /// See [`CopyError`]. When the source is in use, nothing has been written.
    pub async fn run(&self, watch: Watch<'_>) -> Result<CopyReport, CopyError> {
        let sizes = self.survey().await?;
        let mut parts = [CopiedPart::new("users"), CopiedPart::new("chats"), CopiedPart::new("turns")];
        let [users, chats, turns] = &mut parts;
        watch(CopyStep::Begun { what: "copying users", of: Some(sizes.users) });
        self.copy_users(users, watch).await?;
        watch(CopyStep::Begun { what: "copying turns", of: Some(sizes.turns) });
        self.copy_chats(chats, turns, watch).await?;
        let mut memories = CopiedPart::new("memories");
        if self.memories {
            watch(CopyStep::Begun { what: "copying memories", of: None });
            self.copy_memories(&mut memories, watch).await?;
        }

        watch(CopyStep::Begun { what: "comparing users", of: Some(sizes.users) });
        compare(Pairs::new(self.source.users(), self.target.users(), |user| user.id), users, watch).await?;
        watch(CopyStep::Begun { what: "comparing turns", of: Some(sizes.turns) });
        self.compare_chats(chats, turns, watch).await?;
        let mut parts = Vec::from(parts);
        if self.memories {
            watch(CopyStep::Begun { what: "comparing memories", of: Some(memories.source.count) });
            compare(self.memory_pairs(), &mut memories, watch).await?;
            parts.push(memories);
        }
        Ok(CopyReport { parts })
    }

    /// Looks through the source before anything is written, and ends turns of dead processes.
    async fn survey(&self) -> Result<Sizes, CopyError> {
        use futures::TryStreamExt as _;
        let mut sizes = Sizes::default();
        let mut users = self.source.users();
        while users.try_next().await.map_err(CopyError::Source)?.is_some() {
            sizes.users += 1;
        }
        let (mut chats, mut dead) = (self.source.chats(), Vec::new());
        while let Some(chat) = chats.try_next().await.map_err(CopyError::Source)? {
            // One that cannot be read is told when it would be copied.
            let Ok(chat) = chat else { continue };
            sizes.turns += u64::from(chat.turns);
            if let Some(active) = chat.active {
                if !self.source_is_locked && active.lease.until > self.clock.now() {
                    return Err(CopyError::SourceInUse(chat.id));
                }
                dead.push(TurnRef { user: chat.user_id, chat: chat.id, turn: active.turn });
            }
        }
        for turn in dead {
            self.source.chats.interrupt_turn(turn, self.clock.now()).await.map_err(CopyError::Source)?;
        }
        Ok(sizes)
    }

    fn chat_pairs(&self) -> Pairs<'_, Chat, ChatId> {
        Pairs::new(self.source.chats(), self.target.chats(), |chat| chat.id)
    }

    fn turn_pairs(&self, chat: &Chat) -> Pairs<'_, Turn, u32> {
        Pairs::new(self.source.turns(chat), self.target.turns(chat), |turn| turn.seq)
    }

    fn memory_pairs(&self) -> Pairs<'_, MemoryRecord, MemoryKey> {
        Pairs::new(self.source.memories(), self.target.memories(), MemoryRecord::key)
    }

    async fn compare_chats(
        &self,
        chats: &mut CopiedPart,
        turns: &mut CopiedPart,
        watch: Watch<'_>,
    ) -> Result<(), CopyError> {
        let mut pairs = self.chat_pairs();
        while let Some(pair) = pairs.next().await? {
            if let Pair::Source(chat) | Pair::Both(chat, _) = &pair {
                compare(self.turn_pairs(chat), turns, watch).await?;
            }
            add(pair, chats)?;
        }
        Ok(())
    }
}

/// Adds up both sides.
async fn compare<T, K>(mut pairs: Pairs<'_, T, K>, part: &mut CopiedPart, watch: Watch<'_>) -> Result<(), CopyError>
where
    T: serde::Serialize + Send,
    K: Ord,
{
    while let Some(pair) = pairs.next().await? {
        add(pair, part)?;
        watch(CopyStep::Done(1));
    }
    Ok(())
}

fn add<T: serde::Serialize>(pair: Pair<T>, part: &mut CopiedPart) -> Result<(), CopyError> {
    match pair {
        Pair::Source(source) => part.source.add(&source)?,
        Pair::Both(source, target) => {
            part.source.add(&source)?;
            part.target.add(&target)?;
        }
        Pair::Target => part.others += 1,
        Pair::Unreadable(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, part = part.name, "a record cannot be read");
            part.unreadable += 1;
        }
    }
    Ok(())
}

/// A conflict of identities, in the words of a copy.
fn refused(taken: CopyError) -> impl FnOnce(StoreError) -> CopyError {
    |error| match error {
        StoreError::Conflict(Entity::Username | Entity::User | Entity::Chat | Entity::Turn) => taken,
        other => CopyError::Target(other),
    }
}

/// When a job may be taken up again; the later of two states of one turn has more of it.
fn progress(turn: &Turn) -> (bool, Option<(bool, u32, Timestamp)>) {
    use palavra_domain::JobState;
    let job = turn.memory_job.map(|job| {
        let ended = matches!(job.state, JobState::Done | JobState::Parked);
        (ended, job.tries, job.next_at)
    });
    (turn.finished_at.is_some(), job)
}
