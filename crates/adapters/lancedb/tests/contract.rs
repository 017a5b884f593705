//! The contract suite of the memories' port, and what only this adapter promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod cases;

use cases::child;
use palavra_contracts::{Fixture, archive, ignored, make, memories, run, server, tables};
use palavra_domain::{
    EmbeddingSpace,
    ports::{MemoryArchive, MemoryRepository, MemoryTables},
};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbMemoryTables, LanceDbOptions};
use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

/// Options for a folder that is tested: few dimensions, and more patience than users have.
pub(crate) fn options(folder: &Path) -> LanceDbOptions {
    let space = EmbeddingSpace { model: "vendor/embedder".into(), dimensions: 4 };
    let timeout = Duration::from_secs(30);
    LanceDbOptions { timeout, ..LanceDbOptions::new(folder.to_str().unwrap(), space) }
}

fn main() -> ExitCode {
    if let Some(task) = child::task() {
        child::run(&task);
        return ExitCode::SUCCESS;
    }
    let sole = make(|| async {
        let folder = tempfile::tempdir().unwrap();
        let repository = LanceDbMemoryRepository::open(options(folder.path())).await.unwrap();
        Fixture::new(Arc::new(repository) as Arc<dyn MemoryRepository>, folder)
    });
    // Tidying up all the time, and keeping nothing in mind about users.
    let busy = make(|| async {
        let folder = tempfile::tempdir().unwrap();
        let options = LanceDbOptions {
            compact_after_writes: 1,
            write_batch_wait: Duration::ZERO,
            sole_writer: false,
            ..options(folder.path())
        };
        let repository = LanceDbMemoryRepository::open(options).await.unwrap();
        Fixture::new(Arc::new(repository) as Arc<dyn MemoryRepository>, folder)
    });
    let archive = make(|| async {
        let folder = tempfile::tempdir().unwrap();
        let repository = LanceDbMemoryRepository::open(options(folder.path())).await.unwrap();
        Fixture::new(Arc::new(repository) as Arc<dyn MemoryArchive>, folder)
    });
    let busy_archive = make(|| async {
        let folder = tempfile::tempdir().unwrap();
        let options = LanceDbOptions { compact_after_writes: 1, sole_writer: false, ..options(folder.path()) };
        let repository = LanceDbMemoryRepository::open(options).await.unwrap();
        Fixture::new(Arc::new(repository) as Arc<dyn MemoryArchive>, folder)
    });
    let places = make(|| async {
        let folder = tempfile::tempdir().unwrap();
        let tables = LanceDbMemoryTables::at(options(folder.path())).await.unwrap();
        Fixture::new(Arc::new(tables) as Arc<dyn MemoryTables>, folder)
    });
    let stored_places = make(|| async {
        let tables = LanceDbMemoryTables::at(cases::storage::options("tables").await).await.unwrap();
        Fixture::new(Arc::new(tables) as Arc<dyn MemoryTables>, ())
    });
    let bucket = make(|| async {
        let options = cases::storage::options("contract").await;
        let repository = LanceDbMemoryRepository::open(options).await.unwrap();
        Fixture::new(Arc::new(repository) as Arc<dyn MemoryRepository>, ())
    });
    let mut stored = memories::trials("lancedb-s3", bucket);
    stored.extend(tables::trials("lancedb-s3", stored_places));
    stored.extend(cases::storage_trials());
    if server("s3", cases::storage::ENDPOINT).is_none() {
        stored = ignored(stored);
    }
    run([
        stored,
        memories::trials("lancedb", sole),
        memories::trials("lancedb-busy", busy),
        archive::memories::trials("lancedb", archive),
        archive::memories::trials("lancedb-busy", busy_archive),
        tables::trials("lancedb", places),
        cases::trials(),
    ])
}
