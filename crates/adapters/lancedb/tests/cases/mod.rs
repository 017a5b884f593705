//! What only this adapter promises.

mod files;
mod opening;
mod rows;

use crate::options;
use libtest_mimic::Trial;
use palavra_contracts::samples::embedded;
use palavra_domain::{EmbeddedMemory, UserId};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions};
use std::{fs, path::Path, time::Duration};
use tempfile::TempDir;

/// Makes trials of async functions, named after them.
macro_rules! trials {
    ($module:ident: $($case:ident),* $(,)?) => {
        vec![$(Trial::test(concat!(stringify!($module), "::", stringify!($case)), || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on($module::$case());
            Ok(())
        })),*]
    };
}

/// The cases.
pub(crate) fn trials() -> Vec<Trial> {
    let mut all = trials![opening: what_was_saved_is_there_after_reopening, another_space_is_refused_and_both_are_named,
        a_table_of_somebody_else_is_refused, impossible_dimensions_are_refused, odd_folders_are_fine,
        closing_finishes_what_is_queued, two_processes_see_each_others_writes];
    all.extend(trials![files: a_burst_is_committed_together, many_single_inserts_leave_few_files,
        what_was_deleted_leaves_the_disk, what_was_replaced_leaves_the_disk,
        tidying_goes_on_beside_updates_and_deletions, what_a_killed_process_left_is_removed]);
    all.extend(trials![rows: text_that_looks_like_a_query_is_only_text, a_search_stays_with_its_user,
        vectors_without_numbers_are_refused, order_of_queued_writes_is_kept, a_page_without_places_is_empty]);
    all
}

async fn open(options: LanceDbOptions) -> LanceDbMemoryRepository {
    LanceDbMemoryRepository::open(options).await.unwrap()
}

async fn fresh() -> (LanceDbMemoryRepository, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(options(folder.path())).await, folder)
}

fn row(user: UserId, text: &str) -> EmbeddedMemory {
    embedded(user, text, 4, 0.0)
}

/// The files in and below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// How many versions the table has kept.
fn versions(folder: &Path) -> usize {
    files(folder).iter().filter(|file| file.extension().is_some_and(|extension| extension == "manifest")).count()
}

/// Waits until it is so, or a long time has passed.
async fn eventually(what: &str, so: impl Fn() -> bool) {
    for _ in 0..600 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never happened that {what}");
}
