//! Changing the embedding model while people go on.

mod late;
mod place;

use crate::world::{KEY, api_key, soon, until};
use palavra_application::{Application, ProfileChange, Tasks, cancel_reembedding};
use palavra_domain::{
    Asked, Claims, MemoryKind, MemoryRecord, MemoryText, ModelError, SessionId, UserId, ports::MemoryArchive,
};
use palavra_inmem::fakes::Mood;
use place::{LEASE, NEW, OLD, Place};
use std::sync::Arc;

async fn set_key(place: &Place, user: UserId, key: Option<&str>) {
    let claims = Claims { user, session: SessionId::new(uuid::Uuid::nil()) };
    let change = ProfileChange { api_key: Some(key.map(api_key)), ..ProfileChange::default() };
    place.world.app.accounts.change(claims, change).await.unwrap();
}

/// All that is kept, without vectors.
async fn everything(archive: &Arc<dyn MemoryArchive>, users: &[UserId]) -> Vec<MemoryRecord> {
    let mut all = Vec::new();
    for user in users {
        all.extend(archive.records(*user).await.unwrap());
    }
    all.sort_by_key(MemoryRecord::key);
    all
}

/// A user with something of each kind: what holds, what was edited, what was deleted.
async fn full(place: &Place, name: &str) -> UserId {
    let user = place.world.user(name).await;
    let memories = &place.world.app.memories;
    for text in ["Mora em Recife", "Toca violão", "Tem um cachorro", "Trabalha à noite"] {
        place.world.remember(user, text).await;
    }
    let list = memories.list(user, None, 10).await.unwrap().items;
    let by = |text: &str| list.iter().find(|memory| memory.text.as_str() == text).unwrap().id;
    memories.edit(user, by("Mora em Recife"), Some(text("Mora em Olinda")), None).await.unwrap();
    memories.delete(user, by("Toca violão")).await.unwrap();
    user
}

fn text(text: &str) -> MemoryText {
    MemoryText::parse(text).unwrap()
}

#[tokio::test]
async fn everything_is_embedded_anew_and_nobody_notices() {
    let place = Place::new().await;
    let users = [full(&place, "ana").await, full(&place, "bia").await];
    let memories = &place.world.app.memories;
    let before = [memories.export(users[0]).await.unwrap(), memories.export(users[1]).await.unwrap()];
    let process = place.process(1);
    assert_eq!(place.ask().await, Asked::New);
    // All the while the same is found.
    until(|| async {
        assert_eq!(place.found(users[0], "onde ela mora?").await, ["Mora em Olinda"]);
        process.dimensions() == NEW
    })
    .await;
    for _ in 0..20 {
        assert_eq!(place.found(users[0], "onde ela mora?").await, ["Mora em Olinda"]);
    }
    let [old, new] = place.both().await;
    assert_eq!(everything(&new, &users).await, everything(&old, &users).await);
    for (user, before) in users.into_iter().zip(before) {
        let after = memories.export(user).await.unwrap();
        assert_eq!((after.memories, after.space.dimensions), (before.memories, NEW));
        // Only what is ever sought was embedded.
        let embedded = place.anew.passages();
        assert_eq!(embedded.iter().filter(|text| *text == "Mora em Olinda").count(), 2, "{embedded:?}");
        assert!(!embedded.iter().any(|text| text == "Mora em Recife" || text == "Toca violão"), "{embedded:?}");
    }
    assert_eq!(place.world.ports.spaces.current().marks.floor, 0.25);
    place.until_over().await;
    assert_eq!(place.found(users[1], "onde ela mora?").await, ["Mora em Olinda"]);
    assert_eq!(place.ask().await, Asked::Current);
}

#[tokio::test]
async fn what_is_written_meanwhile_comes_along() {
    let place = Place::new().await;
    let users = [full(&place, "ana").await, full(&place, "bia").await, place.world.user("caio").await];
    let [ana, bia, caio] = users;
    let memories = &place.world.app.memories;
    let gate = place.anew.hold();
    let process = place.process(1);
    place.ask().await;
    soon(gate.reached()).await;
    // Whoever is brought over now has been read already.
    let list = memories.list(ana, None, 10).await.unwrap().items;
    let by = |text: &str| list.iter().find(|memory| memory.text.as_str() == text).unwrap().id;
    memories.edit(ana, by("Tem um cachorro"), Some(text("Tem dois cachorros")), None).await.unwrap();
    memories.delete(ana, by("Trabalha à noite")).await.unwrap();
    place.world.remember(ana, "Gosta de açaí").await;
    memories.delete_all(bia).await.unwrap();
    place.world.clock.advance(std::time::Duration::from_millis(1));
    place.world.remember(bia, "Começa de novo").await;
    place.world.remember(caio, "Chegou agora").await;
    assert_eq!(process.dimensions(), OLD);
    gate.open();
    place.until_switched(&process).await;
    let [old, new] = place.both().await;
    assert_eq!(everything(&new, &users).await, everything(&old, &users).await);
    assert_eq!(place.found(ana, "dois cachorros").await, ["Tem dois cachorros"]);
    assert_eq!(place.world.memories(bia).await, ["Começa de novo"]);
    assert_eq!(place.found(caio, "chegou").await, ["Chegou agora"]);
    place.until_over().await;
    assert_eq!(place.world.memories(bia).await, ["Começa de novo"]);
}

#[tokio::test]
async fn another_process_goes_on_where_one_ended() {
    let place = Place::new().await;
    let user = place.world.user("ana").await;
    for n in 0..200 {
        place.world.remember(user, &format!("fato número {n}")).await;
    }
    place.ask().await;
    let gate = place.anew.hold();
    let first = place.process(1);
    soon(gate.reached()).await;
    let again = place.anew.hold();
    gate.open();
    soon(again.reached()).await;
    first.kill().await;
    let [_, new] = place.both().await;
    assert_eq!(new.count().await.unwrap(), 64);

    // Nobody else takes the work until its lease is over.
    let second = place.process(2);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(new.count().await.unwrap(), 64);
    place.world.clock.advance(LEASE);
    place.until_switched(&second).await;
    assert_eq!(new.count().await.unwrap(), 200);
    // What was there already was not embedded again.
    let mut embedded = place.anew.passages();
    embedded.sort();
    embedded.dedup();
    assert_eq!((embedded.len(), place.anew.passages().len()), (200, 200));
    // As one that ends while late writes are waited for.
    second.kill().await;
    place.world.clock.advance(LEASE);
    let third = place.process(3);
    place.until_over().await;
    assert_eq!(place.found(user, "fato número 7").await[0], "fato número 7");
    assert_eq!(third.dimensions(), NEW);
}

#[tokio::test]
async fn who_is_known_to_be_dead_is_not_waited_for() {
    let place = Place::new().await;
    let user = full(&place, "ana").await;
    place.ask().await;
    let gate = place.anew.hold();
    let first = place.process(1);
    soon(gate.reached()).await;
    first.kill().await;
    let next = place.reembedding(2, &place.world.ports);
    next.work().await.unwrap();
    assert!(place.ledger().await.target.is_some());
    next.take_over().await.unwrap();
    tokio::spawn(async move { next.work().await });
    place.until_ledger(|ledger| ledger.retired.is_some()).await;
    let [old, new] = place.both().await;
    assert_eq!(everything(&new, &[user]).await, everything(&old, &[user]).await);
}

#[tokio::test]
async fn who_has_no_good_key_keeps_everything_and_is_counted() {
    let place = Place::new().await;
    let users = ["ana", "bia", "caio"].map(|name| full(&place, name));
    let [ana, bia, caio] = futures::future::join_all(users).await.try_into().unwrap();
    set_key(&place, bia, None).await;
    set_key(&place, caio, Some("sk-or-v1-used-up-0000")).await;
    place.anew.refuse("used-up");
    place.anew.refuse("noite");
    let process = place.process(1);
    place.ask().await;
    place.until_switched(&process).await;
    let [old, new] = place.both().await;
    let all = [ana, bia, caio];
    assert_eq!(everything(&new, &all).await, everything(&old, &all).await);
    let built = place.ledger().await.retired.unwrap().built;
    // Ana's one text that nobody embeds; all three of the others.
    assert_eq!((built.done, built.total), (15, 15));
    assert_eq!((built.embedded, built.users_without, built.memories_without), (2, 3, 7));
    // What has no vector is found by its words.
    for user in all {
        assert_eq!(place.found(user, "cachorro").await, ["Tem um cachorro"]);
    }
    place.until_over().await;

    // With a key, they are embedded when something is learnt.
    set_key(&place, bia, Some(KEY)).await;
    let vectors = async || {
        let embedded = place.world.store().embedded(bia, 10).await.unwrap();
        embedded.into_iter().filter(|one| one.vector.iter().any(|part| *part != 0.0)).count()
    };
    assert_eq!(vectors().await, 0);
    let before = place.world.store().list(bia, None, 10).await.unwrap().items;
    place.anew.take_everything();
    place.world.learn(bia, "sou médica", &[["add", "", "sou médica", "profile", "É médica"]]).await;
    assert_eq!(vectors().await, 4);
    let after = place.world.store().list(bia, None, 10).await.unwrap().items;
    let texts = |list: &[palavra_domain::Memory]| {
        list.iter().map(|memory| (memory.id, memory.text.clone(), memory.updated_at)).collect::<Vec<_>>()
    };
    assert_eq!(texts(&after)[1..], texts(&before)[..]);
}

#[tokio::test]
async fn without_any_good_key_nothing_is_switched() {
    let place = Place::new().await;
    let user = full(&place, "ana").await;
    set_key(&place, user, None).await;
    let process = place.process(1);
    place.ask().await;
    let problem =
        |ledger: &palavra_domain::SpaceLedger| ledger.target.as_ref().and_then(|target| target.problem.clone());
    place.until_ledger(|ledger| problem(ledger).is_some_and(|told| told.contains("no user's key"))).await;
    assert_eq!(process.dimensions(), OLD);
    set_key(&place, user, Some(KEY)).await;
    place.until_switched(&process).await;
    assert_eq!(place.ledger().await.retired.unwrap().built.memories_without, 0);
}

#[tokio::test]
async fn a_provider_that_is_down_is_told_of_and_waited_for() {
    let rejected = || ModelError::Rejected { status: 400, reason: "canary: Mora em Olinda".into() };
    for (mood, told) in
        [(Mood::Fails(|| ModelError::Timeout), "did not answer in time"), (Mood::Fails(rejected), "status 400")]
    {
        let place = Place::new().await;
        let user = full(&place, "ana").await;
        place.anew.inner.set_mood(mood);
        let process = place.process(1);
        place.ask().await;
        let is_told = |problem: &String| problem.contains(told) && !problem.contains("canary");
        place
            .until_ledger(|ledger| {
                ledger.target.as_ref().and_then(|target| target.problem.as_ref()).is_some_and(is_told)
            })
            .await;
        assert_eq!(place.found(user, "onde ela mora?").await, ["Mora em Olinda"]);
        assert_eq!(process.dimensions(), OLD);
        place.anew.inner.set_mood(Mood::Works);
        place.until_switched(&process).await;
        assert_eq!(place.found(user, "onde ela mora?").await, ["Mora em Olinda"]);
    }
}

#[tokio::test]
async fn what_is_cancelled_leaves_nothing_behind() {
    let place = Place::new().await;
    let user = full(&place, "ana").await;
    assert!(!cancel_reembedding(place.tables.as_ref()).await.unwrap());
    let gate = place.anew.hold();
    let process = place.process(1);
    place.ask().await;
    assert_eq!(place.ask().await, Asked::Already);
    soon(gate.reached()).await;
    assert_eq!(place.tables.names(), ["memories", "memories_2"]);
    assert!(cancel_reembedding(place.tables.as_ref()).await.unwrap());
    place.until_ledger(|ledger| !ledger.has_work()).await;
    assert_eq!(place.tables.names(), ["memories"]);
    assert_eq!(
        (place.found(user, "onde ela mora?").await, process.dimensions()),
        (vec!["Mora em Olinda".to_owned()], OLD)
    );
    // It may be asked for again.
    assert_eq!(place.ask().await, Asked::New);
    place.until_switched(&process).await;
    assert_eq!(place.tables.names(), ["memories", "memories_3"]);
}

#[tokio::test]
async fn of_several_processes_one_works_and_all_follow() {
    let place = Place::new().await;
    let user = place.world.user("ana").await;
    for n in 0..100 {
        place.world.remember(user, &format!("fato número {n}")).await;
    }
    let one = place.process(1);
    let (other, ports) = place.another(2);
    let app = Application::new(Arc::new(ports), place.world.policy.clone(), Tasks::here());
    place.ask().await;
    // Whoever writes finds what they wrote, whichever table it goes to.
    let mut written = 0;
    until(|| async { one.dimensions() == NEW && other.dimensions() == NEW }).await;
    for app in [&place.world.app, &app] {
        written += 1;
        let said = format!("escrito {written} vezes");
        app.memories.add(user, text(&said), MemoryKind::Fact).await.unwrap();
        let found = app.memories.find(user, &said, 5).await.unwrap();
        assert_eq!(found[0].text.as_str(), said);
    }
    assert_eq!(place.anew.passages().len(), 102, "no text was embedded twice");
}

#[tokio::test]
async fn whoever_writes_all_the_time_always_finds_it_at_once() {
    let place = Place::new().await;
    let users = [place.world.user("ana").await, place.world.user("bia").await];
    for user in users {
        place.world.remember(user, "Mora em Recife").await;
    }
    let one = place.process(1);
    let (other, ports) = place.another(2);
    let apps = [place.world.app.clone(), Application::new(Arc::new(ports), place.world.policy.clone(), Tasks::here())];
    place.ask().await;
    let writing = apps.into_iter().zip(users).map(|(app, user)| {
        let is_over = || one.dimensions() == NEW && other.dimensions() == NEW;
        async move {
            let (mut n, mut more) = (0, 20);
            while more > 0 {
                n += 1;
                more -= u32::from(is_over());
                let said = format!("palavra{n}");
                let added = app.memories.add(user, text(&said), MemoryKind::Fact).await.unwrap();
                let found = app.memories.find(user, &said, 3).await.unwrap();
                assert!(found.iter().any(|memory| memory.id == added.id), "{said} of {n}");
                if n % 3 == 0 {
                    app.memories.delete(user, added.id).await.unwrap();
                    assert!(app.memories.history(user, added.id).await.is_err());
                }
                tokio::task::yield_now().await;
            }
        }
    });
    soon(futures::future::join_all(writing)).await;
}
