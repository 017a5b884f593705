//! Writing what the target lacks.

use super::{CopiedPart, CopyError, CopyStep, Copying, Pair, Pairs, Watch, pairs::PAGE, progress, refused};
use palavra_domain::{Chat, MemoryRecord, Turn, User};

impl Copying {
    pub(super) async fn copy_users(&self, part: &mut CopiedPart, watch: Watch<'_>) -> Result<(), CopyError> {
        let mut pairs = Pairs::new(self.source.users(), self.target.users(), |user| user.id);
        while let Some(pair) = pairs.next().await? {
            let user = match pair {
                Pair::Source(user) => Some(user),
                Pair::Both(user, there) if user == there => None,
                Pair::Both(user, there) if version(&user) > version(&there) => Some(user),
                Pair::Both(user, _) => {
                    part.newer.add(&user.id);
                    None
                }
                Pair::Target | Pair::Unreadable(_) => continue,
            };
            if let Some(user) = user {
                let written = self.target.users.import(&user).await;
                written.map_err(refused(CopyError::NameTaken(user.id)))?;
                part.written += 1;
            }
            watch(CopyStep::Done(1));
        }
        Ok(())
    }

    pub(super) async fn copy_chats(
        &self,
        chats: &mut CopiedPart,
        turns: &mut CopiedPart,
        watch: Watch<'_>,
    ) -> Result<(), CopyError> {
        let mut pairs = self.chat_pairs();
        while let Some(pair) = pairs.next().await? {
            let (chat, differs) = match pair {
                Pair::Source(chat) => (chat, true),
                Pair::Both(_, there) if there.active.is_some() => return Err(CopyError::TargetInUse(there.id)),
                Pair::Both(chat, there) if chat == there => (chat, false),
                Pair::Both(chat, there) if there.updated_at <= chat.updated_at && there.turns <= chat.turns => {
                    (chat, true)
                }
                Pair::Both(chat, _) => {
                    chats.newer.add(&chat.id);
                    watch(CopyStep::Done(chat.turns.into()));
                    continue;
                }
                Pair::Target | Pair::Unreadable(_) => continue,
            };
            self.copy_turns(&chat, differs, turns, watch).await?;
            chats.written += u64::from(differs);
        }
        Ok(())
    }

    /// The chat is written with the first of its turns, and with each further part of them.
    async fn copy_turns(
        &self,
        chat: &Chat,
        mut chat_differs: bool,
        part: &mut CopiedPart,
        watch: Watch<'_>,
    ) -> Result<(), CopyError> {
        let mut batch: Vec<Turn> = Vec::new();
        let mut pairs = self.turn_pairs(chat);
        loop {
            let pair = pairs.next().await?;
            let ended = pair.is_none();
            match pair {
                Some(Pair::Source(turn)) => batch.push(turn),
                Some(Pair::Both(turn, there)) if turn == there => watch(CopyStep::Done(1)),
                Some(Pair::Both(turn, there)) if progress(&turn) >= progress(&there) => batch.push(turn),
                Some(Pair::Both(turn, _)) => part.newer.add(&turn.id),
                Some(Pair::Target | Pair::Unreadable(_)) | None => {}
            }
            if batch.len() == PAGE || ended && (chat_differs || !batch.is_empty()) {
                let written = self.target.chats.import(chat, &batch).await;
                written.map_err(refused(CopyError::IdTaken(chat.id)))?;
                let count = batch.len() as u64;
                part.written += count;
                watch(CopyStep::Done(count));
                batch.clear();
                chat_differs = false;
            }
            if ended {
                return Ok(());
            }
        }
    }

    pub(super) async fn copy_memories(&self, part: &mut CopiedPart, watch: Watch<'_>) -> Result<(), CopyError> {
        let mut batch: Vec<MemoryRecord> = Vec::new();
        let mut pairs = self.memory_pairs();
        loop {
            let pair = pairs.next().await?;
            let ended = pair.is_none();
            match pair {
                Some(Pair::Source(memory)) => batch.push(memory),
                Some(Pair::Both(memory, there)) if memory == there => watch(CopyStep::Done(1)),
                Some(Pair::Both(memory, there)) if is_later(&memory, &there) => batch.push(memory),
                Some(Pair::Both(memory, _)) => part.newer.add(&memory.key().id),
                Some(Pair::Target | Pair::Unreadable(_)) | None => {}
            }
            if batch.len() == PAGE || ended && !batch.is_empty() {
                let count = batch.len() as u64;
                self.target.memories.import(std::mem::take(&mut batch)).await.map_err(CopyError::Target)?;
                part.written += count;
                watch(CopyStep::Done(count));
            }
            if ended {
                return Ok(());
            }
        }
    }
}

/// How often a user was changed, and then what is remembered about them, which leaves the revision as it is.
fn version(user: &User) -> (u32, u64) {
    (user.revision, user.memory_version)
}

/// Whether a record is of a later state than the one that the target has. A deletion is the end of a memory: it takes the
/// place of what was changed before it, and nothing takes its place but another one, made later elsewhere.
fn is_later(record: &MemoryRecord, there: &MemoryRecord) -> bool {
    match (record, there) {
        (MemoryRecord::Kept(kept), MemoryRecord::Kept(there)) => kept.memory.revision > there.memory.revision,
        (MemoryRecord::Deleted(deleted), MemoryRecord::Kept(there)) => deleted.deleted_at >= there.memory.updated_at,
        (MemoryRecord::Kept(_), MemoryRecord::Deleted(_)) => false,
        (MemoryRecord::Deleted(deleted), MemoryRecord::Deleted(there)) => deleted.deleted_at > there.deleted_at,
    }
}
