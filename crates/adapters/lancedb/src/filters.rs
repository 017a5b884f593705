//! Filters, built as expressions: no text of a user becomes part of a query's text.

use crate::{
    rows::Key,
    schema::{CREATED_AT, DELETED, ID, SOURCE_CHAT, SOURCE_TURN, STATE, SUPERSEDED_BY, USER_ID},
};
use lancedb::expr::{DfExpr, col, is_in, lit};
use palavra_domain::{ChatId, MemoryCursor, MemoryId, MemoryKey, MemoryState, TurnId, UserId};
use std::collections::BTreeMap;

/// All rows of a user.
pub(crate) fn of_user(user: UserId) -> DfExpr {
    col(USER_ID).eq(lit(user.to_string()))
}

/// A user's memories that hold.
pub(crate) fn active(user: UserId) -> DfExpr {
    of_user(user).and(col(STATE).eq(lit(MemoryState::Active.as_str())).or(col(STATE).is_null()))
}

/// A user's memories that do not hold any more.
pub(crate) fn past(user: UserId) -> DfExpr {
    let states = [MemoryState::Superseded, MemoryState::Retracted].map(|state| lit(state.as_str()));
    of_user(user).and(is_in(col(STATE), states.into()))
}

/// What is left of a user's deleted memories.
pub(crate) fn deleted(user: UserId) -> DfExpr {
    of_user(user).and(col(STATE).eq(lit(DELETED)))
}

fn kept(user: UserId) -> DfExpr {
    of_user(user).and(col(STATE).not_eq(lit(DELETED)).or(col(STATE).is_null()))
}

/// One memory of a user, in any state.
pub(crate) fn one(user: UserId, id: MemoryId) -> DfExpr {
    kept(user).and(col(ID).eq(lit(id.to_string())))
}

/// One memory of a user, and all that others took the place of: its history is among these.
pub(crate) fn lineage(user: UserId, id: MemoryId) -> DfExpr {
    kept(user).and(col(ID).eq(lit(id.to_string())).or(col(SUPERSEDED_BY).is_not_null()))
}

/// A user's memories from a chat, and all that others took the place of.
pub(crate) fn lineage_of_chat(user: UserId, chat: ChatId) -> DfExpr {
    kept(user).and(col(SOURCE_CHAT).eq(lit(chat.to_string())).or(col(SUPERSEDED_BY).is_not_null()))
}

/// What came from a turn of a user, deleted or not.
pub(crate) fn of_turn(user: UserId, turn: TurnId) -> DfExpr {
    of_user(user).and(col(SOURCE_TURN).eq(lit(turn.to_string())))
}

/// A user's memories that hold and come after a cursor in the order of lists.
pub(crate) fn below(user: UserId, cursor: MemoryCursor) -> DfExpr {
    let time = cursor.created_at.as_millis();
    let earlier = col(CREATED_AT).lt(lit(time));
    let same_time = col(CREATED_AT).eq(lit(time)).and(col(ID).lt(lit(cursor.id.to_string())));
    active(user).and(earlier.or(same_time))
}

/// All rows that come after a key in the order of keys.
pub(crate) fn above(key: MemoryKey) -> DfExpr {
    let user = key.user.to_string();
    let others = col(USER_ID).gt(lit(user.clone()));
    let same = col(USER_ID).eq(lit(user)).and(col(ID).gt(lit(key.id.to_string())));
    others.or(same)
}

/// Rows of a user, whether deleted or not.
pub(crate) fn some(user: UserId, ids: impl IntoIterator<Item = MemoryId>) -> DfExpr {
    let ids = ids.into_iter().map(|id| lit(id.to_string())).collect();
    of_user(user).and(is_in(col(ID), ids))
}

/// All rows that have one of these ids and one of these users. Wider than the pairs, so the pairs have to be looked for in
/// what it finds.
pub(crate) fn any_of(keys: &[Key]) -> DfExpr {
    let ids = keys.iter().map(|(_, id)| lit(id.to_string())).collect();
    let mut users: Vec<UserId> = keys.iter().map(|(user, _)| *user).collect();
    users.sort_unstable();
    users.dedup();
    let users = users.into_iter().map(|user| lit(user.to_string())).collect();
    is_in(col(ID), ids).and(is_in(col(USER_ID), users))
}

/// The rows with these keys, and no others.
pub(crate) fn exactly(keys: &[Key]) -> DfExpr {
    let mut by_user: BTreeMap<UserId, Vec<MemoryId>> = BTreeMap::new();
    for (user, id) in keys {
        by_user.entry(*user).or_default().push(*id);
    }
    let filters = by_user.into_iter().map(|(user, ids)| some(user, ids)).collect();
    any(filters).unwrap_or_else(|| lit(false))
}

/// One of these. As a tree that is as low as can be: deep expressions take much stack.
fn any(mut filters: Vec<DfExpr>) -> Option<DfExpr> {
    if filters.len() < 2 {
        return filters.pop();
    }
    let rest = filters.split_off(filters.len() / 2);
    Some(any(filters)?.or(any(rest)?))
}
