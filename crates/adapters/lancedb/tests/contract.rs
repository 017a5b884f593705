//! The contract suite of the memories' port, and what only this adapter promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod cases;

use palavra_contracts::{Fixture, make, memories, run};
use palavra_domain::{EmbeddingSpace, ports::MemoryRepository};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions};
use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

/// Options for a folder that is tested: few dimensions, and more patience than users have.
pub(crate) fn options(folder: &Path) -> LanceDbOptions {
    let space = EmbeddingSpace { model: "vendor/embedder".into(), dimensions: 4 };
    let timeout = Duration::from_secs(30);
    LanceDbOptions { timeout, ..LanceDbOptions::new(folder.to_str().unwrap(), space) }
}

fn main() -> ExitCode {
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
    run([memories::trials("lancedb", sole), memories::trials("lancedb-busy", busy), cases::trials()])
}
