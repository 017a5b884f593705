//! The measured table, made once and kept outside the repository.

use crate::{
    corpus::{Corpus, DIMENSIONS, MEASURED_MEMORIES, query, vector},
    tell,
};
use anyhow::{Context as _, Result, ensure};
use palavra_domain::{
    EmbeddingSpace,
    ports::{Inspect as _, MemoryRepository as _},
};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions};
use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    time::{Duration, Instant},
};

/// Rows written at once.
const BATCH: usize = 5_000;
/// A batch, and the tidying that it may wait for, take no longer.
const PATIENCE: Duration = Duration::from_secs(300);
/// Files are in order when they have not changed for this long.
const POLL: Duration = Duration::from_secs(10);
/// Files that say that all rows are there, and that they are also merged and indexed.
const WHOLE: &str = "whole";
const IN_ORDER: &str = "in-order";

/// How LanceDB is opened: as an instance among several.
pub(crate) fn options(folder: &Path) -> LanceDbOptions {
    let space = EmbeddingSpace { model: "bench".to_owned(), dimensions: DIMENSIONS };
    let uri = folder.join("lancedb").display().to_string();
    LanceDbOptions { sole_writer: false, ..LanceDbOptions::new(uri, space) }
}

/// Makes the table and the files of the same vectors for others, unless they are there.
pub(crate) async fn make(folder: &Path, corpus: &Corpus) -> Result<()> {
    let is = |mark: &str| fs::read_to_string(folder.join(mark)).is_ok_and(|made| made == format!("{corpus:?}"));
    if is(IN_ORDER) {
        return Ok(());
    }
    let began = Instant::now();
    let options = || LanceDbOptions { sole_writer: true, timeout: PATIENCE, ..options(folder) };
    if !is(WHOLE) {
        ensure!(
            !folder.exists(),
            "{} holds another table, or a part of one: remove it, or name another folder with --folder",
            folder.display()
        );
        fs::create_dir_all(folder)?;
        vectors(folder, corpus).context("the files of vectors")?;
        let repository = LanceDbMemoryRepository::open(options()).await?;
        fill(&repository, corpus).await?;
        repository.close().await;
        fs::write(folder.join(WHOLE), format!("{corpus:?}"))?;
    }
    // Whoever opens it puts it in order first, thoroughly.
    let repository = LanceDbMemoryRepository::open(options()).await?;
    in_order(&repository).await?;
    repository.close().await;
    tell(&format!("the table is whole and in order after {:.0?}", began.elapsed()));
    Ok(fs::write(folder.join(IN_ORDER), format!("{corpus:?}"))?)
}

async fn fill(repository: &LanceDbMemoryRepository, corpus: &Corpus) -> Result<()> {
    let began = Instant::now();
    let mut batch = Vec::with_capacity(BATCH);
    for user in 0..corpus.users {
        for row in corpus.rows_of(user) {
            batch.push(Corpus::memory(user, row));
            if batch.len() == BATCH || row + 1 == corpus.rows {
                repository.insert(std::mem::take(&mut batch)).await?;
                if (row + 1) % (BATCH * 20) == 0 {
                    tell(&format!("{} of {} rows after {:.0?}", row + 1, corpus.rows, began.elapsed()));
                }
            }
        }
    }
    Ok(())
}

/// Waits until files are merged and indexes up to date.
async fn in_order(repository: &LanceDbMemoryRepository) -> Result<()> {
    let mut before = String::new();
    loop {
        tokio::time::sleep(POLL).await;
        let checks = repository.inspect().await?.checks;
        let told: Vec<String> = checks.into_iter().map(|check| check.told).collect();
        let told = told.join("; ");
        let behind = !told.contains("; 0 rows are not in them yet");
        if told == before && !behind {
            tell(&told);
            return Ok(());
        }
        before = told;
    }
}

/// All vectors, row by row, and of each measured user one query and the rows to be searched: what other products are given.
fn vectors(folder: &Path, corpus: &Corpus) -> Result<()> {
    let mut all = BufWriter::new(File::create(folder.join("vectors.f32"))?);
    for row in 0..corpus.rows {
        write(&mut all, &vector(row as u64))?;
    }
    let mut queries = BufWriter::new(File::create(folder.join("queries.f32"))?);
    for user in 0..corpus.measured {
        write(&mut queries, &query(sought(corpus, user) as u64))?;
    }
    let mut owners = BufWriter::new(File::create(folder.join("users.u32"))?);
    for user in 0..corpus.users {
        for _ in corpus.rows_of(user) {
            owners.write_all(&u32::try_from(user)?.to_le_bytes())?;
        }
    }
    all.flush()?;
    queries.flush()?;
    Ok(owners.flush()?)
}

/// The row that a measured user asks about.
pub(crate) fn sought(corpus: &Corpus, user: usize) -> usize {
    corpus.rows_of(user).start + user % MEASURED_MEMORIES
}

fn write(file: &mut impl std::io::Write, vector: &[f32]) -> Result<()> {
    for part in vector {
        file.write_all(&part.to_le_bytes())?;
    }
    Ok(())
}
