//! Which users have memories, as far as is known: it spares most users a query before every prompt.

use palavra_domain::UserId;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many users are kept in mind; about 5 MB.
const MAX_USERS: usize = 100_000;

/// Right only while one process writes; see [`crate::LanceDbOptions::sole_writer`].
#[derive(Default)]
pub(crate) struct Presence {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    known: HashMap<UserId, bool>,
    /// Counts commits, so that an answer read before one is not kept after it.
    commits: u64,
}

/// When a question was asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked(u64);

impl Presence {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change below is a single one, so a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the user, or else the time of asking, to be given back with the answer.
    pub(crate) fn ask(&self, user: UserId) -> Result<bool, Asked> {
        let inner = self.lock();
        inner.known.get(&user).copied().ok_or(Asked(inner.commits))
    }

    /// Keeps what a query found, unless something was committed since it was asked.
    pub(crate) fn learn(&self, user: UserId, has: bool, asked: Asked) {
        let mut inner = self.lock();
        if inner.commits == asked.0 {
            inner.keep(user, has);
        }
    }

    /// Tells of a commit that gave these users memories.
    pub(crate) fn saved(&self, users: impl IntoIterator<Item = UserId>) {
        let mut inner = self.lock();
        inner.commits += 1;
        for user in users {
            inner.keep(user, true);
        }
    }

    /// Tells of a commit that left the user without memories.
    pub(crate) fn emptied(&self, user: UserId) {
        let mut inner = self.lock();
        inner.commits += 1;
        inner.keep(user, false);
    }

    /// Tells of a commit after which nobody knows, or that may or may not have happened.
    pub(crate) fn unsure(&self, users: impl IntoIterator<Item = UserId>) {
        let mut inner = self.lock();
        inner.commits += 1;
        for user in users {
            inner.known.remove(&user);
        }
    }
}

impl Inner {
    fn keep(&mut self, user: UserId, has: bool) {
        if self.known.len() >= MAX_USERS && !self.known.contains_key(&user) {
            // Starting over costs each user one query; that is cheaper than keeping track of who was here last.
            self.known.clear();
        }
        self.known.insert(user, has);
    }
}
