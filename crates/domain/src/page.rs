//! Keyset paging: stable under inserts.

use crate::{MemoryId, Timestamp, UserId};

/// A part of a list, and where the next part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The items, in the order the method states.
    pub items: Vec<T>,
    /// Pass it to get what follows; `None` when nothing does.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Makes a page of `limit` items from a list that was read one item further, if there was one.
    #[must_use]
    pub fn from_overfull(mut items: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> C) -> Self {
        let next = if items.len() > limit {
            items.truncate(limit);
            items.last().map(cursor)
        } else {
            None
        };
        Self { items, next }
    }
}

/// Where a page of memories ended: those made before this, or at the same time with a smaller id, follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryCursor {
    /// When the last memory of the page was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: MemoryId,
}

/// A memory's place among all memories of all users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryKey {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub id: MemoryId,
}
