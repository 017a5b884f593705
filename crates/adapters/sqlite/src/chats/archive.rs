//! Copying and checking.

use super::{
    SqliteChatRepository,
    rows::{ChatRow, TotalsRow, TurnRow},
};
use crate::{
    columns::{bytes, number, overfull, rows, uuid},
    errors::{Failure, Outcome, conflict, readable},
    schema::{chats, turns},
};
use async_trait::async_trait;
use diesel::prelude::*;
use palavra_domain::{
    Chat, ChatId, Entity, JobState, Page, StoreError, Turn, TurnId, TurnRef, Usage, UserId,
    ports::{ChatArchive, Scan},
};

fn scan_chats(connection: &mut SqliteConnection, after: Option<ChatId>, limit: usize) -> Outcome<Scan<Chat, ChatId>> {
    // No bytes come before every id, so the first page is the same query as the others.
    let after = after.map_or_else(Vec::new, |id| bytes(id.uuid()));
    let found = chats::table
        .filter(chats::id.gt(after))
        .order(chats::id)
        .limit(overfull(limit))
        .select(ChatRow::as_select())
        .load(connection)?;
    let page = Page::from_overfull(found, limit, |last| last.id.clone());
    let next = page.next.map(|id| readable(Entity::Chat, &id, uuid("id", &id))).transpose()?;
    let items = page.items.into_iter().map(|row| row.decode().map_err(|failure| failure.0)).collect();
    Ok(Page { items, next: next.map(ChatId::new) })
}

fn scan_turns(
    connection: &mut SqliteConnection,
    user: UserId,
    chat: ChatId,
    after: u32,
    limit: usize,
) -> Outcome<Scan<Turn, u32>> {
    let found = turns::table
        .filter(turns::chat_id.eq(bytes(chat.uuid())))
        .filter(turns::user_id.eq(bytes(user.uuid())))
        .filter(turns::seq.gt(i64::from(after)))
        .order(turns::seq)
        .limit(overfull(limit))
        .select(TurnRow::as_select())
        .load(connection)?;
    let page = Page::from_overfull(found, limit, |last| last.seq);
    let next = page.next.map(|seq| readable(Entity::Turn, chat.uuid().as_bytes(), number("seq", seq))).transpose()?;
    let items = page.items.into_iter().map(|row| row.decode().map_err(|failure| failure.0)).collect();
    Ok(Page { items, next })
}

fn import(connection: &mut SqliteConnection, chat: Chat, turns: &[Turn]) -> Outcome<()> {
    let row = ChatRow::from(chat);
    let owner =
        chats::table.filter(chats::id.eq(&row.id)).select(chats::user_id).first::<Vec<u8>>(connection).optional()?;
    if owner.is_some_and(|owner| owner != row.user_id) {
        return Err(Failure(StoreError::Conflict(Entity::Chat)));
    }
    diesel::insert_into(chats::table).values(&row).on_conflict(chats::id).do_update().set(&row).execute(connection)?;
    for turn in turns {
        let turn = TurnRow::encode(turn)?;
        let home = turns::table
            .filter(turns::id.eq(&turn.id))
            .select(turns::chat_id)
            .first::<Vec<u8>>(connection)
            .optional()?;
        if home.is_some_and(|home| home != row.id) {
            return Err(Failure(StoreError::Conflict(Entity::Turn)));
        }
        diesel::insert_into(turns::table)
            .values(&turn)
            .on_conflict(turns::id)
            .do_update()
            .set(&turn)
            .execute(connection)
            .map_err(conflict(Entity::Turn))?;
    }
    Ok(())
}

fn correct_totals(
    connection: &mut SqliteConnection,
    user: UserId,
    chat: ChatId,
    from: Usage,
    to: Usage,
) -> Outcome<bool> {
    let id = bytes(chat.uuid());
    let free = || {
        chats::table
            .filter(chats::id.eq(id.clone()))
            .filter(chats::user_id.eq(bytes(user.uuid())))
            .filter(chats::active_turn_id.is_null())
    };
    // Nobody else writes between the two.
    let stored = free().select(TotalsRow::as_select()).first(connection).optional()?;
    if stored.map(|row| row.decode(&id)).transpose()? != Some(from) {
        return Ok(false);
    }
    diesel::update(free()).set(TotalsRow::from(to)).execute(connection)?;
    Ok(true)
}

fn parked(connection: &mut SqliteConnection, limit: usize) -> Outcome<Vec<TurnRef>> {
    let found = turns::table
        .filter(turns::job_state.eq(JobState::Parked.as_str()))
        .order((turns::created_at, turns::id))
        .limit(rows(limit))
        .select((turns::user_id, turns::chat_id, turns::id))
        .load::<(Vec<u8>, Vec<u8>, Vec<u8>)>(connection)?;
    let reference = |(user, chat, turn): (Vec<u8>, Vec<u8>, Vec<u8>)| {
        let decode = || {
            Ok(TurnRef {
                user: UserId::new(uuid("user_id", &user)?),
                chat: ChatId::new(uuid("chat_id", &chat)?),
                turn: TurnId::new(uuid("id", &turn)?),
            })
        };
        readable(Entity::Turn, &turn, decode())
    };
    found.into_iter().map(reference).collect()
}

#[async_trait]
impl ChatArchive for SqliteChatRepository {
    #[tracing::instrument(name = "db.chat.scan_chats", level = "debug", skip_all)]
    async fn scan_chats(&self, after: Option<ChatId>, limit: usize) -> Result<Scan<Chat, ChatId>, StoreError> {
        self.database.read(move |connection| scan_chats(connection, after, limit)).await
    }

    #[tracing::instrument(name = "db.chat.scan_turns", level = "debug", skip_all)]
    async fn scan_turns(
        &self,
        user: UserId,
        chat: ChatId,
        after: u32,
        limit: usize,
    ) -> Result<Scan<Turn, u32>, StoreError> {
        self.database.read(move |connection| scan_turns(connection, user, chat, after, limit)).await
    }

    #[tracing::instrument(name = "db.chat.import", level = "debug", skip_all)]
    async fn import(&self, chat: &Chat, turns: &[Turn]) -> Result<(), StoreError> {
        let (chat, turns) = (chat.clone(), turns.to_vec());
        self.database.write(move |connection| import(connection, chat, &turns)).await
    }

    #[tracing::instrument(name = "db.chat.correct_totals", level = "debug", skip_all)]
    async fn correct_totals(&self, user: UserId, chat: ChatId, from: Usage, to: Usage) -> Result<bool, StoreError> {
        self.database.write(move |connection| correct_totals(connection, user, chat, from, to)).await
    }

    #[tracing::instrument(name = "db.chat.parked_jobs", level = "debug", skip_all)]
    async fn parked_jobs(&self, limit: usize) -> Result<Vec<TurnRef>, StoreError> {
        self.database.read(move |connection| parked(connection, limit)).await
    }
}
