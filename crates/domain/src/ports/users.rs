use crate::{StoreError, Timestamp, User, UserId, Username};
use async_trait::async_trait;

/// Accounts.
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Saves a new user.
    ///
    /// Behaviour: of several inserts at once with names that fold to the same, exactly one succeeds.
    ///
    /// # Errors
    /// `Conflict(Username)` when the folded name is taken; `Conflict(User)` when the id is.
    async fn insert(&self, user: &User) -> Result<(), StoreError>;

    /// The user with this id.
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user whose folded name is this one's.
    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError>;

    /// Replaces a user, compare-and-set: `user.revision` is the revision it was read with, what is stored and returned
    /// has the next one. The id, the name and `created_at` never change; `memory_version` and `memories_cleared_at` are
    /// changed by [`UserRepository::memories_changed`] alone, and what is returned has the stored ones.
    ///
    /// Behaviour: `None` when there is no such user. Of several updates from one revision, exactly one succeeds.
    ///
    /// # Errors
    /// `Stale(User)` when the stored revision is another.
    async fn update(&self, user: &User) -> Result<Option<User>, StoreError>;

    /// Counts one more change to what is remembered about the user, and returns the new `memory_version`; with `cleared_at`
    /// also sets `memories_cleared_at`. Revision and `updated_at` stay.
    ///
    /// Behaviour: `None` when there is no such user. Of several calls at once, each counts. Every later read sees it.
    async fn memories_changed(&self, id: UserId, cleared_at: Option<Timestamp>) -> Result<Option<u64>, StoreError>;
}
