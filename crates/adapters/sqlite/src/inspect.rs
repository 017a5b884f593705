//! What the database says of itself.

use crate::{SqliteStore, errors::Outcome};
use async_trait::async_trait;
use diesel::{dsl::sql, prelude::*, sql_types::Text};
use palavra_domain::{
    StoreError,
    ports::{Check, Inspect, Inspection},
};

fn inspect(connection: &mut SqliteConnection) -> Outcome<Inspection> {
    let version: String = diesel::select(sql::<Text>("sqlite_version()")).get_result(connection)?;
    let integrity: String = sql::<Text>("PRAGMA quick_check(1)").get_result(connection)?;
    let ok = integrity == "ok";
    let told = if ok {
        "the file is whole".to_owned()
    } else {
        format!("the file is damaged: restore it from a backup ({integrity})")
    };
    Ok(Inspection { product: format!("SQLite {version}"), checks: vec![Check { name: "integrity", ok, told }] })
}

#[async_trait]
impl Inspect for SqliteStore {
    async fn inspect(&self) -> Result<Inspection, StoreError> {
        self.database.read(inspect).await
    }
}
