use super::{eventually, files, open, row, versions};
use crate::options;
use palavra_contracts::samples::user_id;
use palavra_domain::ports::MemoryRepository as _;
use palavra_lancedb::LanceDbOptions;
use std::{sync::Arc, time::Duration};

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
    eventually("the files of 300 single inserts became fewer than 60", || files(folder.path()).len() < 60).await;
    assert!(versions(folder.path()) < 20, "{} versions", versions(folder.path()));
    assert_eq!(repository.list(user, None, 1000).await.unwrap().items.len(), 300);
    assert_eq!(repository.search(user, &[1.0, 0.0, 0.0, 0.0], 1000, 0.9).await.unwrap().len(), 300);
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
                    assert_eq!(repository.update(kept.clone()).await.unwrap().unwrap().revision, 2);
                    assert!(repository.delete(user, gone.memory.id).await.unwrap());
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
