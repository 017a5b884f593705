//! The schema.

use crate::{OpenError, connect::Connector};
use diesel::{
    QueryableByName,
    migration::MigrationSource,
    pg::Pg,
    sql_types::{Bool, Text},
};
use diesel_async::{
    AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection, async_connection_wrapper::AsyncConnectionWrapper,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use palavra_domain::BoxError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/postgres");

/// Says what migrations a database has; not for one that has none.
pub(crate) const APPLIED: &str = "SELECT version::text AS version FROM __diesel_schema_migrations";

/// Instances that start at once migrate one after the other, and wait a minute for each other, or for anybody's lock on a
/// table. Migrating itself takes as long as it takes.
const LOCK: &str = "SET statement_timeout = 0; SET lock_timeout = '60s'; \
    SELECT pg_advisory_lock(hashtext('palavra migrations'), hashtext(current_setting('search_path')))";

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    encoding: String,
    /// Whether there is a schema to make tables in.
    #[diesel(sql_type = Bool)]
    schema: bool,
    /// Whether it was ever migrated.
    #[diesel(sql_type = Bool)]
    migrated: bool,
}

/// A migration that a database has.
#[derive(QueryableByName)]
pub(crate) struct Applied {
    #[diesel(sql_type = Text)]
    pub(crate) version: String,
}

/// The migrations of a database beside ours.
pub(crate) struct Compared {
    /// Ours that it does not have.
    pub(crate) missing: Vec<String>,
    /// The newest of those that are not ours.
    pub(crate) newer: Option<String>,
}

impl Compared {
    pub(crate) fn with(applied: &[Applied]) -> Result<Self, BoxError> {
        let known = MigrationSource::<Pg>::migrations(&MIGRATIONS)?;
        let mut missing: Vec<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
        let newer = applied.iter().filter(|applied| !missing.contains(&applied.version));
        let newer = newer.map(|applied| applied.version.clone()).max();
        missing.retain(|version| applied.iter().all(|applied| applied.version != *version));
        Ok(Self { missing, newer })
    }
}

/// Runs the migrations that the database does not have yet; refuses one that has others than ours, before anything is
/// changed.
pub(crate) async fn run(connector: &Connector) -> Result<(), OpenError> {
    let failed = |source: BoxError| OpenError::migration(connector.place(), source);
    let mut connection = connector.connect().await?;
    // Mostly there is nothing to do, and no right is needed to find that out.
    let (_, missing) = connector.limited(look(connector, &mut connection)).await?;
    if missing.is_empty() {
        return Ok(());
    }
    // The lock ends with the connection.
    connection.batch_execute(LOCK).await.map_err(|error| failed(error.into()))?;
    let (found, missing) = look(connector, &mut connection).await?;
    if missing.is_empty() {
        return Ok(());
    }
    if let Some(schema) = connector.schema().filter(|_| !found.schema) {
        let make = format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"");
        connection.batch_execute(&make).await.map_err(|error| failed(error.into()))?;
    }
    let run = tokio::task::spawn_blocking(move || {
        let mut connection = AsyncConnectionWrapper::<AsyncPgConnection>::from(connection);
        let run = connection.run_pending_migrations(MIGRATIONS)?;
        Ok(run.iter().map(ToString::to_string).collect::<Vec<String>>())
    });
    let run = run.await.map_err(|error| failed(error.into()))?.map_err(failed)?;
    for version in run {
        tracing::info!(%version, "migrated the database");
    }
    Ok(())
}

/// What there is, and which of our migrations are missing. Changes nothing.
async fn look(connector: &Connector, connection: &mut AsyncPgConnection) -> Result<(Found, Vec<String>), OpenError> {
    let lost = |error: diesel::result::Error| OpenError::unreachable(connector.place(), error);
    let found: Found = diesel::sql_query(
        "SELECT current_setting('server_encoding') AS encoding, current_schema() IS NOT NULL AS schema, \
         to_regclass('__diesel_schema_migrations') IS NOT NULL AS migrated",
    )
    .get_result(connection)
    .await
    .map_err(lost)?;
    if found.encoding != "UTF8" {
        return Err(OpenError::Encoding { place: connector.place().to_string(), encoding: found.encoding });
    }
    let mut applied = Vec::new();
    if found.migrated {
        applied = diesel::sql_query(APPLIED)
            .load(connection)
            .await
            .map_err(|error| OpenError::migration(connector.place(), error))?;
    }
    let compared = Compared::with(&applied).map_err(|error| OpenError::migration(connector.place(), error))?;
    match compared.newer {
        Some(version) => Err(OpenError::Newer { place: connector.place().to_string(), version }),
        None => Ok((found, compared.missing)),
    }
}
