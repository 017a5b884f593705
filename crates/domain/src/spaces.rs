//! Where memories are kept while the embedding model is changed: the table that is served from, the one that is being built
//! beside it, and the one that was served from until lately.

use crate::{EmbeddingSpace, InstanceId, Lease, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The name of the first table. Later ones have a number.
const FIRST: &str = "memories";

/// Who embeds. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "lowercase")]
pub enum EmbeddedBy {
    /// OpenRouter, with each user's key.
    OpenRouter,
    /// An OpenAI-compatible server.
    Server {
        /// Its address.
        base_url: String,
    },
    /// A model in process.
    Local {
        /// The folder that it is in, on every instance.
        folder: String,
    },
}

/// How the texts of a space are embedded, as far as that is no secret: what a server needs to know that has other settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// Who embeds.
    pub by: EmbeddedBy,
    /// The least cosine at which a memory is recalled; what is known of the model when `None`.
    pub min_score: Option<f32>,
    /// The cosine from which on two memories may say the same in part; as above.
    pub same_score: Option<f32>,
}

/// A table of memories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceTable {
    /// Its name.
    pub name: String,
    /// The space of its vectors.
    pub space: EmbeddingSpace,
    /// How they are made; `None` when the settings tell, as for the first one.
    pub embedding: Option<Embedding>,
}

/// How far a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildProgress {
    /// Records that it has.
    pub done: u64,
    /// Records there were when it was begun; more may have come.
    pub total: u64,
    /// Memories that were embedded.
    pub embedded: u64,
    /// Users whose memories could not be embedded, because their keys are missing or cannot be used.
    pub users_without: u64,
    /// These memories: they are there, and found by their words alone.
    pub memories_without: u64,
}

/// A table that is being built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Which.
    pub table: SpaceTable,
    /// How far it is.
    pub progress: BuildProgress,
    /// What keeps it from going on, if anything does. Never a secret or a person's text.
    pub problem: Option<String>,
}

/// A table that was served from until lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retired {
    /// Which.
    pub table: SpaceTable,
    /// Since when it is not any more.
    pub since: Timestamp,
    /// What building the one in its place came to.
    pub built: BuildProgress,
}

/// What all processes know of a place's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceLedger {
    /// Counts the changes of the ledger, from 1; 0 while it is not written down.
    pub revision: u64,
    /// How many tables there were so far.
    pub tables: u32,
    /// The table that is served from.
    pub current: SpaceTable,
    /// The spaces of those whose place it took, which settings may still name.
    pub before: Vec<EmbeddingSpace>,
    /// The one that is to take its place.
    pub target: Option<Target>,
    /// The one whose place it took, while some process may still write to it.
    pub retired: Option<Retired>,
    /// Those that nobody needs any more.
    pub superfluous: Vec<String>,
    /// Who works on it.
    pub lease: Option<Lease>,
}

/// What became of a wish for another space.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It will be built.
    New,
    /// It is being built.
    Already,
    /// It is the one that is served from.
    Current,
    /// Another one is being built.
    Another(SpaceTable),
}

impl SpaceLedger {
    /// The ledger of a place where the model was never changed.
    #[must_use]
    pub fn first(space: EmbeddingSpace) -> Self {
        let current = SpaceTable { name: FIRST.to_owned(), space, embedding: None };
        Self {
            revision: 0,
            tables: 1,
            current,
            before: Vec::new(),
            target: None,
            retired: None,
            superfluous: Vec::new(),
            lease: None,
        }
    }

    /// Whether settings that name this space mean the table that is served from: it is its own, or one whose place it took.
    #[must_use]
    pub fn is_meant_by(&self, space: &EmbeddingSpace) -> bool {
        &self.current.space == space || self.before.contains(space)
    }

    /// All tables that somebody may use.
    pub fn used(&self) -> impl Iterator<Item = &SpaceTable> {
        let target = self.target.as_ref().map(|target| &target.table);
        let retired = self.retired.as_ref().map(|retired| &retired.table);
        [Some(&self.current), target, retired].into_iter().flatten()
    }

    /// Asks for the memories to be embedded otherwise.
    pub fn ask(&mut self, space: EmbeddingSpace, embedding: Embedding) -> Asked {
        if let Some(Target { table, .. }) = &self.target {
            let same = table.space == space && table.embedding.as_ref() == Some(&embedding);
            return if same { Asked::Already } else { Asked::Another(table.clone()) };
        }
        if self.current.space == space {
            return Asked::Current;
        }
        self.tables += 1;
        let name = format!("{FIRST}_{}", self.tables);
        let table = SpaceTable { name, space, embedding: Some(embedding) };
        self.target = Some(Target { table, progress: BuildProgress::default(), problem: None });
        Asked::New
    }

    /// Gives up what is being built. `false` when nothing is.
    pub fn cancel(&mut self) -> bool {
        let cancelled = self.target.take();
        self.superfluous.extend(cancelled.iter().map(|target| target.table.name.clone()));
        cancelled.is_some()
    }

    /// Whether there is something to do: to build, to wait for, or to remove.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.target.is_some() || self.retired.is_some() || !self.superfluous.is_empty()
    }

    /// Takes the work, or keeps it, for `span` from now on. `false` when there is none, or another process has it.
    pub fn claim(&mut self, owner: InstanceId, now: Timestamp, span: Duration) -> bool {
        let free = self.lease.is_none_or(|lease| lease.owner == owner || lease.until <= now);
        if free && self.has_work() {
            self.lease = Some(Lease { owner, until: now.plus(span) });
        }
        free && self.has_work()
    }

    /// Whether this process has the work.
    #[must_use]
    pub fn is_worked_on_by(&self, owner: InstanceId) -> bool {
        self.lease.is_some_and(|lease| lease.owner == owner)
    }

    /// Puts the table that was built in the place of the one that is served from. `false` when it is not being built any
    /// more, or one that was served from before has not been removed yet.
    pub fn switch(&mut self, built: &str, now: Timestamp) -> bool {
        if self.retired.is_some() || self.target.as_ref().is_none_or(|target| target.table.name != built) {
            return false;
        }
        let Some(target) = self.target.take() else { return false };
        let table = std::mem::replace(&mut self.current, target.table);
        self.before.retain(|space| space != &table.space);
        self.before.push(table.space.clone());
        self.retired = Some(Retired { table, since: now, built: target.progress });
        true
    }

    /// Lets the table that was served from before go. `false` when there is none of this name.
    pub fn release(&mut self, retired: &str) -> bool {
        let released = self.retired.take_if(|old| old.table.name == retired);
        self.superfluous.extend(released.iter().map(|old| old.table.name.clone()));
        released.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn space(dimensions: usize) -> EmbeddingSpace {
        EmbeddingSpace { model: "words".into(), dimensions }
    }

    fn ask(ledger: &mut SpaceLedger, dimensions: usize) -> Asked {
        ledger.ask(space(dimensions), Embedding { by: EmbeddedBy::OpenRouter, min_score: None, same_score: None })
    }

    #[test]
    fn one_space_at_a_time_is_built() {
        let mut ledger = SpaceLedger::first(space(4));
        assert_eq!(ask(&mut ledger, 4), Asked::Current);
        assert!(!ledger.has_work() && !ledger.cancel());
        assert_eq!(ask(&mut ledger, 8), Asked::New);
        assert_eq!(ask(&mut ledger, 8), Asked::Already);
        assert!(matches!(ask(&mut ledger, 16), Asked::Another(table) if table.space == space(8)));
        assert!(ledger.cancel());
        assert_eq!((ledger.superfluous.clone(), ledger.has_work()), (vec!["memories_2".to_owned()], true));
        // A name is never used again: a table of it may still be there.
        assert_eq!(ask(&mut ledger, 8), Asked::New);
        assert_eq!(ledger.target.unwrap().table.name, "memories_3");
    }

    #[test]
    fn a_table_is_switched_to_once_and_the_old_one_goes() {
        let (mut ledger, now) = (SpaceLedger::first(space(4)), Timestamp::from_millis(1));
        ask(&mut ledger, 8);
        assert!(!ledger.switch("memories", now));
        assert!(ledger.switch("memories_2", now) && !ledger.switch("memories_2", now));
        assert_eq!(ledger.used().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["memories_2", "memories"]);
        // The next one waits until the first is gone.
        assert_eq!(ask(&mut ledger, 16), Asked::New);
        assert!(!ledger.switch("memories_3", now));
        assert!(!ledger.release("memories_2") && ledger.release("memories") && !ledger.release("memories"));
        assert!(ledger.switch("memories_3", now));
        assert_eq!(ledger.superfluous, ["memories"]);
        // Whatever the settings named meanwhile is still understood, and nothing else.
        assert!([4, 8, 16].into_iter().all(|dimensions| ledger.is_meant_by(&space(dimensions))));
        assert!(!ledger.is_meant_by(&space(32)));
    }

    #[test]
    fn work_is_one_process_s_until_its_lease_is_over() {
        let (one, other) = (InstanceId::new(Uuid::from_u128(1)), InstanceId::new(Uuid::from_u128(2)));
        let (at, span) = (Timestamp::from_millis, Duration::from_millis(100));
        let mut ledger = SpaceLedger::first(space(4));
        assert!(!ledger.claim(one, at(0), span) && ledger.lease.is_none());
        ask(&mut ledger, 8);
        assert!(ledger.claim(one, at(0), span) && ledger.claim(one, at(50), span));
        assert!(!ledger.claim(other, at(149), span) && ledger.is_worked_on_by(one));
        assert!(ledger.claim(other, at(150), span) && ledger.is_worked_on_by(other));
    }
}
