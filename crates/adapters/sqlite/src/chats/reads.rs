//! What is read of chats and turns.

use super::rows::{ChatRow, TurnRow};
use crate::{
    columns::{bytes, number, overfull, rows, uuid},
    errors::{Outcome, readable},
    schema::{chats, turns},
};
use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::Bool,
    sqlite::Sqlite,
};
use palavra_domain::{Chat, ChatId, Entity, Exchange, Page, Timestamp, Turn, TurnId, TurnRef, UserId};

pub(crate) fn chat(connection: &mut SqliteConnection, user: UserId, id: ChatId) -> Outcome<Option<Chat>> {
    let row = chats::table
        .filter(chats::id.eq(bytes(id.uuid())))
        .filter(chats::user_id.eq(bytes(user.uuid())))
        .select(ChatRow::as_select())
        .first(connection)
        .optional()?;
    row.map(ChatRow::decode).transpose()
}

pub(crate) fn chats_of(
    connection: &mut SqliteConnection,
    user: UserId,
    before: Option<ChatId>,
    limit: usize,
) -> Outcome<Page<Chat, ChatId>> {
    // Seventeen bytes come after every id, so the first page is the same query as the others.
    let before = before.map_or_else(|| vec![0xff; 17], |id| bytes(id.uuid()));
    let found = chats::table
        .filter(chats::user_id.eq(bytes(user.uuid())))
        .filter(chats::id.lt(before))
        .order(chats::id.desc())
        .limit(overfull(limit))
        .select(ChatRow::as_select())
        .load(connection)?;
    let page = Page::from_overfull(found, limit, |last| last.id.clone());
    let next = page.next.map(|id| readable(Entity::Chat, &id, uuid("id", &id))).transpose()?;
    // One that cannot be read was logged, and is left out.
    let items = page.items.into_iter().filter_map(|row| row.decode().ok()).collect();
    Ok(Page { items, next: next.map(ChatId::new) })
}

pub(crate) fn turns_of(
    connection: &mut SqliteConnection,
    user: UserId,
    chat: ChatId,
    before: Option<u32>,
    limit: usize,
) -> Outcome<Page<Turn, u32>> {
    let found = turns::table
        .filter(turns::chat_id.eq(bytes(chat.uuid())))
        .filter(turns::user_id.eq(bytes(user.uuid())))
        .filter(turns::seq.lt(before.map_or(i64::MAX, i64::from)))
        .order(turns::seq.desc())
        .limit(overfull(limit))
        .select(TurnRow::as_select())
        .load(connection)?;
    let page = Page::from_overfull(found, limit, |last| last.seq);
    let next = page.next.map(|seq| readable(Entity::Turn, chat.uuid().as_bytes(), number("seq", seq))).transpose()?;
    let items = page.items.into_iter().rev().filter_map(|row| row.decode().ok()).collect();
    Ok(Page { items, next })
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = turns, check_for_backend(Sqlite))]
struct ExchangeRow {
    id: Vec<u8>,
    seq: i64,
    prompt: String,
    reply: Option<String>,
}

pub(crate) fn exchanges(
    connection: &mut SqliteConnection,
    user: UserId,
    chat: ChatId,
    before: u32,
    limit: usize,
) -> Outcome<Vec<Exchange>> {
    let found = turns::table
        .filter(turns::chat_id.eq(bytes(chat.uuid())))
        .filter(turns::user_id.eq(bytes(user.uuid())))
        .filter(turns::seq.lt(i64::from(before)))
        .filter(IsComplete)
        .order(turns::seq.desc())
        .limit(rows(limit))
        .select(ExchangeRow::as_select())
        .load(connection)?;
    let exchange = |row: ExchangeRow| {
        let seq = readable(Entity::Turn, &row.id, number("seq", row.seq)).ok()?;
        Some(Exchange { seq, prompt: row.prompt, reply: row.reply.unwrap_or_default() })
    };
    Ok(found.into_iter().filter_map(exchange).collect())
}

pub(crate) fn expired(connection: &mut SqliteConnection, as_of: Timestamp, limit: usize) -> Outcome<Vec<TurnRef>> {
    let found = chats::table
        .filter(chats::active_until.le(as_of.as_millis()))
        .order(chats::active_until)
        .limit(rows(limit))
        .select((chats::user_id, chats::id, chats::active_turn_id.assume_not_null()))
        .load::<(Vec<u8>, Vec<u8>, Vec<u8>)>(connection)?;
    let reference = |(user, chat, turn): (Vec<u8>, Vec<u8>, Vec<u8>)| {
        let decode = || {
            Ok(TurnRef {
                user: UserId::new(uuid("user_id", &user)?),
                chat: ChatId::new(uuid("id", &chat)?),
                turn: TurnId::new(uuid("active_turn_id", &turn)?),
            })
        };
        readable(Entity::Chat, &chat, decode()).ok()
    };
    Ok(found.into_iter().filter_map(reference).collect())
}

/// `status = 'complete'`, written out: with a bound value SQLite could not tell that the index of complete turns serves.
#[derive(Clone, Copy, Debug, QueryId)]
struct IsComplete;

impl Expression for IsComplete {
    type SqlType = Bool;
}

impl ValidGrouping<()> for IsComplete {
    type IsAggregate = is_aggregate::No;
}

impl AppearsOnTable<turns::table> for IsComplete {}
impl SelectableExpression<turns::table> for IsComplete {}

impl QueryFragment<Sqlite> for IsComplete {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("`turns`.`status` = 'complete'");
        Ok(())
    }
}
