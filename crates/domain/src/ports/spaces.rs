use super::MemoryArchive;
use crate::{SpaceLedger, SpaceTable, StoreError};
use async_trait::async_trait;
use std::sync::Arc;

/// The tables of memories at one place, and the ledger in which every process reads which of them is served from.
#[async_trait]
pub trait MemoryTables: Send + Sync {
    /// The ledger as it stands, also as another process left it. `None` when there are no memories at this place yet. Where
    /// none was written down, it is the first one, of the table that is there.
    async fn ledger(&self) -> Result<Option<SpaceLedger>, StoreError>;

    /// Writes the ledger down, compare-and-set: its revision is the one it was read with, what is stored has the next one.
    /// `false`, and nothing is written, when the stored revision is another. Of several calls at once with one revision,
    /// also in other processes, exactly one succeeds.
    async fn record(&self, ledger: &SpaceLedger) -> Result<bool, StoreError>;

    /// The memories of a table, which is made when it is not there. The same ones each time, as long as they are open.
    ///
    /// # Errors
    /// `Unexpected` when the table is of another space.
    async fn open(&self, table: &SpaceTable) -> Result<Arc<dyn MemoryArchive>, StoreError>;

    /// Closes the table of this name in this process: what is written to it later fails. Reads still work while it is there.
    async fn close(&self, table: &str);

    /// Closes a table in this process and removes it with all that is in it. `false` when it was not there.
    async fn remove(&self, table: &str) -> Result<bool, StoreError>;
}
