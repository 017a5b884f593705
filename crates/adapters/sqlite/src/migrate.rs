//! The schema.

use crate::OpenError;
use diesel::{SqliteConnection, migration::MigrationSource, sqlite::Sqlite};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::path::Path;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/sqlite");

/// Runs the migrations that the database does not have yet; refuses one that has others than ours.
pub(crate) fn run(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Migration { path: path.to_owned(), source };
    let known = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(failed)?;
    let known: Vec<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    let mut applied: Vec<String> =
        connection.applied_migrations().map_err(failed)?.iter().map(ToString::to_string).collect();
    applied.retain(|version| !known.contains(version));
    if let Some(version) = applied.into_iter().max() {
        return Err(OpenError::Newer { path: path.to_owned(), version });
    }
    let run = connection.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    for version in run {
        tracing::info!(%version, "migrated the database");
    }
    Ok(())
}
