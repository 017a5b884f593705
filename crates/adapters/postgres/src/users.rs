//! Users.

use crate::{
    cached::Cached,
    columns::{Decoded, Undecodable, number, option, overfull, time},
    database::Database,
    errors::{Failure, Outcome, conflict, readable},
    schema::users,
};
use async_trait::async_trait;
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{BigInt, Nullable},
};
use palavra_domain::{
    DisplayName, Entity, ModelId, Page, PasswordHash, SealedKey, StoreError, Timestamp, User, UserId, Username,
    ports::{Scan, UserArchive, UserRepository},
};
use uuid::Uuid;

/// Users in Postgres; from [`PostgresStore::users`](crate::PostgresStore::users).
#[derive(Clone)]
pub struct PostgresUserRepository {
    database: Database,
}

impl PostgresUserRepository {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, check_for_backend(Pg), treat_none_as_null = true, treat_none_as_default_value = false)]
struct UserRow {
    id: Uuid,
    revision: i64,
    username: String,
    folded_username: String,
    display_name: Option<String>,
    default_model: Option<String>,
    memory_enabled: bool,
    password_hash: String,
    api_key_sealed: Option<Vec<u8>>,
    api_key_hint: Option<String>,
    created_at: i64,
    updated_at: i64,
    memory_version: i64,
    memories_cleared_at: Option<i64>,
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// The first of two that is there.
    fn coalesce(first: Nullable<BigInt>, second: Nullable<BigInt>) -> Nullable<BigInt>;
}

/// What an update changes, absent values included. Not what is known of memories, which may have changed since.
#[derive(AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
struct UserChange {
    revision: i64,
    display_name: Option<String>,
    default_model: Option<String>,
    memory_enabled: bool,
    password_hash: String,
    api_key_sealed: Option<Vec<u8>>,
    api_key_hint: Option<String>,
    updated_at: i64,
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        let user = user.clone();
        let (api_key_sealed, api_key_hint) = user.api_key.map(|key| (key.sealed, key.hint)).unzip();
        Self {
            id: user.id.uuid(),
            revision: user.revision.into(),
            folded_username: user.username.folded(),
            username: user.username.into_string(),
            display_name: user.display_name.map(DisplayName::into_string),
            default_model: user.default_model.map(ModelId::into_string),
            memory_enabled: user.memory_enabled,
            password_hash: user.password_hash.0,
            api_key_sealed,
            api_key_hint,
            created_at: user.created_at.as_millis(),
            updated_at: user.updated_at.as_millis(),
            memory_version: i64::try_from(user.memory_version).unwrap_or(i64::MAX),
            memories_cleared_at: user.memories_cleared_at.map(Timestamp::as_millis),
        }
    }
}

impl From<UserRow> for UserChange {
    fn from(row: UserRow) -> Self {
        Self {
            revision: row.revision.saturating_add(1),
            display_name: row.display_name,
            default_model: row.default_model,
            memory_enabled: row.memory_enabled,
            password_hash: row.password_hash,
            api_key_sealed: row.api_key_sealed,
            api_key_hint: row.api_key_hint,
            updated_at: row.updated_at,
        }
    }
}

impl UserRow {
    fn decode(self) -> Outcome<User> {
        let id = self.id;
        readable(Entity::User, id, self.try_decode())
    }

    fn try_decode(self) -> Decoded<User> {
        Ok(User {
            id: UserId::new(self.id),
            revision: number("revision", self.revision)?,
            username: Username::parse(self.username).map_err(|e| Undecodable::new("username", e.message))?,
            display_name: option(self.display_name, |name| {
                DisplayName::parse(name).map_err(|e| Undecodable::new("display_name", e.message))
            })?,
            default_model: option(self.default_model, |model| {
                ModelId::parse(model).map_err(|e| Undecodable::new("default_model", e.message))
            })?,
            memory_enabled: self.memory_enabled,
            password_hash: PasswordHash(self.password_hash),
            api_key: self.api_key_sealed.zip(self.api_key_hint).map(|(sealed, hint)| SealedKey { sealed, hint }),
            memory_version: number("memory_version", self.memory_version)?,
            memories_cleared_at: option(self.memories_cleared_at, |at| time("memories_cleared_at", at))?,
            created_at: time("created_at", self.created_at)?,
            updated_at: time("updated_at", self.updated_at)?,
        })
    }
}

impl PostgresUserRepository {
    async fn try_insert(&self, row: UserRow) -> Outcome<()> {
        // What the statement does not pass over is the only other conflict there can be: the id's.
        let insert = diesel::insert_into(users::table).values(row).on_conflict(users::folded_username).do_nothing();
        match self.database.execute(insert).await.map_err(conflict(Entity::User))? {
            0 => Err(Failure(StoreError::Conflict(Entity::Username))),
            _ => Ok(()),
        }
    }

    async fn try_update(&self, row: UserRow) -> Outcome<Option<User>> {
        let id = row.id;
        let current = users::table.filter(users::id.eq(id)).filter(users::revision.eq(row.revision));
        let update = diesel::update(current).set(UserChange::from(row)).returning(UserRow::as_returning());
        if let Some(updated) = self.database.row::<_, UserRow>(Cached(update)).await? {
            return updated.decode().map(Some);
        }
        // Nobody is ever deleted, so whoever is there now was there before.
        let there = users::table.filter(users::id.eq(id)).select(users::id);
        match self.database.row::<_, Uuid>(there).await? {
            Some(_) => Err(Failure(StoreError::Stale(Entity::User))),
            None => Ok(None),
        }
    }

    async fn try_memories_changed(&self, id: UserId, cleared_at: Option<Timestamp>) -> Outcome<Option<u64>> {
        let id = id.uuid();
        let cleared_at = cleared_at.map(Timestamp::as_millis);
        // One text for both, with a date and without, so that it stays prepared.
        let change = diesel::update(users::table.filter(users::id.eq(id)))
            .set((
                users::memory_version.eq(users::memory_version + 1),
                users::memories_cleared_at.eq(coalesce(cleared_at, users::memories_cleared_at)),
            ))
            .returning(users::memory_version);
        let version = self.database.row::<_, i64>(Cached(change)).await?;
        version.map(|version| readable(Entity::User, id, number("memory_version", version))).transpose()
    }

    async fn try_scan(&self, after: Option<UserId>, limit: usize) -> Outcome<Scan<User, UserId>> {
        let first = users::table.order(users::id).limit(overfull(limit)).select(UserRow::as_select());
        let found: Vec<UserRow> = match after {
            Some(after) => self.database.rows(first.filter(users::id.gt(after.uuid()))).await?,
            None => self.database.rows(first).await?,
        };
        let page = Page::from_overfull(found, limit, |last| UserId::new(last.id));
        let items = page.items.into_iter().map(|row| row.decode().map_err(|failure| failure.0)).collect();
        Ok(Page { items, next: page.next })
    }
}

#[async_trait]
impl UserRepository for PostgresUserRepository {
    #[tracing::instrument(name = "db.user.insert", level = "debug", skip_all)]
    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.database.run(self.try_insert(user.into())).await
    }

    #[tracing::instrument(name = "db.user.find", level = "debug", skip_all)]
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let query = users::table.filter(users::id.eq(id.uuid())).select(UserRow::as_select());
        let find = async { self.database.row(query).await?.map(UserRow::decode).transpose() };
        self.database.run(find).await
    }

    #[tracing::instrument(name = "db.user.find_by_username", level = "debug", skip_all)]
    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let query = users::table.filter(users::folded_username.eq(username.folded())).select(UserRow::as_select());
        let find = async { self.database.row(query).await?.map(UserRow::decode).transpose() };
        self.database.run(find).await
    }

    #[tracing::instrument(name = "db.user.update", level = "debug", skip_all)]
    async fn update(&self, user: &User) -> Result<Option<User>, StoreError> {
        self.database.run(self.try_update(user.into())).await
    }

    #[tracing::instrument(name = "db.user.memories_changed", level = "debug", skip_all)]
    async fn memories_changed(&self, id: UserId, cleared_at: Option<Timestamp>) -> Result<Option<u64>, StoreError> {
        self.database.run(self.try_memories_changed(id, cleared_at)).await
    }
}

#[async_trait]
impl UserArchive for PostgresUserRepository {
    #[tracing::instrument(name = "db.user.scan", level = "debug", skip_all)]
    async fn scan(&self, after: Option<UserId>, limit: usize) -> Result<Scan<User, UserId>, StoreError> {
        self.database.run(self.try_scan(after, limit)).await
    }

    #[tracing::instrument(name = "db.user.import", level = "debug", skip_all)]
    async fn import(&self, user: &User) -> Result<(), StoreError> {
        let (row, same) = (UserRow::from(user), UserRow::from(user));
        let import = async {
            let import = diesel::insert_into(users::table).values(row).on_conflict(users::id).do_update().set(same);
            self.database.execute(Cached(import)).await.map_err(conflict(Entity::Username))?;
            Ok(())
        };
        self.database.run(import).await
    }
}
