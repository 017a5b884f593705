//! Sessions.

use crate::{
    columns::{Decoded, Undecodable, bytes, option, time, uuid},
    database::Database,
    errors::{Outcome, conflict, readable},
    schema::sessions,
};
use async_trait::async_trait;
use diesel::{prelude::*, sqlite::Sqlite};
use palavra_domain::{
    Entity, RefreshHash, RotateOutcome, Session, SessionId, StoreError, Timestamp, UserId, ports::SessionStore,
};

/// Sessions in SQLite; from [`SqliteStore::sessions`](crate::SqliteStore::sessions).
#[derive(Clone)]
pub struct SqliteSessionStore {
    database: Database,
}

impl SqliteSessionStore {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(Sqlite))]
struct SessionRow {
    id: Vec<u8>,
    user_id: Vec<u8>,
    refresh_hash: Vec<u8>,
    created_at: i64,
    last_used_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: bytes(session.id.uuid()),
            user_id: bytes(session.user_id.uuid()),
            refresh_hash: session.refresh_hash.0.to_vec(),
            created_at: session.created_at.as_millis(),
            last_used_at: session.last_used_at.as_millis(),
            expires_at: session.expires_at.as_millis(),
            revoked_at: session.revoked_at.map(Timestamp::as_millis),
        }
    }
}

impl SessionRow {
    fn decode(self) -> Outcome<Session> {
        let id = self.id.clone();
        readable(Entity::Session, &id, self.try_decode())
    }

    fn try_decode(self) -> Decoded<Session> {
        let hash = <[u8; 32]>::try_from(self.refresh_hash);
        Ok(Session {
            id: SessionId::new(uuid("id", &self.id)?),
            user_id: UserId::new(uuid("user_id", &self.user_id)?),
            refresh_hash: RefreshHash(hash.map_err(|_| Undecodable::new("refresh_hash", "does not have 32 bytes"))?),
            created_at: time("created_at", self.created_at)?,
            last_used_at: time("last_used_at", self.last_used_at)?,
            expires_at: time("expires_at", self.expires_at)?,
            revoked_at: option(self.revoked_at, |at| time("revoked_at", at))?,
        })
    }
}

fn find(connection: &mut SqliteConnection, user: UserId, id: SessionId) -> Outcome<Option<Session>> {
    let row = sessions::table
        .filter(sessions::id.eq(bytes(id.uuid())))
        .filter(sessions::user_id.eq(bytes(user.uuid())))
        .select(SessionRow::as_select())
        .first(connection)
        .optional()?;
    row.map(SessionRow::decode).transpose()
}

fn revoke(connection: &mut SqliteConnection, user: UserId, id: SessionId, now: Timestamp) -> Outcome<bool> {
    let live = sessions::table
        .filter(sessions::id.eq(bytes(id.uuid())))
        .filter(sessions::user_id.eq(bytes(user.uuid())))
        .filter(sessions::revoked_at.is_null());
    let ended = diesel::update(live).set(sessions::revoked_at.eq(now.as_millis())).execute(connection)?;
    Ok(ended > 0)
}

/// What a refresh token is exchanged for.
struct Rotation {
    presented: RefreshHash,
    next: RefreshHash,
    now: Timestamp,
    expires_at: Timestamp,
}

fn rotate(
    connection: &mut SqliteConnection,
    user: UserId,
    id: SessionId,
    rotation: &Rotation,
) -> Outcome<RotateOutcome> {
    let Some(session) = find(connection, user, id)?.filter(|session| session.is_live(rotation.now)) else {
        return Ok(RotateOutcome::NotFound);
    };
    if session.refresh_hash != rotation.presented {
        revoke(connection, user, id, rotation.now)?;
        return Ok(RotateOutcome::Reused);
    }
    let session =
        Session { refresh_hash: rotation.next, last_used_at: rotation.now, expires_at: rotation.expires_at, ..session };
    diesel::update(sessions::table.filter(sessions::id.eq(bytes(id.uuid()))))
        .set((
            sessions::refresh_hash.eq(session.refresh_hash.0.to_vec()),
            sessions::last_used_at.eq(session.last_used_at.as_millis()),
            sessions::expires_at.eq(session.expires_at.as_millis()),
        ))
        .execute(connection)?;
    Ok(RotateOutcome::Rotated(session))
}

fn revoke_others(
    connection: &mut SqliteConnection,
    user: UserId,
    keep: SessionId,
    now: Timestamp,
) -> Outcome<Vec<SessionId>> {
    let others = sessions::table
        .filter(sessions::user_id.eq(bytes(user.uuid())))
        .filter(sessions::id.ne(bytes(keep.uuid())))
        .filter(sessions::revoked_at.is_null());
    let ended: Vec<Vec<u8>> = diesel::update(others)
        .set(sessions::revoked_at.eq(now.as_millis()))
        .returning(sessions::id)
        .get_results(connection)?;
    ended.iter().map(|id| readable(Entity::Session, id, uuid("id", id)).map(SessionId::new)).collect()
}

#[async_trait]
impl SessionStore for SqliteSessionStore {
    #[tracing::instrument(name = "db.session.insert", level = "debug", skip_all)]
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let row = SessionRow::from(session);
        let insert = move |connection: &mut SqliteConnection| {
            diesel::insert_into(sessions::table).values(&row).execute(connection).map_err(conflict(Entity::Session))?;
            Ok(())
        };
        self.database.write(insert).await
    }

    #[tracing::instrument(name = "db.session.find", level = "debug", skip_all)]
    async fn find(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.database.read(move |connection| find(connection, user, id)).await
    }

    #[tracing::instrument(name = "db.session.rotate", level = "debug", skip_all)]
    async fn rotate(
        &self,
        user: UserId,
        id: SessionId,
        presented: RefreshHash,
        next: RefreshHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<RotateOutcome, StoreError> {
        let rotation = Rotation { presented, next, now, expires_at };
        self.database.write(move |connection| rotate(connection, user, id, &rotation)).await
    }

    #[tracing::instrument(name = "db.session.revoke", level = "debug", skip_all)]
    async fn revoke(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        self.database.write(move |connection| revoke(connection, user, id, now)).await
    }

    #[tracing::instrument(name = "db.session.revoke_others", level = "debug", skip_all)]
    async fn revoke_others(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        self.database.write(move |connection| revoke_others(connection, user, keep, now)).await
    }

    #[tracing::instrument(name = "db.session.delete_expired", level = "debug", skip_all)]
    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        let delete = move |connection: &mut SqliteConnection| {
            let over = sessions::table.filter(sessions::expires_at.lt(before.as_millis()));
            Ok(diesel::delete(over).execute(connection)? as u64)
        };
        self.database.write(delete).await
    }
}
