use super::{eventually, files, on_disk, open, remembered, row, update, versions};
use crate::options;
use palavra_contracts::samples::{at, user_id};
use palavra_domain::{EmbeddedMemory, ports::MemoryRepository as _};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions};
use std::{fs, path::Path, sync::Arc, time::Duration};

pub(crate) async fn a_burst_is_committed_together() {
    let folder = tempfile::tempdir().unwrap();
    let never = Duration::from_secs(3600);
    let quiet = LanceDbOptions { compact_after_writes: u32::MAX, compact_when_idle: never, ..options(folder.path()) };
    let repository = Arc::new(open(quiet).await);
    let before = versions(folder.path());
    let user = user_id();
    let calls: Vec<_> = (0..100)
        .map(|index| {
            let repository = Arc::clone(&repository);
            tokio::spawn(async move { repository.insert(vec![row(user, &format!("{index}"))]).await.unwrap() })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(repository.list(user, None, 1000).await.unwrap().items.len(), 100);
    let commits = versions(folder.path()) - before;
    assert!((1..=20).contains(&commits), "{commits} commits for 100 inserts at once");
}

pub(crate) async fn many_single_inserts_leave_few_files() {
    let folder = tempfile::tempdir().unwrap();
    let tidy = LanceDbOptions {
        write_batch_wait: Duration::ZERO,
        compact_when_idle: Duration::from_millis(500),
        timeout: Duration::from_secs(2),
        ..options(folder.path())
    };
    let repository = open(tidy).await;
    let user = user_id();
    for index in 0..300 {
        repository.insert(vec![row(user, &format!("{index}"))]).await.unwrap();
    }
    // Each insert alone would leave three: its rows, its version and its transaction.
    // A removal deletes versions last, so both counts are waited for.
    let few = || files(folder.path()).len() < 60 && versions(folder.path()) < 20;
    eventually("the files of 300 single inserts became fewer than 60, with fewer than 20 versions", few).await;
    assert_eq!(repository.list(user, None, 1000).await.unwrap().items.len(), 300);
    assert_eq!(repository.search(user, &[1.0, 0.0, 0.0, 0.0], 1000, 0.9).await.unwrap().len(), 300);
}

fn tidy(folder: &Path) -> LanceDbOptions {
    LanceDbOptions { compact_when_idle: Duration::from_millis(200), timeout: Duration::from_secs(2), ..options(folder) }
}

pub(crate) async fn what_was_deleted_leaves_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(tidy(folder.path())).await;
    let (user, other) = (user_id(), user_id());
    let canary = row(user, "canary-4711-secret-place");
    repository.insert(vec![canary.clone(), row(other, "bystander-0815-stays-here")]).await.unwrap();
    for index in 0..20 {
        repository.insert(vec![row(other, &format!("{index}"))]).await.unwrap();
    }
    assert!(on_disk(folder.path(), "canary-4711"));
    let mut changed = canary;
    changed.memory.text = palavra_domain::MemoryText::parse("changed-2323-secret-place").unwrap();
    update(&repository, changed).await.unwrap().unwrap();
    assert!(on_disk(folder.path(), "changed-2323"));
    assert_eq!(repository.delete_all(user).await.unwrap(), 1);
    let gone = || !on_disk(folder.path(), "canary-4711") && !on_disk(folder.path(), "changed-2323");
    eventually("the texts of a deleted user left the disk", gone).await;
    assert!(on_disk(folder.path(), "bystander-0815"));
    assert_eq!(repository.list(other, None, 100).await.unwrap().items.len(), 21);
}

pub(crate) async fn what_is_left_of_deleted_ones_tells_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(tidy(folder.path())).await;
    let (user, other) = (user_id(), user_id());
    let (memories, secrets) = remembered(user);
    repository.insert(memories.clone()).await.unwrap();
    repository.insert(vec![row(other, "bystander-0815-stays-here")]).await.unwrap();
    // What it says now was said by a change, which has files of its own.
    let newest = memories[0].clone();
    let written = update(&repository, newest).await.unwrap().unwrap();
    assert_eq!(repository.history(user, written.id).await.unwrap().len(), memories.len());
    for secret in &secrets {
        assert!(on_disk(folder.path(), secret), "{} was never there", String::from_utf8_lossy(secret));
    }
    assert!(repository.delete(user, written.id, at(9)).await.unwrap());
    let gone = || !secrets.iter().any(|secret| on_disk(folder.path(), secret));
    eventually("what a deleted memory and its history said left the disk", gone).await;
    assert!(on_disk(folder.path(), "bystander-0815"));
    // What is left is not what leaves the disk.
    repository.close().await;
    let again = open(tidy(folder.path())).await;
    let left = again.deleted(user).await.unwrap();
    assert_eq!(left.len(), memories.len());
    assert!(left.iter().all(|left| memories.iter().any(|row| row.memory.text.hash() == left.text_hash)));
    repository_knows(&again, &memories).await;
    assert!(again.list(user, None, 10).await.unwrap().items.is_empty());
}

async fn repository_knows(repository: &LanceDbMemoryRepository, memories: &[EmbeddedMemory]) {
    for EmbeddedMemory { memory, .. } in memories {
        let turn = memory.source.as_ref().unwrap().turn;
        assert!(repository.knows_turn(memory.user_id, turn).await.unwrap());
    }
}

pub(crate) async fn what_was_replaced_leaves_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(tidy(folder.path())).await;
    let user = user_id();
    let first = row(user, "canary-4711-secret-place");
    let others = (0..50).map(|index| row(user, &format!("{index}")));
    repository.insert(others.chain([first.clone()]).collect()).await.unwrap();
    let mut changed = first;
    changed.memory.text = palavra_domain::MemoryText::parse("changed-2323").unwrap();
    update(&repository, changed).await.unwrap().unwrap();
    eventually("the old text left the disk", || !on_disk(folder.path(), "canary-4711")).await;
    assert!(on_disk(folder.path(), "changed-2323"));
}

pub(crate) async fn tidying_goes_on_beside_updates_and_deletions() {
    let folder = tempfile::tempdir().unwrap();
    let restless = LanceDbOptions { compact_after_writes: 1, ..options(folder.path()) };
    let repository = Arc::new(open(restless).await);
    let users: Vec<_> = (0..4).map(|_| user_id()).collect();
    let calls: Vec<_> = users
        .iter()
        .map(|&user| {
            let repository = Arc::clone(&repository);
            tokio::spawn(async move {
                for index in 0..12 {
                    let (kept, gone) = (row(user, &format!("{index}")), row(user, "gone"));
                    repository.insert(vec![kept.clone(), gone.clone()]).await.unwrap();
                    assert_eq!(update(&repository, kept.clone()).await.unwrap().unwrap().revision, 2);
                    assert!(repository.delete(user, gone.memory.id, at(9)).await.unwrap());
                    assert_eq!(repository.find(user, gone.memory.id).await.unwrap(), None);
                    assert_eq!(repository.find(user, kept.memory.id).await.unwrap().unwrap().revision, 2);
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    for user in users {
        let listed = repository.list(user, None, 100).await.unwrap().items;
        assert_eq!(listed.len(), 12);
        assert!(listed.iter().all(|memory| memory.revision == 2));
        assert_eq!(repository.search(user, &[1.0, 0.0, 0.0, 0.0], 100, 0.9).await.unwrap().len(), 12);
    }
}

pub(crate) async fn what_a_killed_process_left_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let user = user_id();
    let repository = open(options(folder.path())).await;
    repository.insert(vec![row(user, "kept")]).await.unwrap();
    repository.close().await;
    let data = folder.path().join("memories.lance/data");
    let half = data.join("half-written.lance");
    fs::write(&half, "rows of a commit that never was").unwrap();
    let again = open(options(folder.path())).await;
    assert!(!half.exists());
    assert_eq!(versions(folder.path()), 1);
    assert_eq!(again.list(user, None, 10).await.unwrap().items.len(), 1);
    again.close().await;
    // Where others may be writing it could be theirs.
    fs::write(&half, "rows of a commit under way").unwrap();
    let shared = open(LanceDbOptions { sole_writer: false, ..options(folder.path()) }).await;
    assert!(half.exists());
    assert!(shared.has_any(user).await.unwrap());
}
