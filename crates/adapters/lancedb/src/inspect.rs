//! What the table says of itself.

use crate::{LanceDbMemoryRepository, errors, schema};
use async_trait::async_trait;
use lancedb::Table;
use palavra_domain::{
    EmbeddingSpace, StoreError,
    ports::{Check, Inspect, Inspection},
};
use tokio::time::timeout;

/// The version in `Cargo.lock`; a test compares them.
const PRODUCT: &str = "LanceDB 0.41.0";
/// More files or versions than this, and putting them in order does not keep up.
const MANY: usize = 1000;

#[async_trait]
impl Inspect for LanceDbMemoryRepository {
    #[tracing::instrument(name = "db.inspect", level = "debug", skip_all)]
    async fn inspect(&self) -> Result<Inspection, StoreError> {
        let reader = self.reader();
        let checks = timeout(reader.timeout, checks(&reader.table, &self.space));
        let checks = checks.await.map_err(|_| errors::too_slow())?.map_err(errors::failed)?;
        Ok(Inspection { product: PRODUCT.to_owned(), checks })
    }
}

async fn checks(table: &Table, wanted: &EmbeddingSpace) -> lancedb::Result<Vec<Check>> {
    let space = match schema::stored_space(&*table.schema().await?) {
        Ok(stored) if stored == *wanted => Check { name: "embeddings", ok: true, told: stored.to_string() },
        Ok(stored) => Check {
            name: "embeddings",
            ok: false,
            told: format!("the vectors are by {stored}, the settings say {wanted}: set embeddings.* as it was"),
        },
        Err(reason) => Check { name: "embeddings", ok: false, told: format!("the table is not ours: {reason}") },
    };

    let existing = table.list_indices().await?;
    let missing: Vec<&str> =
        schema::INDEXED.into_iter().filter(|column| !existing.iter().any(|index| index.columns == [*column])).collect();
    let mut behind = 0;
    for index in &existing {
        behind = behind.max(table.index_stats(&index.name).await?.map_or(0, |stats| stats.num_unindexed_rows));
    }
    let indexes = Check {
        name: "indexes",
        ok: missing.is_empty(),
        told: if missing.is_empty() {
            format!("on {}; {behind} rows are not in them yet", schema::INDEXED.join(", "))
        } else {
            format!("none on {}: start the server once, which makes them", missing.join(", "))
        },
    };

    let stats = table.stats().await?;
    let versions = table.list_versions().await?.len();
    let fragments = stats.fragment_stats.num_fragments;
    let files = format!(
        "{} rows, {} of deleted ones still to be merged away, {fragments} fragments, {versions} versions, {} bytes",
        stats.num_rows,
        stats.num_deleted_rows.unwrap_or(0),
        stats.total_bytes
    );
    let tidy = fragments <= MANY && versions <= MANY;
    let files = Check {
        name: "files",
        ok: tidy,
        told: if tidy {
            files
        } else {
            format!("{files}: they are merged while the server runs; look for warnings in its log")
        },
    };
    Ok(vec![space, indexes, files])
}
