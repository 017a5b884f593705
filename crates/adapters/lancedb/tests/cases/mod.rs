//! What only this adapter promises.

pub(crate) mod child;
mod files;
mod inspection;
mod layouts;
mod opening;
mod rows;
mod shared;
pub(crate) mod storage;
mod tables;

use crate::options;
use libtest_mimic::Trial;
use palavra_contracts::samples::{at, embedded, span};
use palavra_domain::{EmbeddedMemory, Memory, StoreError, UserId, ports::MemoryRepository as _};
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

/// The cases that need object storage.
pub(crate) fn storage_trials() -> Vec<Trial> {
    trials![storage: the_storage_saves_only_what_is_not_there, a_missing_bucket_is_named,
        of_two_repositories_one_inserts_a_memory, of_two_repositories_one_updates_from_a_revision,
        what_was_deleted_leaves_the_bucket, a_bucket_of_the_first_layout_is_brought_to_the_present_one]
}

/// The cases that need nothing but this machine.
pub(crate) fn trials() -> Vec<Trial> {
    let mut all = trials![opening: what_was_saved_is_there_after_reopening, another_space_is_refused_and_both_are_named,
        a_table_of_somebody_else_is_refused, impossible_dimensions_are_refused, odd_folders_are_fine,
        closing_finishes_what_is_queued];
    all.extend(trials![files: a_burst_is_committed_together, many_single_inserts_leave_few_files,
        what_was_deleted_leaves_the_disk, what_is_left_of_deleted_ones_tells_nothing, what_was_replaced_leaves_the_disk,
        tidying_goes_on_beside_updates_and_deletions, what_a_killed_process_left_is_removed]);
    all.extend(
        trials![inspection: an_inspection_tells_the_space_the_indexes_and_the_files, an_inspection_misses_an_index],
    );
    all.extend(trials![layouts: a_table_of_the_first_layout_is_brought_to_the_present_one,
        an_empty_table_of_the_first_layout_is_brought_to_the_present_one, what_was_cut_off_goes_on,
        processes_that_start_at_once_do_it_once, a_newer_layout_is_refused, a_row_of_the_release_before_holds]);
    all.extend(trials![shared: two_processes_see_each_others_writes, a_write_is_seen_elsewhere_within_a_second,
        a_writer_looks_before_it_changes_something, of_two_processes_one_inserts_a_memory,
        of_two_processes_one_updates_from_a_revision, what_two_processes_change_together_does_not_mix,
        vectors_are_read_as_they_are_now, deletions_beside_merges_elsewhere_lose_and_bring_back_nothing, what_was_deleted_leaves_a_shared_disk,
        what_a_dead_writer_left_is_removed_after_a_while]);
    all.extend(
        trials![storage: a_secret_is_not_printed, other_kinds_of_places_are_refused, a_storage_that_refuses_is_named,
        a_storage_that_does_not_answer_is_named],
    );
    all.extend(trials![tables: processes_share_the_ledger, a_ledger_is_written_while_another_writes_to_the_tables,
        what_is_served_from_is_opened, many_changes_of_the_ledger_leave_few_versions, an_inspection_tells_what_is_built]);
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

/// Replaces one memory.
async fn update(repository: &LanceDbMemoryRepository, change: EmbeddedMemory) -> Result<Option<Memory>, StoreError> {
    let stored = repository.change(change.memory.user_id, vec![change]).await?;
    Ok(stored.map(|stored| stored.into_iter().next().unwrap()))
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

/// A memory that took the place of another, which had taken the place of a third, the newest first; and what of them must
/// not be on any disk when it was deleted: texts, spans and vectors.
fn remembered(user: UserId) -> (Vec<EmbeddedMemory>, Vec<Vec<u8>>) {
    let (mut memories, mut secrets): (Vec<EmbeddedMemory>, _) = (Vec::new(), Vec::new());
    for (index, number) in (0_i64..).zip([1.234_567_9_f32, 2.345_678_9, 3.456_789]) {
        let (text, said) = (format!("canary-{index}-secret-place"), format!("span-{index}-secret-words"));
        let mut row = row(user, &text);
        if let Some(newer) = memories.last() {
            row.memory = row.memory.superseded(newer.memory.id, at(1));
        }
        row.memory.valid_from = at(-index);
        row.memory.source.as_mut().unwrap().span = Some(span(&said));
        row.vector = vec![number, -number, number * 3.0, number * 5.0];
        secrets.extend([text.into_bytes(), said.into_bytes()]);
        secrets.push(row.vector.iter().flat_map(|part| part.to_le_bytes()).collect());
        memories.push(row);
    }
    (memories, secrets)
}

/// Whether any file holds these bytes.
fn on_disk(folder: &Path, sought: impl AsRef<[u8]>) -> bool {
    let sought = sought.as_ref();
    let holds = |file| fs::read(file).is_ok_and(|bytes| bytes.windows(sought.len()).any(|part| part == sought));
    files(folder).iter().any(holds)
}

/// How many versions the table has kept.
fn versions(folder: &Path) -> usize {
    files(folder).iter().filter(|file| file.extension().is_some_and(|extension| extension == "manifest")).count()
}

/// Waits until it is so, or a long time has passed.
async fn eventually(what: &str, so: impl Fn() -> bool) {
    for _ in 0..1200 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never happened that {what}");
}

/// The same for what has to be waited for.
async fn eventually_async<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) {
    for _ in 0..600 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never happened that {what}");
}
