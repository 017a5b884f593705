//! Filters, built as expressions: no text of a user becomes part of a query's text.

use crate::schema::{CREATED_AT, ID, USER_ID};
use lancedb::expr::{DfExpr, col, is_in, lit};
use palavra_domain::{MemoryCursor, MemoryId, MemoryKey, UserId};

/// All memories of a user.
pub(crate) fn of_user(user: UserId) -> DfExpr {
    col(USER_ID).eq(lit(user.to_string()))
}

/// One memory of a user.
pub(crate) fn one(user: UserId, id: MemoryId) -> DfExpr {
    of_user(user).and(col(ID).eq(lit(id.to_string())))
}

/// A user's memories that come after a cursor in the order of lists.
pub(crate) fn below(user: UserId, cursor: MemoryCursor) -> DfExpr {
    let time = cursor.created_at.as_millis();
    let earlier = col(CREATED_AT).lt(lit(time));
    let same_time = col(CREATED_AT).eq(lit(time)).and(col(ID).lt(lit(cursor.id.to_string())));
    of_user(user).and(earlier.or(same_time))
}

/// All memories that come after a key in the order of keys.
pub(crate) fn above(key: MemoryKey) -> DfExpr {
    let user = key.user.to_string();
    let others = col(USER_ID).gt(lit(user.clone()));
    let same = col(USER_ID).eq(lit(user)).and(col(ID).gt(lit(key.id.to_string())));
    others.or(same)
}

/// All rows that have one of these ids and one of these users. Wider than the pairs, so the pairs have to be looked for in
/// what it finds.
pub(crate) fn any_of(keys: &[(UserId, MemoryId)]) -> DfExpr {
    let ids = keys.iter().map(|(_, id)| lit(id.to_string())).collect();
    let mut users: Vec<UserId> = keys.iter().map(|(user, _)| *user).collect();
    users.sort_unstable();
    users.dedup();
    let users = users.into_iter().map(|user| lit(user.to_string())).collect();
    is_in(col(ID), ids).and(is_in(col(USER_ID), users))
}
