//! Users.

use crate::{
    columns::{Decoded, Undecodable, bytes, count, number, option, overfull, time, uuid},
    database::Database,
    errors::{Failure, Outcome, conflict, readable},
    schema::users,
};
use async_trait::async_trait;
use diesel::{prelude::*, sqlite::Sqlite};
use palavra_domain::{
    DisplayName, Entity, ModelId, Page, PasswordHash, SealedKey, StoreError, Timestamp, User, UserId, Username,
    ports::{Scan, UserArchive, UserRepository},
};

/// Users in SQLite; from [`SqliteStore::users`](crate::SqliteStore::users).
#[derive(Clone)]
pub struct SqliteUserRepository {
    database: Database,
}

impl SqliteUserRepository {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, check_for_backend(Sqlite), treat_none_as_null = true)]
struct UserRow {
    id: Vec<u8>,
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

impl From<User> for UserRow {
    fn from(user: User) -> Self {
        let (api_key_sealed, api_key_hint) = user.api_key.map(|key| (key.sealed, key.hint)).unzip();
        Self {
            id: bytes(user.id.uuid()),
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
            memory_version: count(user.memory_version),
            memories_cleared_at: user.memories_cleared_at.map(Timestamp::as_millis),
        }
    }
}

impl UserRow {
    fn decode(self) -> Outcome<User> {
        let id = self.id.clone();
        readable(Entity::User, &id, self.try_decode())
    }

    fn try_decode(self) -> Decoded<User> {
        Ok(User {
            id: UserId::new(uuid("id", &self.id)?),
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

fn insert(connection: &mut SqliteConnection, user: User) -> Outcome<()> {
    let row = UserRow::from(user);
    // Nobody else writes meanwhile, so what is free now is free for the insert.
    let taken = users::table
        .filter(users::folded_username.eq(&row.folded_username))
        .select(users::id)
        .first::<Vec<u8>>(connection)
        .optional()?;
    if taken.is_some() {
        return Err(Failure(StoreError::Conflict(Entity::Username)));
    }
    diesel::insert_into(users::table).values(&row).execute(connection).map_err(conflict(Entity::User))?;
    Ok(())
}

fn update(connection: &mut SqliteConnection, user: User) -> Outcome<Option<User>> {
    let row = UserRow::from(user);
    let change = UserChange {
        revision: row.revision.saturating_add(1),
        display_name: row.display_name,
        default_model: row.default_model,
        memory_enabled: row.memory_enabled,
        password_hash: row.password_hash,
        api_key_sealed: row.api_key_sealed,
        api_key_hint: row.api_key_hint,
        updated_at: row.updated_at,
    };
    let updated = diesel::update(users::table.filter(users::id.eq(&row.id)).filter(users::revision.eq(row.revision)))
        .set(change)
        .returning(UserRow::as_returning())
        .get_result(connection)
        .optional()?;
    if let Some(updated) = updated {
        return updated.decode().map(Some);
    }
    let there =
        users::table.filter(users::id.eq(&row.id)).select(users::revision).first::<i64>(connection).optional()?;
    if there.is_some() { Err(Failure(StoreError::Stale(Entity::User))) } else { Ok(None) }
}

fn memories_changed(
    connection: &mut SqliteConnection,
    id: UserId,
    cleared_at: Option<Timestamp>,
) -> Outcome<Option<u64>> {
    let id = bytes(id.uuid());
    // Absent, the date is left as it is.
    let cleared_at = cleared_at.map(|at| users::memories_cleared_at.eq(at.as_millis()));
    let version = diesel::update(users::table.filter(users::id.eq(&id)))
        .set((users::memory_version.eq(users::memory_version + 1), cleared_at))
        .returning(users::memory_version)
        .get_result::<i64>(connection)
        .optional()?;
    version.map(|version| readable(Entity::User, &id, number("memory_version", version))).transpose()
}

fn scan(connection: &mut SqliteConnection, after: Option<UserId>, limit: usize) -> Outcome<Scan<User, UserId>> {
    // No bytes come before every id, so the first page is the same query as the others.
    let after = after.map_or_else(Vec::new, |id| bytes(id.uuid()));
    let found = users::table
        .filter(users::id.gt(after))
        .order(users::id)
        .limit(overfull(limit))
        .select(UserRow::as_select())
        .load(connection)?;
    let page = Page::from_overfull(found, limit, |last| last.id.clone());
    let next = page.next.map(|id| readable(Entity::User, &id, uuid("id", &id))).transpose()?;
    let items = page.items.into_iter().map(|row| row.decode().map_err(|failure| failure.0)).collect();
    Ok(Page { items, next: next.map(UserId::new) })
}

fn import(connection: &mut SqliteConnection, user: User) -> Outcome<()> {
    let row = UserRow::from(user);
    let taken = users::table
        .filter(users::folded_username.eq(&row.folded_username))
        .filter(users::id.ne(&row.id))
        .select(users::id)
        .first::<Vec<u8>>(connection)
        .optional()?;
    if taken.is_some() {
        return Err(Failure(StoreError::Conflict(Entity::Username)));
    }
    diesel::insert_into(users::table).values(&row).on_conflict(users::id).do_update().set(&row).execute(connection)?;
    Ok(())
}

#[async_trait]
impl UserRepository for SqliteUserRepository {
    #[tracing::instrument(name = "db.user.insert", level = "debug", skip_all)]
    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        let user = user.clone();
        self.database.write(|connection| insert(connection, user)).await
    }

    #[tracing::instrument(name = "db.user.find", level = "debug", skip_all)]
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let find = move |connection: &mut SqliteConnection| {
            let row = users::table
                .filter(users::id.eq(bytes(id.uuid())))
                .select(UserRow::as_select())
                .first(connection)
                .optional()?;
            row.map(UserRow::decode).transpose()
        };
        self.database.read(find).await
    }

    #[tracing::instrument(name = "db.user.find_by_username", level = "debug", skip_all)]
    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let folded = username.folded();
        let find = move |connection: &mut SqliteConnection| {
            let row = users::table
                .filter(users::folded_username.eq(folded))
                .select(UserRow::as_select())
                .first(connection)
                .optional()?;
            row.map(UserRow::decode).transpose()
        };
        self.database.read(find).await
    }

    #[tracing::instrument(name = "db.user.update", level = "debug", skip_all)]
    async fn update(&self, user: &User) -> Result<Option<User>, StoreError> {
        let user = user.clone();
        self.database.write(|connection| update(connection, user)).await
    }

    #[tracing::instrument(name = "db.user.memories_changed", level = "debug", skip_all)]
    async fn memories_changed(&self, id: UserId, cleared_at: Option<Timestamp>) -> Result<Option<u64>, StoreError> {
        self.database.write(move |connection| memories_changed(connection, id, cleared_at)).await
    }
}

#[async_trait]
impl UserArchive for SqliteUserRepository {
    #[tracing::instrument(name = "db.user.scan", level = "debug", skip_all)]
    async fn scan(&self, after: Option<UserId>, limit: usize) -> Result<Scan<User, UserId>, StoreError> {
        self.database.read(move |connection| scan(connection, after, limit)).await
    }

    #[tracing::instrument(name = "db.user.import", level = "debug", skip_all)]
    async fn import(&self, user: &User) -> Result<(), StoreError> {
        let user = user.clone();
        self.database.write(|connection| import(connection, user)).await
    }
}
