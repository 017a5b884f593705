//! What [`MemoryTables`] must do.

use crate::{
    Make,
    harness::{self, cases},
    samples::{embedded, user_id},
    support::{assert_form, race},
};
use libtest_mimic::Trial;
use palavra_domain::{
    Asked, EmbeddedBy, Embedding, EmbeddingSpace, InstanceId, Lease, SpaceLedger, SpaceTable, StoreError, Timestamp,
    ports::{MemoryArchive, MemoryTables},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

type Tables = Arc<dyn MemoryTables>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn MemoryTables>) -> Vec<Trial> {
    let cases = cases![
        a_place_without_memories_has_no_ledger,
        the_table_that_is_there_is_served_from,
        a_ledger_is_read_as_it_was_written,
        a_ledger_is_written_from_its_last_revision_only,
        of_ledgers_at_once_one_is_written,
        tables_are_apart,
        a_table_is_opened_once,
        a_table_of_another_space_is_refused,
        a_removed_table_is_gone,
        a_closed_table_is_opened_again,
    ];
    harness::trials(adapter, "tables", make, cases)
}

fn space(dimensions: usize) -> EmbeddingSpace {
    EmbeddingSpace { model: format!("words {dimensions}"), dimensions }
}

fn first() -> SpaceTable {
    SpaceLedger::first(space(4)).current
}

/// A ledger in which a table of 8 dimensions is being built.
fn building() -> SpaceLedger {
    let mut ledger = SpaceLedger::first(space(4));
    let by = EmbeddedBy::Server { base_url: "http://127.0.0.1:9/v1".into() };
    assert_eq!(ledger.ask(space(8), Embedding { by, min_score: Some(0.1), same_score: None }), Asked::New);
    ledger
}

fn second() -> SpaceTable {
    building().target.unwrap().table
}

async fn insert(table: &Arc<dyn MemoryArchive>) {
    table.insert(vec![embedded(user_id(), "one", table.space().dimensions, 0.0)]).await.unwrap();
}

async fn a_place_without_memories_has_no_ledger(port: Tables) {
    assert_eq!(port.ledger().await.unwrap(), None);
}

async fn the_table_that_is_there_is_served_from(port: Tables) {
    port.open(&first()).await.unwrap();
    assert_eq!(port.ledger().await.unwrap(), Some(SpaceLedger::first(space(4))));
}

async fn a_ledger_is_read_as_it_was_written(port: Tables) {
    port.open(&first()).await.unwrap();
    let mut ledger = building();
    assert!(port.record(&ledger).await.unwrap());
    ledger.revision = 1;
    assert_eq!(port.ledger().await.unwrap(), Some(ledger.clone()));
    let (owner, now) = (InstanceId::new(Uuid::from_u128(1)), Timestamp::from_millis(1));
    assert!(ledger.claim(owner, now, Duration::from_millis(1)));
    ledger.target.as_mut().unwrap().problem = Some("não dá: \"'\n".into());
    assert!(port.record(&ledger).await.unwrap());
    ledger.revision = 2;
    assert_eq!(port.ledger().await.unwrap(), Some(ledger.clone()));
    assert!(ledger.switch("memories_2", now));
    assert!(port.record(&ledger).await.unwrap());
    ledger.revision = 3;
    assert_eq!(port.ledger().await.unwrap(), Some(ledger));
}

async fn a_ledger_is_written_from_its_last_revision_only(port: Tables) {
    port.open(&first()).await.unwrap();
    let mut ledger = building();
    assert!(port.record(&ledger).await.unwrap());
    for stale in [0, 2, 7] {
        ledger.revision = stale;
        assert!(!port.record(&ledger).await.unwrap());
    }
    ledger.revision = 1;
    assert_eq!(port.ledger().await.unwrap(), Some(ledger.clone()));
    assert!(port.record(&ledger).await.unwrap());
}

async fn of_ledgers_at_once_one_is_written(port: Tables) {
    port.open(&first()).await.unwrap();
    // Also when there is none yet.
    for revision in 0..5 {
        let by = |number: usize| InstanceId::new(Uuid::from_u128(number as u128));
        let written = race(4, |number| {
            let port = Arc::clone(&port);
            async move {
                let lease = Some(Lease { owner: by(number), until: Timestamp::from_millis(1) });
                port.record(&SpaceLedger { revision, lease, ..building() }).await.unwrap()
            }
        })
        .await;
        let winner = written.iter().position(|written| *written).unwrap();
        assert_eq!(written.iter().filter(|written| **written).count(), 1, "revision {revision}: {written:?}");
        let stored = port.ledger().await.unwrap().unwrap();
        assert_eq!((stored.revision, stored.lease.map(|lease| lease.owner)), (revision + 1, Some(by(winner))));
    }
}

async fn tables_are_apart(port: Tables) {
    let (one, other) = (port.open(&first()).await.unwrap(), port.open(&second()).await.unwrap());
    assert_eq!((one.space(), other.space()), (&space(4), &space(8)));
    insert(&one).await;
    insert(&one).await;
    insert(&other).await;
    assert_eq!((one.count().await.unwrap(), other.count().await.unwrap()), (2, 1));
}

async fn a_table_is_opened_once(port: Tables) {
    let opened = race(4, |_| {
        let port = Arc::clone(&port);
        async move { port.open(&first()).await.unwrap() }
    })
    .await;
    insert(&opened[0]).await;
    for again in &opened {
        assert!(Arc::ptr_eq(again, &opened[0]));
        assert_eq!(again.count().await.unwrap(), 1);
    }
}

async fn a_table_of_another_space_is_refused(port: Tables) {
    port.open(&first()).await.unwrap();
    let refused = port.open(&SpaceTable { space: space(8), ..first() }).await.map(|_| ());
    assert_form!(refused, Err(StoreError::Unexpected { .. }));
}

async fn a_removed_table_is_gone(port: Tables) {
    let (one, other) = (port.open(&first()).await.unwrap(), port.open(&second()).await.unwrap());
    insert(&one).await;
    insert(&other).await;
    assert!(port.remove("memories_2").await.unwrap());
    assert!(!port.remove("memories_2").await.unwrap());
    assert!(!port.remove("memories_3").await.unwrap());
    assert_eq!(port.open(&second()).await.unwrap().count().await.unwrap(), 0);
    assert_eq!(one.count().await.unwrap(), 1);
}

async fn a_closed_table_is_opened_again(port: Tables) {
    insert(&port.open(&first()).await.unwrap()).await;
    port.close("memories").await;
    port.close("memories_2").await;
    let again = port.open(&first()).await.unwrap();
    insert(&again).await;
    assert_eq!(again.count().await.unwrap(), 2);
}
