//! What a process does about one that died.

use crate::world::{World, operations, prompt, soon, until};
use palavra_domain::{InstanceId, JobState, Lease, TurnStatus};
use palavra_inmem::fakes::{Gate, Script};
use std::time::Duration;

#[tokio::test]
async fn taking_over_frees_chats_and_jobs() {
    let world = World::new();
    let user = world.user("ana").await;
    let done = world.ask(user, None, "moro em Recife").await.turn;
    let dead = Lease {
        owner: InstanceId::new(uuid::Uuid::from_u128(9)),
        until: world.ports.clock.now().plus(Duration::from_secs(3600)),
    };
    assert_eq!(world.ports.chats.claim_memory_jobs(dead, world.ports.clock.now(), 10).await.unwrap().len(), 1);
    let gate = Gate::new();
    world.model.script(Script::new().gate(&gate).say("late"));
    let pending = world.send(user, prompt(None, "Olá")).await.unwrap();
    soon(gate.reached()).await;

    // Neither lease is over: only who knows that the other is dead takes over.
    assert_eq!(world.app.remember.run_due().await.unwrap(), 0);
    let next = world.restarted();
    assert_eq!(next.housekeeping.take_over().await.unwrap(), (1, 1));
    assert_eq!(next.housekeeping.take_over().await.unwrap(), (0, 0));

    let chat = pending.started.turn.chat;
    let (stored, turns) = world.stored(user, chat).await;
    assert_eq!((stored.active, turns[0].status), (None, TurnStatus::Interrupted));
    assert!(turns[0].finished_at.is_some() && turns[0].prompt.as_str() == "Olá");
    let found = operations(&[["add", "", "moro em Recife", "profile", "Mora em Recife"]]);
    world.model.script_json(Script::new().say(&found));
    assert_eq!(next.remember.run_due().await.unwrap(), 1);
    assert_eq!(world.memories(user).await, ["Mora em Recife"]);
    let (_, turns) = world.stored(user, done.chat_id).await;
    assert_eq!(turns[0].memory_job.unwrap().state, JobState::Done);

    // The dead one's answer comes too late, and changes nothing.
    gate.open();
    let ended = soon(pending.ended).await.unwrap();
    assert_eq!(ended.turn.status, TurnStatus::Interrupted);
    let (stored, turns) = world.stored(user, chat).await;
    assert_eq!((turns[0].status, stored.totals.total_tokens), (TurnStatus::Interrupted, None));
    assert_eq!(world.ask(user, Some(chat), "De novo").await.turn.seq, 2);
}

#[tokio::test]
async fn more_turns_than_one_batch_are_interrupted() {
    let world = World::new();
    let user = world.user("ana").await;
    let gate = Gate::new();
    for _ in 0..230 {
        world.model.script(Script::new().gate(&gate));
        world.send(user, prompt(None, "Olá")).await.unwrap();
    }
    assert_eq!(world.restarted().housekeeping.take_over().await.unwrap(), (230, 0));
}

#[tokio::test]
async fn what_a_lost_task_left_behind_is_freed_when_its_lease_ends() {
    let world = World::with(|_, policy| policy.lease = Duration::from_millis(30));
    let user = world.user("ana").await;
    world.model.script(Script::new().hang());
    let pending = world.send(user, prompt(None, "Olá")).await.unwrap().started.turn;
    let housekeeping = tokio::spawn({
        let housekeeping = world.app.housekeeping.clone();
        async move { housekeeping.run().await }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    // The clock stands still: the lease has not ended.
    assert!(world.stored(user, pending.chat).await.0.active.is_some());
    world.clock.advance(Duration::from_millis(30));
    until(|| async { world.stored(user, pending.chat).await.0.active.is_none() }).await;
    housekeeping.abort();
}

#[tokio::test]
async fn sessions_long_over_are_forgotten() {
    let world = World::with(|_, policy| policy.lease = Duration::from_millis(20));
    world.user("ana").await;
    let tokens = world.app.auth.login("ana", crate::world::PASSWORD, None).await.unwrap();
    let claims = world.app.auth.authenticate(&tokens.access).await.unwrap();
    let housekeeping = tokio::spawn({
        let housekeeping = world.app.housekeeping.clone();
        async move { housekeeping.run().await }
    });
    let there = || async { world.ports.sessions.find(claims.user, claims.session).await.unwrap().is_some() };
    // Over, but a spent refresh token is still recognised.
    world.clock.advance(world.policy.session_ttl);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(there().await);
    world.clock.advance(Duration::from_secs(8 * 24 * 3600));
    until(|| async { !there().await }).await;
    housekeeping.abort();
}
