//! Writes to the old table by somebody who has not yet seen that another is served from.

use super::{Place, text};
use crate::world::until;
use palavra_application::{Application, MemoryError, Spaces, Tasks};
use palavra_domain::{Memory, MemoryId, MemoryKind, StoreError, UserId};
use std::{sync::Arc, time::Duration};

/// A place that has been switched, with a user of two memories, and an application that has not seen it.
async fn switched() -> (Place, super::place::Process, Application, UserId) {
    let place = Place::new().await;
    let user = place.world.user("ana").await;
    place.world.remember(user, "Mora em Recife").await;
    place.world.remember(user, "Tem um cachorro").await;
    let spaces = Arc::new(Spaces::new(place.world.ports.spaces.current().as_ref().clone()));
    let ports = palavra_application::Ports { spaces, ..place.world.ports.clone() };
    let late = Application::new(Arc::new(ports), place.world.policy.clone(), Tasks::here());
    let process = place.process(1);
    place.ask().await;
    place.until_switched(&process).await;
    place.world.clock.advance(Duration::from_secs(1));
    (place, process, late, user)
}

async fn list(app: &Application, user: UserId) -> Vec<Memory> {
    app.memories.list(user, None, 10).await.unwrap().items
}

/// Edits, however often something comes in between.
async fn edit(app: &Application, user: UserId, id: MemoryId, to: &str) {
    loop {
        match app.memories.edit(user, id, Some(text(to)), None).await {
            Err(MemoryError::Store(StoreError::Stale(_))) => {}
            other => break drop(other.unwrap()),
        }
    }
}

fn texts(list: &[Memory]) -> Vec<&str> {
    list.iter().map(|memory| memory.text.as_str()).collect()
}

#[tokio::test]
async fn late_writes_are_brought_over_and_seen() {
    let (place, _process, late, user) = switched().await;
    let app = &place.world.app;
    // Read, so that it is known in process.
    let likes = async || place.found(user, "gosta de açaí").await.contains(&"Gosta de açaí".to_owned());
    assert!(!likes().await);
    late.memories.add(user, text("Gosta de açaí"), MemoryKind::Fact).await.unwrap();
    let [cachorro, recife] = list(&late, user).await[1..].to_vec().try_into().unwrap();
    late.memories.edit(user, recife.id, Some(text("Mora em Olinda")), None).await.unwrap();
    late.memories.delete(user, cachorro.id).await.unwrap();
    until(&likes).await;
    until(|| async { texts(&list(app, user).await) == ["Gosta de açaí", "Mora em Olinda"] }).await;
    assert_eq!(place.found(user, "Olinda").await, ["Mora em Olinda"]);
    assert_eq!(app.memories.history(user, recife.id).await.unwrap().len(), 2);
    place.until_over().await;
    assert_eq!(texts(&list(app, user).await), ["Gosta de açaí", "Mora em Olinda"]);
}

#[tokio::test]
async fn nothing_newer_is_overwritten() {
    let (place, _process, late, user) = switched().await;
    let app = &place.world.app;
    let [cachorro, recife] = list(app, user).await.try_into().unwrap();
    // The same memory is changed on both sides: twice where it is served from, once before that and late.
    late.memories.edit(user, recife.id, Some(text("Mora em Caruaru")), None).await.unwrap();
    edit(app, user, recife.id, "Mora em Olinda").await;
    edit(app, user, recife.id, "Mora em Natal").await;
    // What was deleted does not come back by a late edit.
    app.memories.delete(user, cachorro.id).await.unwrap();
    late.memories.edit(user, cachorro.id, Some(text("Tem dois cachorros")), None).await.unwrap();
    app.memories.add(user, text("Gosta de açaí"), MemoryKind::Fact).await.unwrap();
    place.until_over().await;
    assert_eq!(texts(&list(app, user).await), ["Gosta de açaí", "Mora em Natal"]);
    assert_eq!(place.found(user, "cachorros").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_cleared_stays_away_wherever_it_was_cleared() {
    for is_late in [false, true] {
        let (place, _process, late, user) = switched().await;
        let app = &place.world.app;
        assert_eq!(list(app, user).await.len(), 2);
        let by = if is_late { &late } else { app };
        by.memories.delete_all(user).await.unwrap();
        place.world.clock.advance(Duration::from_millis(1));
        app.memories.add(user, text("Começa de novo"), MemoryKind::Fact).await.unwrap();
        until(|| async { texts(&list(app, user).await) == ["Começa de novo"] }).await;
        place.until_over().await;
        assert_eq!(texts(&list(app, user).await), ["Começa de novo"], "late: {is_late}");
        assert_eq!(app.memories.export(user).await.unwrap().memories.len(), 1);
    }
}

#[tokio::test]
async fn what_was_cleared_long_before_is_no_reason_to_leave_anything_out() {
    let place = Place::new().await;
    let user = place.world.user("ana").await;
    place.world.remember(user, "Antes").await;
    place.world.app.memories.delete_all(user).await.unwrap();
    // In the same millisecond: another instance's clock may be behind.
    place.world.remember(user, "Depois").await;
    place.world.clock.advance(Duration::from_secs(3600));
    let process = place.process(1);
    place.ask().await;
    place.until_switched(&process).await;
    place.until_over().await;
    assert_eq!(place.world.memories(user).await, ["Depois"]);
}
