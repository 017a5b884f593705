//! Sessions.

use crate::{
    cached::Cached,
    columns::{Decoded, Undecodable, option, time},
    database::Database,
    errors::{Failure, Outcome, readable},
    schema::sessions,
};
use async_trait::async_trait;
use diesel::{
    alias,
    dsl::case_when,
    pg::Pg,
    prelude::*,
    sql_types::{BigInt, Binary, Nullable},
};
use palavra_domain::{
    Entity, RefreshHash, RotateOutcome, Session, SessionId, StoreError, Timestamp, UserId, ports::SessionStore,
};
use uuid::Uuid;

/// How many sessions one statement deletes, so that each is done in time however many there are.
const BATCH: i64 = 5_000;

/// Sessions in Postgres; from [`PostgresStore::sessions`](crate::PostgresStore::sessions).
#[derive(Clone)]
pub struct PostgresSessionStore {
    database: Database,
}

impl PostgresSessionStore {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(Pg), treat_none_as_default_value = false)]
struct SessionRow {
    id: Uuid,
    user_id: Uuid,
    refresh_hash: Vec<u8>,
    created_at: i64,
    last_used_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.uuid(),
            user_id: session.user_id.uuid(),
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
        let id = self.id;
        readable(Entity::Session, id, self.try_decode())
    }

    fn try_decode(self) -> Decoded<Session> {
        let hash = <[u8; 32]>::try_from(self.refresh_hash);
        Ok(Session {
            id: SessionId::new(self.id),
            user_id: UserId::new(self.user_id),
            refresh_hash: RefreshHash(hash.map_err(|_| Undecodable::new("refresh_hash", "does not have 32 bytes"))?),
            created_at: time("created_at", self.created_at)?,
            last_used_at: time("last_used_at", self.last_used_at)?,
            expires_at: time("expires_at", self.expires_at)?,
            revoked_at: option(self.revoked_at, |at| time("revoked_at", at))?,
        })
    }
}

/// What a refresh token is exchanged for.
struct Rotation {
    presented: RefreshHash,
    next: RefreshHash,
    now: Timestamp,
    expires_at: Timestamp,
}

impl PostgresSessionStore {
    /// One statement decides and writes. Of two at once on a session the second waits for the first, and then decides by
    /// what that one left: so only one meets the presented hash.
    async fn try_rotate(&self, user: UserId, id: SessionId, rotation: Rotation) -> Outcome<RotateOutcome> {
        let good = || sessions::refresh_hash.eq(rotation.presented.0.to_vec());
        let now = rotation.now.as_millis();
        let live = sessions::table
            .filter(sessions::id.eq(id.uuid()))
            .filter(sessions::user_id.eq(user.uuid()))
            .filter(sessions::revoked_at.is_null())
            .filter(sessions::expires_at.gt(now));
        let next = rotation.next.0.to_vec().into_sql::<Binary>();
        let expires_at = rotation.expires_at.as_millis().into_sql::<BigInt>();
        let stays = None::<i64>.into_sql::<Nullable<BigInt>>();
        let rotate = diesel::update(live)
            .set((
                sessions::refresh_hash.eq(case_when(good(), next).otherwise(sessions::refresh_hash)),
                sessions::last_used_at
                    .eq(case_when(good(), now.into_sql::<BigInt>()).otherwise(sessions::last_used_at)),
                sessions::expires_at.eq(case_when(good(), expires_at).otherwise(sessions::expires_at)),
                sessions::revoked_at.eq(case_when(good(), stays).otherwise(Some(now))),
            ))
            .returning(SessionRow::as_returning());
        match self.database.row::<_, SessionRow>(Cached(rotate)).await? {
            None => Ok(RotateOutcome::NotFound),
            Some(row) if row.revoked_at.is_some() => Ok(RotateOutcome::Reused),
            Some(row) => row.decode().map(RotateOutcome::Rotated),
        }
    }

    async fn try_delete_expired(&self, before: Timestamp) -> Outcome<u64> {
        let mut deleted = 0;
        loop {
            let over = alias!(sessions as over);
            let some = over
                .filter(over.field(sessions::expires_at).lt(before.as_millis()))
                .order(over.field(sessions::expires_at))
                .limit(BATCH)
                .select(over.field(sessions::id));
            let count =
                self.database.execute(diesel::delete(sessions::table.filter(sessions::id.eq_any(some)))).await?;
            deleted += count as u64;
            if count == 0 {
                return Ok(deleted);
            }
        }
    }
}

#[async_trait]
impl SessionStore for PostgresSessionStore {
    #[tracing::instrument(name = "db.session.insert", level = "debug", skip_all)]
    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let insert = diesel::insert_into(sessions::table).values(SessionRow::from(session)).on_conflict_do_nothing();
        let insert = async {
            match self.database.execute(insert).await? {
                0 => Err(Failure(StoreError::Conflict(Entity::Session))),
                _ => Ok(()),
            }
        };
        self.database.run(insert).await
    }

    #[tracing::instrument(name = "db.session.find", level = "debug", skip_all)]
    async fn find(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let query = sessions::table
            .filter(sessions::id.eq(id.uuid()))
            .filter(sessions::user_id.eq(user.uuid()))
            .select(SessionRow::as_select());
        let find = async { self.database.row(query).await?.map(SessionRow::decode).transpose() };
        self.database.run(find).await
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
        self.database.run(self.try_rotate(user, id, rotation)).await
    }

    #[tracing::instrument(name = "db.session.revoke", level = "debug", skip_all)]
    async fn revoke(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let live = sessions::table
            .filter(sessions::id.eq(id.uuid()))
            .filter(sessions::user_id.eq(user.uuid()))
            .filter(sessions::revoked_at.is_null());
        let revoke = diesel::update(live).set(sessions::revoked_at.eq(now.as_millis()));
        self.database.run(async { Ok(self.database.execute(Cached(revoke)).await? > 0) }).await
    }

    #[tracing::instrument(name = "db.session.revoke_others", level = "debug", skip_all)]
    async fn revoke_others(&self, user: UserId, keep: SessionId, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let others = sessions::table
            .filter(sessions::user_id.eq(user.uuid()))
            .filter(sessions::id.ne(keep.uuid()))
            .filter(sessions::revoked_at.is_null());
        let revoke = diesel::update(others).set(sessions::revoked_at.eq(now.as_millis())).returning(sessions::id);
        let revoke = async {
            let ended: Vec<Uuid> = self.database.rows(Cached(revoke)).await?;
            Ok(ended.into_iter().map(SessionId::new).collect())
        };
        self.database.run(revoke).await
    }

    #[tracing::instrument(name = "db.session.delete_expired", level = "debug", skip_all)]
    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.database.run(self.try_delete_expired(before)).await
    }
}
