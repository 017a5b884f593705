//! Chats, their turns and jobs.

mod store;

use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{
    BeginOutcome, BeginTurn, Chat, ChatId, ChatTitle, Checkpoint, Exchange, JobOutcome, Lease, Page, RememberTask,
    SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnRef, TurnStatus, Usage, UserId,
    ports::{ChatArchive, ChatRepository, Scan},
};
use std::sync::Mutex;
use store::Store;

/// Chats in memory.
#[derive(Default)]
pub struct InMemoryChatRepository {
    store: Mutex<Store>,
}

impl InMemoryChatRepository {
    /// A repository without chats.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl ChatRepository for InMemoryChatRepository {
    async fn begin_turn(&self, begin: &BeginTurn) -> Result<BeginOutcome, StoreError> {
        locked(&self.store).begin(begin)
    }

    async fn checkpoint(&self, turn: TurnRef, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
        Ok(locked(&self.store).checkpoint(turn, checkpoint))
    }

    async fn settle_turn(&self, turn: TurnRef, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        Ok(locked(&self.store).settle(turn, settlement))
    }

    async fn interrupt_turn(&self, turn: TurnRef, now: Timestamp) -> Result<bool, StoreError> {
        Ok(locked(&self.store).interrupt(turn, now))
    }

    async fn expired_turns(&self, as_of: Timestamp, limit: usize) -> Result<Vec<TurnRef>, StoreError> {
        let store = locked(&self.store);
        let expired = store.chats().filter_map(|(chat, _)| {
            let active = chat.active.filter(|active| active.lease.until <= as_of)?;
            Some(TurnRef { user: chat.user_id, chat: chat.id, turn: active.turn })
        });
        Ok(expired.take(limit).collect())
    }

    async fn find_chat(&self, user: UserId, chat: ChatId) -> Result<Option<Chat>, StoreError> {
        Ok(locked(&self.store).own(user, chat).map(|(chat, _)| chat.clone()))
    }

    async fn list_chats(
        &self,
        user: UserId,
        before: Option<ChatId>,
        limit: usize,
    ) -> Result<Page<Chat, ChatId>, StoreError> {
        let store = locked(&self.store);
        let below = |chat: &&Chat| chat.user_id == user && before.is_none_or(|before| chat.id < before);
        let newest_first = store.chats().rev().map(|(chat, _)| chat).filter(below);
        let items = newest_first.take(limit.saturating_add(1)).cloned().collect();
        Ok(Page::from_overfull(items, limit, |chat| chat.id))
    }

    async fn list_turns(
        &self,
        user: UserId,
        chat: ChatId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Page<Turn, u32>, StoreError> {
        let store = locked(&self.store);
        let turns = store.own(user, chat).map_or(&[][..], |(_, turns)| turns);
        let newest_first = turns.iter().rev().filter(|turn| before.is_none_or(|before| turn.seq < before));
        let items = newest_first.take(limit.saturating_add(1)).cloned().collect();
        let mut page = Page::from_overfull(items, limit, |turn: &Turn| turn.seq);
        page.items.reverse();
        Ok(page)
    }

    async fn recent_exchanges(
        &self,
        user: UserId,
        chat: ChatId,
        before: u32,
        limit: usize,
    ) -> Result<Vec<Exchange>, StoreError> {
        let store = locked(&self.store);
        let turns = store.own(user, chat).map_or(&[][..], |(_, turns)| turns);
        let complete =
            turns.iter().rev().filter(|turn| turn.seq < before && turn.status == TurnStatus::Complete).map(|turn| {
                Exchange {
                    seq: turn.seq,
                    prompt: turn.prompt.as_str().to_owned(),
                    reply: turn.reply.clone().unwrap_or_default(),
                }
            });
        Ok(complete.take(limit).collect())
    }

    async fn rename_chat(
        &self,
        user: UserId,
        chat: ChatId,
        title: &ChatTitle,
        now: Timestamp,
    ) -> Result<Option<Chat>, StoreError> {
        Ok(locked(&self.store).rename(user, chat, title, now))
    }

    async fn delete_chat(&self, user: UserId, chat: ChatId) -> Result<bool, StoreError> {
        Ok(locked(&self.store).delete(user, chat))
    }

    async fn claim_memory_jobs(
        &self,
        lease: Lease,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RememberTask>, StoreError> {
        locked(&self.store).claim(lease, now, limit)
    }

    async fn finish_memory_job(&self, turn: TurnRef, outcome: JobOutcome) -> Result<bool, StoreError> {
        Ok(locked(&self.store).finish(turn, outcome))
    }

    async fn release_memory_jobs(&self, as_of: Timestamp) -> Result<u64, StoreError> {
        Ok(locked(&self.store).release(as_of))
    }

    async fn memory_backlog(&self) -> Result<u64, StoreError> {
        Ok(locked(&self.store).backlog())
    }
}

#[async_trait]
impl ChatArchive for InMemoryChatRepository {
    async fn scan_chats(&self, after: Option<ChatId>, limit: usize) -> Result<Scan<Chat, ChatId>, StoreError> {
        let store = locked(&self.store);
        let above = store.chats().map(|(chat, _)| chat).filter(|chat| after.is_none_or(|after| chat.id > after));
        let items = above.take(limit.saturating_add(1)).cloned().collect();
        let page = Page::from_overfull(items, limit, |chat: &Chat| chat.id);
        Ok(Page { items: page.items.into_iter().map(Ok).collect(), next: page.next })
    }

    async fn scan_turns(
        &self,
        user: UserId,
        chat: ChatId,
        after: u32,
        limit: usize,
    ) -> Result<Scan<Turn, u32>, StoreError> {
        let store = locked(&self.store);
        let turns = store.own(user, chat).map_or(&[][..], |(_, turns)| turns);
        let above = turns.iter().filter(|turn| turn.seq > after);
        let page =
            Page::from_overfull(above.take(limit.saturating_add(1)).cloned().collect(), limit, |turn: &Turn| turn.seq);
        Ok(Page { items: page.items.into_iter().map(Ok).collect(), next: page.next })
    }

    async fn import(&self, chat: &Chat, turns: &[Turn]) -> Result<(), StoreError> {
        locked(&self.store).import(chat, turns)
    }

    async fn correct_totals(&self, user: UserId, chat: ChatId, from: Usage, to: Usage) -> Result<bool, StoreError> {
        Ok(locked(&self.store).correct_totals(user, chat, from, to))
    }

    async fn parked_jobs(&self, limit: usize) -> Result<Vec<TurnRef>, StoreError> {
        Ok(locked(&self.store).parked(limit))
    }
}
