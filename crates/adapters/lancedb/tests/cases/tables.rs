//! The tables of one place, and several processes over them.

use crate::{cases::row, options};
use palavra_contracts::samples::user_id;
use palavra_domain::{
    Asked, EmbeddedBy, Embedding, EmbeddingSpace, InstanceId, Lease, SpaceLedger, Timestamp,
    ports::{Inspect as _, MemoryArchive as _, MemoryRepository as _, MemoryTables as _},
};
use palavra_lancedb::{LanceDbMemoryTables, LanceDbOptions, OpenError};
use std::path::Path;
use uuid::Uuid;

async fn at(folder: &Path) -> LanceDbMemoryTables {
    LanceDbMemoryTables::at(options(folder)).await.unwrap()
}

fn wanted() -> EmbeddingSpace {
    EmbeddingSpace { model: "vendor/other".into(), dimensions: 8 }
}

fn ask(ledger: &mut SpaceLedger) {
    let embedding = Embedding { by: EmbeddedBy::OpenRouter, min_score: None, same_score: None };
    assert_eq!(ledger.ask(wanted(), embedding), Asked::New);
}

pub(super) async fn processes_share_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (at(folder.path()).await, at(folder.path()).await);
    one.current().await.unwrap();
    let mut ledger = other.ledger().await.unwrap().unwrap();
    ask(&mut ledger);
    assert!(other.record(&ledger).await.unwrap() && !one.record(&ledger).await.unwrap());
    // Each adds to what it has read, until that was the last.
    let add = async |tables: &LanceDbMemoryTables, number: u128| {
        for _ in 0..20 {
            loop {
                let mut ledger = tables.ledger().await.unwrap().unwrap();
                let owner = InstanceId::new(Uuid::from_u128(number));
                ledger.lease = Some(Lease { owner, until: Timestamp::from_millis(0) });
                ledger.tables += 1;
                if tables.record(&ledger).await.unwrap() {
                    break;
                }
            }
        }
    };
    tokio::join!(add(&one, 1), add(&other, 2));
    let (here, there) = (one.ledger().await.unwrap().unwrap(), other.ledger().await.unwrap().unwrap());
    assert_eq!((here.tables, here.revision), (42, 41));
    assert_eq!(here, there);
}

pub(super) async fn a_ledger_is_written_while_another_writes_to_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let server = at(folder.path()).await;
    let (_, memories) = server.current().await.unwrap();
    let user = user_id();
    for number in 0..30 {
        memories.insert(vec![row(user, &format!("memory {number}"))]).await.unwrap();
        // A command, each time afresh.
        let command = at(folder.path()).await;
        let mut ledger = command.ledger().await.unwrap().unwrap();
        ledger.tables += 1;
        assert!(command.record(&ledger).await.unwrap());
        assert_eq!(server.ledger().await.unwrap().unwrap().revision, number + 1);
    }
    assert_eq!(memories.list(user, None, 100).await.unwrap().items.len(), 30);
}

pub(super) async fn what_is_served_from_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let user = user_id();
    let before = at(folder.path()).await;
    before.current().await.unwrap().1.insert(vec![row(user, "old")]).await.unwrap();
    let mut ledger = before.ledger().await.unwrap().unwrap();
    ask(&mut ledger);
    assert!(ledger.switch("memories_2", Timestamp::from_millis(1)));
    assert!(before.record(&ledger).await.unwrap());
    before.close_all().await;

    // Settings that name a space that it never had are refused; those from before mean the new table.
    let named = |space| LanceDbMemoryTables::at(LanceDbOptions { space, ..options(folder.path()) });
    let unknown = EmbeddingSpace { dimensions: 16, ..wanted() };
    let refused = named(unknown).await.unwrap().current().await.map(|_| ()).unwrap_err();
    assert!(matches!(&refused, OpenError::OtherSpace { stored, .. } if *stored == wanted()), "{refused}");
    assert!(refused.to_string().contains("palavra reembed"), "{refused}");
    for space in [options(folder.path()).space, wanted()] {
        let after = named(space).await.unwrap();
        let (table, current) = after.current().await.unwrap();
        assert_eq!((table, current.space()), (ledger.current.clone(), &wanted()));
        assert_eq!(current.count().await.unwrap(), 0);
        after.close_all().await;
    }
    let after = named(wanted()).await.unwrap();
    let retired = after.open(&ledger.retired.unwrap().table).await.unwrap();
    assert_eq!(retired.records(user).await.unwrap().len(), 1);
    after.close_all().await;
}

pub(super) async fn many_changes_of_the_ledger_leave_few_versions() {
    let folder = tempfile::tempdir().unwrap();
    let tables = at(folder.path()).await;
    tables.current().await.unwrap();
    let mut ledger = tables.ledger().await.unwrap().unwrap();
    for revision in 0..400 {
        ledger.revision = revision;
        assert!(tables.record(&ledger).await.unwrap());
    }
    let kept = super::versions(&folder.path().join("spaces.lance"));
    assert!(kept <= 160, "{kept} versions");
    assert_eq!(at(folder.path()).await.ledger().await.unwrap().unwrap().revision, 400);
}

pub(super) async fn an_inspection_tells_what_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let tables = at(folder.path()).await;
    let names = async || {
        let inspection = tables.inspect().await.unwrap();
        inspection.checks.into_iter().map(|check| (check.name, check.ok, check.told)).collect::<Vec<_>>()
    };
    assert!(names().await.iter().all(|(name, ..)| *name != "reembedding"));
    let mut ledger = tables.ledger().await.unwrap().unwrap();
    ask(&mut ledger);
    ledger.target.as_mut().unwrap().problem = Some("no provider".into());
    assert!(tables.record(&ledger).await.unwrap());
    let checks = names().await;
    let (_, ok, told) = checks.iter().find(|(name, ..)| *name == "reembedding").unwrap();
    assert!(!ok && told.contains("vendor/other") && told.contains("no provider"), "{told}");
}
