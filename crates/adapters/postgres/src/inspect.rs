//! What a database says of itself.

use crate::{
    database::Database,
    errors::{Failure, Outcome, unexpected},
    migrate::{APPLIED, Applied, Compared},
};
use diesel::{
    QueryableByName,
    sql_types::{Bool, Text},
};
use palavra_domain::ports::{Check, Inspection};

/// The indexes that our migrations make.
const INDEXES: [&str; 5] = ["users_pkey", "users_folded_username", "sessions_pkey", "sessions_user", "sessions_expiry"];

const SERVER: &str = "SELECT split_part(current_setting('server_version'), ' ', 1) AS version, \
    current_setting('synchronous_commit') <> 'off' AS synchronous, current_setting('fsync')::bool AS fsync, \
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls, \
    current_setting('max_connections') AS max_connections, \
    to_regclass('__diesel_schema_migrations') IS NOT NULL AS migrated, \
    coalesce((SELECT bool_and(has_table_privilege(to_regclass('users')::oid, right_)) \
        FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) right_), false) \
    AND coalesce((SELECT bool_and(has_table_privilege(to_regclass('sessions')::oid, right_)) \
        FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) right_), false) AS privileges";

const USABLE_INDEXES: &str = "SELECT relname::text AS name FROM pg_index JOIN pg_class ON oid = indexrelid \
    WHERE indrelid IN (to_regclass('users')::oid, to_regclass('sessions')::oid) AND indisvalid AND indisready";

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Bool)]
    synchronous: bool,
    #[diesel(sql_type = Bool)]
    fsync: bool,
    #[diesel(sql_type = Bool)]
    tls: bool,
    #[diesel(sql_type = Text)]
    max_connections: String,
    #[diesel(sql_type = Bool)]
    migrated: bool,
    #[diesel(sql_type = Bool)]
    privileges: bool,
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
}

pub(crate) async fn inspect(database: &Database) -> Outcome<Inspection> {
    let server: Server = database
        .row(diesel::sql_query(SERVER))
        .await?
        .ok_or_else(|| Failure(unexpected("the server says nothing about itself")))?;
    let applied: Vec<Applied> =
        if server.migrated { database.rows(diesel::sql_query(APPLIED)).await? } else { Vec::new() };
    let indexes: Vec<Index> = database.rows(diesel::sql_query(USABLE_INDEXES)).await?;
    let checks = vec![
        migrations(&applied)?,
        usable(&indexes),
        privileges(&server),
        durability(&server),
        connections(&server, database.max_connections()),
        encryption(&server),
    ];
    Ok(Inspection { product: format!("PostgreSQL {}", server.version), checks })
}

fn migrations(applied: &[Applied]) -> Outcome<Check> {
    let compared = Compared::with(applied).map_err(|error| Failure(unexpected(error)))?;
    let told = if let Some(newer) = &compared.newer {
        format!(
            "the schema has {newer}, which this release does not know; run the release that wrote it, or a newer one"
        )
    } else if compared.missing.is_empty() {
        format!("all {} are applied", applied.len())
    } else {
        format!("{} missing; starting the server applies them", compared.missing.join(", "))
    };
    Ok(Check { name: "migrations", ok: compared.newer.is_none() && compared.missing.is_empty(), told })
}

fn usable(indexes: &[Index]) -> Check {
    let missing: Vec<&str> =
        INDEXES.into_iter().filter(|name| indexes.iter().all(|index| index.name != *name)).collect();
    let told = if missing.is_empty() {
        format!("all {} are there", INDEXES.len())
    } else {
        format!(
            "{} missing or invalid; REINDEX an invalid one, make a missing one as migrations/postgres does",
            missing.join(", ")
        )
    };
    Check { name: "indexes", ok: missing.is_empty(), told }
}

fn privileges(server: &Server) -> Check {
    let told = if server.privileges {
        "the user may read and write the tables"
    } else {
        "the user may not do all it has to; GRANT SELECT, INSERT, UPDATE, DELETE on users and sessions"
    };
    Check { name: "privileges", ok: server.privileges, told: told.to_owned() }
}

fn durability(server: &Server) -> Check {
    let told = match (server.fsync, server.synchronous) {
        (true, true) => "what is acknowledged survives a loss of power",
        (true, false) => "synchronous_commit is off: a crash takes the last writes back; set it to on",
        (false, _) => "fsync is off: a loss of power may destroy the database; set it to on, unless this is a test",
    };
    Check { name: "durability", ok: server.fsync && server.synchronous, told: told.to_owned() }
}

fn connections(server: &Server, ours: usize) -> Check {
    // The server keeps some to itself; what cannot be read is not complained about.
    let fits = server.max_connections.parse().map_or(true, |theirs: usize| ours < theirs);
    let told = format!("this instance takes up to {ours} of the server's {}", server.max_connections);
    let told = if fits { told } else { format!("{told}; lower postgres.max_connections") };
    Check { name: "connections", ok: fits, told }
}

fn encryption(server: &Server) -> Check {
    let told = if server.tls {
        "connections are encrypted"
    } else {
        "connections are not encrypted; over an untrusted network use sslmode=verify-full"
    };
    Check { name: "encryption", ok: true, told: told.to_owned() }
}
