//! Several processes over one folder: as several repositories, and as processes.

use super::{child, eventually, on_disk, open, remembered, row, update, versions};
use crate::options;
use palavra_contracts::samples::{at, memory_id, user_id};
use palavra_domain::{
    EmbeddedMemory, MemoryId, MemoryState, MemoryText, StoreError, UserId,
    ports::{MemoryArchive as _, MemoryRepository as _},
};
use palavra_lancedb::LanceDbOptions;
use std::{
    collections::HashSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

fn shared(folder: &Path) -> LanceDbOptions {
    LanceDbOptions { sole_writer: false, ..options(folder) }
}

pub(crate) async fn two_processes_see_each_others_writes() {
    let folder = tempfile::tempdir().unwrap();
    let options = LanceDbOptions { others_within: Duration::ZERO, compact_after_writes: 3, ..shared(folder.path()) };
    let (one, two) = (open(options.clone()).await, open(options).await);
    let user = user_id();
    assert!(!two.has_any(user).await.unwrap());
    for index in 0..8 {
        let row = row(user, &format!("{index}"));
        one.insert(vec![row.clone()]).await.unwrap();
        assert!(two.has_any(user).await.unwrap());
        assert_eq!(two.find(user, row.memory.id).await.unwrap(), Some(row.memory.clone()));
        assert_eq!(update(&two, row.clone()).await.unwrap().unwrap().revision, 2);
        assert!(matches!(update(&one, row).await, Err(StoreError::Stale(_))));
    }
    assert_eq!(two.delete_all(user).await.unwrap(), 8);
    assert!(!one.has_any(user).await.unwrap());
}

pub(crate) async fn a_write_is_seen_elsewhere_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(shared(folder.path())).await, open(shared(folder.path())).await);
    let user = user_id();
    for index in 0..5 {
        let row = row(user, &format!("{index}"));
        assert_eq!(two.find(user, row.memory.id).await.unwrap(), None);
        one.insert(vec![row.clone()]).await.unwrap();
        let written = Instant::now();
        assert!(one.find(user, row.memory.id).await.unwrap().is_some());
        while two.find(user, row.memory.id).await.unwrap().is_none() {
            assert!(written.elapsed() < Duration::from_secs(1), "not seen for {:?}", written.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) async fn a_writer_looks_before_it_changes_something() {
    let folder = tempfile::tempdir().unwrap();
    // Reads never look, so only the writers can know.
    let blind = LanceDbOptions { others_within: Duration::from_secs(3600), ..shared(folder.path()) };
    let (one, two) = (open(blind.clone()).await, open(blind).await);
    let user = user_id();
    let first = row(user, "first");
    one.insert(vec![first.clone()]).await.unwrap();
    two.insert(vec![row(user, "of two")]).await.unwrap();
    let second = update(&two, first.clone()).await.unwrap().unwrap();
    assert!(matches!(update(&one, first.clone()).await, Err(StoreError::Stale(_))));
    let third = EmbeddedMemory { memory: second, vector: first.vector.clone() };
    assert_eq!(update(&one, third.clone()).await.unwrap().unwrap().revision, 3);
    assert!(two.delete(user, first.memory.id, at(9)).await.unwrap());
    assert_eq!(update(&one, third).await.unwrap(), None);
    one.insert(vec![row(user, "again")]).await.unwrap();
    assert_eq!(two.delete_all(user).await.unwrap(), 2);
}

pub(crate) async fn of_two_processes_one_inserts_a_memory() {
    let folder = tempfile::tempdir().unwrap();
    let watching = open(shared(folder.path())).await;
    let user = user_id();
    let ids: Vec<MemoryId> = (0..25).map(|_| memory_id()).collect();
    let told = child::race(folder.path(), child::Work::Insert, user, &ids, 3).await;
    assert!(told.iter().all(|told| told.ok.len() == ids.len()), "{told:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut found: Vec<MemoryId> =
        watching.list(user, None, 1000).await.unwrap().items.iter().map(|memory| memory.id).collect();
    found.sort_unstable();
    let mut expected = ids;
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(watching.scan(None, 1000).await.unwrap().items.len(), expected.len());
    assert_eq!(watching.search(user, &[1.0, 0.0, 0.0, 0.0], 1000, 0.9).await.unwrap().len(), expected.len());
}

pub(crate) async fn of_two_processes_one_updates_from_a_revision() {
    let folder = tempfile::tempdir().unwrap();
    let watching = open(shared(folder.path())).await;
    let user = user_id();
    let rows: Vec<EmbeddedMemory> = (0..12).map(|index| row(user, &format!("{index}"))).collect();
    watching.insert(rows.clone()).await.unwrap();
    let ids: Vec<MemoryId> = rows.iter().map(|row| row.memory.id).collect();
    let told = child::race(folder.path(), child::Work::Update, user, &ids, 3).await;
    for id in &ids {
        let winners = told.iter().filter(|told| told.ok.contains(id)).count();
        assert_eq!(winners, 1, "{winners} updates of {id} from one revision");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let listed = watching.list(user, None, 100).await.unwrap().items;
    assert_eq!(listed.len(), ids.len());
    assert!(listed.iter().all(|memory| memory.revision == 2));
}

pub(crate) async fn what_two_processes_change_together_does_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let watching = open(shared(folder.path())).await;
    let user = user_id();
    let rows: Vec<EmbeddedMemory> = (0..12).map(|index| row(user, &format!("{index}"))).collect();
    watching.insert(rows.clone()).await.unwrap();
    let ids: Vec<MemoryId> = rows.iter().map(|row| row.memory.id).collect();
    // Each replaces a memory by a new one, and writes down what it said before, under an id that all of them choose.
    let told = child::race(folder.path(), child::Work::Supersede, user, &ids, 3).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for id in &ids {
        let winners = told.iter().filter(|told| told.ok.contains(id)).count();
        assert_eq!(winners, 1, "{winners} changes of {id} from one revision");
        let old = watching.find(user, *id).await.unwrap().unwrap();
        assert_eq!((old.revision, old.state), (2, MemoryState::Superseded));
        let history = watching.history(user, old.superseded_by.unwrap()).await.unwrap();
        assert_eq!(history.len(), 3, "{history:?}");
    }
    assert_eq!(watching.list(user, None, 100).await.unwrap().items.len(), ids.len());
    assert_eq!(watching.past(user).await.unwrap().len(), 2 * ids.len());
}

pub(crate) async fn vectors_are_read_as_they_are_now() {
    let folder = tempfile::tempdir().unwrap();
    // Other reads never look.
    let blind = LanceDbOptions { others_within: Duration::from_secs(3600), ..shared(folder.path()) };
    let (one, two) = (open(blind.clone()).await, open(blind).await);
    let user = user_id();
    assert!(two.embedded(user, 10).await.unwrap().is_empty());
    let mut row = row(user, "first");
    one.insert(vec![row.clone()]).await.unwrap();
    assert_eq!(two.embedded(user, 10).await.unwrap(), [row.clone()]);
    row.memory = update(&one, row.clone()).await.unwrap().unwrap();
    assert_eq!(two.embedded(user, 10).await.unwrap(), [row.clone()]);
    assert_eq!(two.index(user, 1).await.unwrap().memories(), [row.memory.clone()]);
    let retracted = EmbeddedMemory { memory: row.memory.clone().retracted(at(3)), ..row };
    update(&one, retracted.clone()).await.unwrap().unwrap();
    assert!(two.embedded(user, 10).await.unwrap().is_empty());
    assert!(one.delete(user, retracted.memory.id, at(9)).await.unwrap());
    assert!(two.embedded(user, 10).await.unwrap().is_empty());
}

pub(crate) async fn deletions_beside_merges_elsewhere_lose_and_bring_back_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let watching = open(shared(folder.path())).await;
    let user = user_id();
    // Each process keeps the memories at even places, and deletes those at odd ones, while all of them merge files.
    let ids: Vec<MemoryId> = (0..30).map(|_| memory_id()).collect();
    let told = child::race(folder.path(), child::Work::Churn, user, &ids, 2).await;
    assert!(told.iter().all(|told| told.ok.len() == ids.len()), "{told:?}");
    let kept: HashSet<MemoryId> = ids.iter().copied().step_by(2).collect();
    let of = |user: UserId| {
        let watching = &watching;
        async move {
            let listed = watching.list(user, None, 1000).await.unwrap().items;
            assert!(listed.iter().all(|memory| memory.revision == 2), "an update was lost");
            (listed.len(), listed.into_iter().map(|memory| memory.id).collect::<HashSet<_>>())
        }
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    for user in told.iter().map(|told| told.user) {
        assert_eq!(of(user).await, (kept.len(), kept.clone()));
    }
    // Once more when this process has merged what is there.
    watching.insert(vec![row(user_id(), "another")]).await.unwrap();
    watching.close().await;
    let again = open(LanceDbOptions { compact_when_idle: Duration::ZERO, ..shared(folder.path()) }).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for user in told.iter().map(|told| told.user) {
        assert_eq!(again.list(user, None, 1000).await.unwrap().items.len(), kept.len());
    }
}

pub(crate) async fn what_was_deleted_leaves_a_shared_disk() {
    let folder = tempfile::tempdir().unwrap();
    // Old versions stay for eight times the timeout. Both merge files, so one may have to give up, and what it has written
    // stays for up to twice ten times the timeout.
    let tidy = LanceDbOptions {
        compact_when_idle: Duration::from_millis(200),
        timeout: Duration::from_secs(2),
        leftovers_after: Duration::ZERO,
        ..shared(folder.path())
    };
    let (one, two) = (open(tidy.clone()).await, open(tidy).await);
    let (user, other) = (user_id(), user_id());
    let canary = row(user, "canary-4711-secret-place");
    one.insert(vec![canary.clone(), row(other, "bystander-0815-stays-here")]).await.unwrap();
    for index in 0..10 {
        two.insert(vec![row(other, &format!("{index}"))]).await.unwrap();
    }
    let mut changed = canary;
    changed.memory.text = MemoryText::parse("changed-2323-secret-place").unwrap();
    update(&two, changed).await.unwrap().unwrap();
    assert!(on_disk(folder.path(), "changed-2323"));
    // Another user deletes a memory, with its history.
    let third = user_id();
    let (memories, secrets) = remembered(third);
    two.insert(memories.clone()).await.unwrap();
    assert!(secrets.iter().all(|secret| on_disk(folder.path(), secret)));
    let deleted = Instant::now();
    assert!(two.delete(third, memories[0].memory.id, at(9)).await.unwrap());
    assert_eq!(one.delete_all(user).await.unwrap(), 1);
    let gone = || !on_disk(folder.path(), "canary-4711") && !on_disk(folder.path(), "changed-2323");
    eventually("the texts of a deleted user left the disk", gone).await;
    let gone = || !secrets.iter().any(|secret| on_disk(folder.path(), secret));
    eventually("what a deleted memory and its history said left the disk", gone).await;
    assert_eq!(one.deleted(third).await.unwrap().len(), memories.len());
    assert!(deleted.elapsed() >= Duration::from_secs(16), "too early for the others: after {:?}", deleted.elapsed());
    assert!(on_disk(folder.path(), "bystander-0815"));
    assert_eq!(two.list(other, None, 100).await.unwrap().items.len(), 11);
}

pub(crate) async fn what_a_dead_writer_left_is_removed_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let soon = LanceDbOptions {
        timeout: Duration::from_millis(500),
        leftovers_after: Duration::ZERO,
        compact_when_idle: Duration::from_secs(3600),
        ..shared(folder.path())
    };
    let repository = open(soon).await;
    let half = folder.path().join("memories.lance/data/half-written.lance");
    fs::create_dir_all(half.parent().unwrap()).unwrap();
    fs::write(&half, "rows of a commit that never was").unwrap();
    let written = Instant::now();
    let user = user_id();
    repository.insert(vec![row(user, "kept")]).await.unwrap();
    eventually("what a dead writer left was removed", || !half.exists()).await;
    // Ten times the timeout: a write under way would have ended.
    assert!(written.elapsed() >= Duration::from_secs(4), "after {:?}", written.elapsed());
    // Nobody else removes versions either, so those go too.
    eventually("old versions were removed", || versions(folder.path()) == 1).await;
    assert_eq!(repository.list(user, None, 10).await.unwrap().items.len(), 1);
}
