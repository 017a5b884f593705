use crate::{
    BeginOutcome, BeginTurn, Chat, ChatId, ChatTitle, Checkpoint, Exchange, JobOutcome, Lease, Page, RememberTask,
    SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnRef, UserId,
};
use async_trait::async_trait;

/// Chats, their turns, and the jobs recorded in the turns.
///
/// A chat answers one turn at a time. Whatever crashes between two steps of a method, calling it again, or
/// [`ChatRepository::interrupt_turn`], brings the chat to a state in which no turn is lost and none is counted twice.
#[async_trait]
pub trait ChatRepository: Send + Sync {
    /// Writes a turn down as pending, as the next of its chat, and makes the chat busy with it.
    ///
    /// Behaviour: `Busy` while another turn of the chat is active, `NotFound` when the user has no such chat; nothing is
    /// written then. Of several calls at once on one free chat, exactly one begins. `seq` counts from 1 without gaps.
    ///
    /// # Errors
    /// `Conflict(Chat)` when a new chat's id is taken; `Conflict(Turn)` when the turn's id is.
    async fn begin_turn(&self, begin: &BeginTurn) -> Result<BeginOutcome, StoreError>;

    /// Saves what is known of a pending turn so far, and renews its lease. `false`, and nothing is written, when it is
    /// not pending.
    async fn checkpoint(&self, turn: TurnRef, checkpoint: &Checkpoint) -> Result<bool, StoreError>;

    /// Ends a pending turn, adds what its attempts used to the chat's totals exactly once, and frees the chat.
    ///
    /// Behaviour: a turn that ended before stays as it is (`AlreadySettled`). Of several calls at once, exactly one settles.
    /// `updated_at` of the chat becomes `finished_at`.
    async fn settle_turn(&self, turn: TurnRef, settlement: &Settlement) -> Result<SettleOutcome, StoreError>;

    /// Ends a pending turn as interrupted, with what its last checkpoint saved, whose usage is added to the totals; frees
    /// the chat. `false` when it was not pending; its chat is then free all the same.
    async fn interrupt_turn(&self, turn: TurnRef, now: Timestamp) -> Result<bool, StoreError>;

    /// Turns that chats are busy with and whose lease ended at `as_of` or before, at most `limit`. Of all users.
    async fn expired_turns(&self, as_of: Timestamp, limit: usize) -> Result<Vec<TurnRef>, StoreError>;

    /// The chat, if it is this user's.
    async fn find_chat(&self, user: UserId, chat: ChatId) -> Result<Option<Chat>, StoreError>;

    /// The user's chats, the newest (by id) first, from below `before`.
    async fn list_chats(
        &self,
        user: UserId,
        before: Option<ChatId>,
        limit: usize,
    ) -> Result<Page<Chat, ChatId>, StoreError>;

    /// The `limit` turns of the chat with the highest numbers below `before`, oldest first; `next` is the number to pass
    /// as `before` for older ones. An empty page when the user has no such chat.
    async fn list_turns(
        &self,
        user: UserId,
        chat: ChatId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Page<Turn, u32>, StoreError>;

    /// The `limit` complete turns of the chat with the highest numbers below `before`, newest first.
    async fn recent_exchanges(
        &self,
        user: UserId,
        chat: ChatId,
        before: u32,
        limit: usize,
    ) -> Result<Vec<Exchange>, StoreError>;

    /// Gives a chat another title. `None` when the user has no such chat.
    async fn rename_chat(
        &self,
        user: UserId,
        chat: ChatId,
        title: &ChatTitle,
        now: Timestamp,
    ) -> Result<Option<Chat>, StoreError>;

    /// Deletes a chat with its turns and their jobs. `true` when it was there.
    async fn delete_chat(&self, user: UserId, chat: ChatId) -> Result<bool, StoreError>;

    /// Takes up to `limit` jobs that are due at `now`, the oldest turn first: waiting ones, and claimed ones whose lease
    /// has ended. Each becomes claimed with `lease` and counts one more try.
    ///
    /// Behaviour: of several calls at once, each job goes to one only. A user's jobs are done one at a time and in the
    /// order of their turns (by `created_at`, then id): none is taken while another one of its user is claimed and leased,
    /// or an older one is waiting, due or not. One call takes at most one job of a user.
    async fn claim_memory_jobs(
        &self,
        lease: Lease,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RememberTask>, StoreError>;

    /// Records how work on a claimed job ended. `false` when it is not claimed (its chat may be gone).
    async fn finish_memory_job(&self, turn: TurnRef, outcome: JobOutcome) -> Result<bool, StoreError>;

    /// Makes claimed jobs whose lease ended at `as_of` or before wait again, due at once, and tells how many.
    async fn release_memory_jobs(&self, as_of: Timestamp) -> Result<u64, StoreError>;

    /// How many jobs are waiting or claimed.
    async fn memory_backlog(&self) -> Result<u64, StoreError>;
}
