//! Users.

use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{
    Entity, Page, StoreError, Timestamp, User, UserId, Username,
    ports::{Scan, UserArchive, UserRepository},
};
use std::{collections::HashMap, sync::Mutex};

/// Accounts in memory.
#[derive(Default)]
pub struct InMemoryUserRepository {
    users: Mutex<HashMap<UserId, User>>,
}

impl InMemoryUserRepository {
    /// A repository without users.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl UserRepository for InMemoryUserRepository {
    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        let mut users = locked(&self.users);
        if users.contains_key(&user.id) {
            return Err(StoreError::Conflict(Entity::User));
        }
        let name = user.username.folded();
        if users.values().any(|other| other.username.folded() == name) {
            return Err(StoreError::Conflict(Entity::Username));
        }
        users.insert(user.id, user.clone());
        Ok(())
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(locked(&self.users).get(&id).cloned())
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let name = username.folded();
        Ok(locked(&self.users).values().find(|user| user.username.folded() == name).cloned())
    }

    async fn update(&self, user: &User) -> Result<Option<User>, StoreError> {
        let mut users = locked(&self.users);
        let Some(stored) = users.get_mut(&user.id) else { return Ok(None) };
        if stored.revision != user.revision {
            return Err(StoreError::Stale(Entity::User));
        }
        let next = User {
            revision: user.revision + 1,
            username: stored.username.clone(),
            memory_version: stored.memory_version,
            memories_cleared_at: stored.memories_cleared_at,
            created_at: stored.created_at,
            ..user.clone()
        };
        *stored = next.clone();
        Ok(Some(next))
    }

    async fn memories_changed(&self, id: UserId, cleared_at: Option<Timestamp>) -> Result<Option<u64>, StoreError> {
        let mut users = locked(&self.users);
        let Some(stored) = users.get_mut(&id) else { return Ok(None) };
        stored.memory_version += 1;
        stored.memories_cleared_at = cleared_at.or(stored.memories_cleared_at);
        Ok(Some(stored.memory_version))
    }
}

#[async_trait]
impl UserArchive for InMemoryUserRepository {
    async fn scan(&self, after: Option<UserId>, limit: usize) -> Result<Scan<User, UserId>, StoreError> {
        let users = locked(&self.users);
        let mut ids: Vec<UserId> = users.keys().copied().filter(|id| after.is_none_or(|after| *id > after)).collect();
        ids.sort_unstable();
        ids.truncate(limit.saturating_add(1));
        let Page { items, next } = Page::from_overfull(ids, limit, |id| *id);
        Ok(Page { items: items.iter().filter_map(|id| users.get(id).cloned().map(Ok)).collect(), next })
    }

    async fn import(&self, user: &User) -> Result<(), StoreError> {
        let mut users = locked(&self.users);
        let name = user.username.folded();
        if users.values().any(|other| other.id != user.id && other.username.folded() == name) {
            return Err(StoreError::Conflict(Entity::Username));
        }
        users.insert(user.id, user.clone());
        Ok(())
    }
}
