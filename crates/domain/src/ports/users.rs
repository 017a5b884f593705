use crate::{StoreError, User, UserId, Username};
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
    /// has the next one. The id, the name and `created_at` never change.
    ///
    /// Behaviour: `None` when there is no such user. Of several updates from one revision, exactly one succeeds.
    ///
    /// # Errors
    /// `Stale(User)` when the stored revision is another.
    async fn update(&self, user: &User) -> Result<Option<User>, StoreError>;
}
