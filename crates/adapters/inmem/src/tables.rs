//! Tables of memories.

use crate::{InMemoryMemoryRepository, locked::locked};
use async_trait::async_trait;
use palavra_domain::{
    SpaceLedger, SpaceTable, StoreError,
    ports::{MemoryArchive, MemoryRepository as _, MemoryTables},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Tables of memories in memory.
#[derive(Default)]
pub struct InMemoryMemoryTables {
    tables: Mutex<BTreeMap<String, Arc<InMemoryMemoryRepository>>>,
    ledger: Mutex<Option<SpaceLedger>>,
}

impl InMemoryMemoryTables {
    /// No tables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The names of the tables that are there.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        locked(&self.tables).keys().cloned().collect()
    }
}

#[async_trait]
impl MemoryTables for InMemoryMemoryTables {
    async fn ledger(&self) -> Result<Option<SpaceLedger>, StoreError> {
        let written = locked(&self.ledger).clone();
        Ok(written
            .or_else(|| locked(&self.tables).values().next().map(|first| SpaceLedger::first(first.space().clone()))))
    }

    async fn record(&self, ledger: &SpaceLedger) -> Result<bool, StoreError> {
        let mut stored = locked(&self.ledger);
        let is_current = stored.as_ref().map_or(0, |stored| stored.revision) == ledger.revision;
        if is_current {
            *stored = Some(SpaceLedger { revision: ledger.revision + 1, ..ledger.clone() });
        }
        Ok(is_current)
    }

    async fn open(&self, table: &SpaceTable) -> Result<Arc<dyn MemoryArchive>, StoreError> {
        let mut tables = locked(&self.tables);
        let opened = tables
            .entry(table.name.clone())
            .or_insert_with(|| Arc::new(InMemoryMemoryRepository::new(table.space.clone())));
        if opened.space() == &table.space {
            return Ok(Arc::clone(opened) as Arc<dyn MemoryArchive>);
        }
        let message = format!("table {} is of {}, not of {}", table.name, opened.space(), table.space);
        Err(StoreError::Unexpected { source: message.into() })
    }

    async fn close(&self, _table: &str) {}

    async fn remove(&self, table: &str) -> Result<bool, StoreError> {
        Ok(locked(&self.tables).remove(table).is_some())
    }
}
