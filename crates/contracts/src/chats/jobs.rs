//! The work of remembering.

use super::{Chats, begun, busy_chat, free_chat, settled, stored};
use crate::{
    harness::{Case, cases},
    samples::{self, TEXTS, at, begin_new, complete, lease, prompt, turn_id, user_id},
    support::race,
};
use palavra_domain::{
    BeginTurn, JobOutcome, JobState, MemoryJob, RememberTask, Settlement, Timestamp, Turn, TurnRef, Usage,
    ports::ChatRepository,
};
use std::{collections::HashSet, sync::Arc};

pub(super) fn cases() -> Vec<Case<dyn ChatRepository>> {
    cases![
        a_claimed_job_has_what_it_takes,
        job_prompts_come_back_byte_for_byte,
        no_job_is_claimed_before_its_time,
        the_oldest_turns_come_first,
        a_claimed_job_is_claimed_again_when_its_lease_has_ended,
        concurrent_claimers_share_the_jobs,
        a_failed_job_is_tried_again_in_time,
        done_and_parked_jobs_are_over,
        only_a_claimed_job_is_finished,
        jobs_of_the_dead_are_released,
        released_jobs_are_due_at_once,
        the_backlog_counts_what_is_not_over,
        a_job_goes_with_its_chat,
    ]
}

/// A turn of a new user's chat that is settled with a job due at `at(2_000)`.
async fn job(port: &Chats) -> Turn {
    job_of(port, &begin_new(user_id())).await
}

/// The turn of a new chat, settled with a job due at `at(2_000)`.
pub(super) async fn job_of(port: &Chats, begin: &BeginTurn) -> Turn {
    let turn = begun(port, begin).await;
    let settlement = Settlement { remember_at: Some(at(2_000)), ..complete(begin, "Noted.", Usage::default()) };
    settled(port, turn.reference(), &settlement).await
}

/// Claims at `at(now)` until `at(now + 10_000)`.
pub(super) async fn claim(port: &Chats, now: i64, limit: usize) -> Vec<TurnRef> {
    let tasks = port.claim_memory_jobs(lease(at(now + 10_000)), at(now), limit).await.unwrap();
    tasks.into_iter().map(|task| task.turn).collect()
}

async fn a_claimed_job_has_what_it_takes(port: Chats) {
    let begin = BeginTurn { now: at(1), ..begin_new(user_id()) };
    let turn = job_of(&port, &begin).await;
    free_chat(&port, user_id()).await;
    let lease = lease(at(20_002));
    let tasks = port.claim_memory_jobs(lease, at(3_000), 10).await.unwrap();
    let model = begin.attempt.model_asked.clone();
    let task = RememberTask { turn: turn.reference(), prompt: begin.prompt, said_at: begin.now, model, tries: 1 };
    assert_eq!(tasks, vec![task]);
    let after = stored(&port, &turn).await;
    let job = after.memory_job.unwrap();
    assert_eq!((job.state, job.tries, job.lease), (JobState::Claimed, 1, Some(lease)));
    assert_eq!(Turn { memory_job: turn.memory_job, ..after }, turn);
}

async fn job_prompts_come_back_byte_for_byte(port: Chats) {
    // Each of a user of its own: one call takes one job of a user.
    for text in TEXTS {
        job_of(&port, &BeginTurn { prompt: prompt(text), ..begin_new(user_id()) }).await;
    }
    let tasks = port.claim_memory_jobs(lease(at(20_000)), at(3_000), 100).await.unwrap();
    let prompts: Vec<&str> = tasks.iter().map(|task| task.prompt.as_str()).collect();
    assert_eq!(prompts, TEXTS);
}

async fn no_job_is_claimed_before_its_time(port: Chats) {
    let turn = job(&port).await;
    assert_eq!(claim(&port, 1_999, 10).await, Vec::new());
    assert_eq!(stored(&port, &turn).await, turn);
    assert_eq!(claim(&port, 2_000, 10).await, vec![turn.reference()]);
}

async fn the_oldest_turns_come_first(port: Chats) {
    let mut turns = Vec::new();
    for millis in 0..6 {
        turns.push(job_of(&port, &BeginTurn { now: at(millis), ..begin_new(user_id()) }).await.reference());
    }
    assert_eq!(claim(&port, 3_000, 2).await, turns[..2]);
    assert_eq!(claim(&port, 3_000, 3).await, turns[2..5]);
    assert_eq!(claim(&port, 3_000, 10).await, turns[5..]);
    assert_eq!(claim(&port, 3_000, 10).await, Vec::new());
}

async fn a_claimed_job_is_claimed_again_when_its_lease_has_ended(port: Chats) {
    let turn = job(&port).await;
    assert_eq!(claim(&port, 3_000, 10).await, vec![turn.reference()]);
    assert_eq!(claim(&port, 12_999, 10).await, Vec::new());
    let lease = lease(at(30_000));
    let tasks = port.claim_memory_jobs(lease, at(13_001), 10).await.unwrap();
    assert_eq!(tasks.iter().map(|task| (task.turn, task.tries)).collect::<Vec<_>>(), vec![(turn.reference(), 2)]);
    let job = stored(&port, &turn).await.memory_job.unwrap();
    assert_eq!((job.state, job.tries, job.lease), (JobState::Claimed, 2, Some(lease)));
    assert_eq!(claim(&port, 29_999, 10).await, Vec::new());
}

async fn concurrent_claimers_share_the_jobs(port: Chats) {
    let mut jobs = HashSet::new();
    for _ in 0..24 {
        jobs.insert(job(&port).await.reference());
    }
    let claims = race(8, |_| {
        let port = Arc::clone(&port);
        async move { claim(&port, 3_000, 4).await }
    })
    .await;
    let mut claimed: Vec<TurnRef> = claims.into_iter().flatten().collect();
    claimed.extend(claim(&port, 3_000, 100).await);
    assert_eq!(claimed.len(), 24, "a job was claimed twice or never");
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), jobs);
    assert_eq!(port.memory_backlog().await.unwrap(), 24);
}

async fn a_failed_job_is_tried_again_in_time(port: Chats) {
    let turn = job(&port).await;
    let mut now = 3_000;
    for tries in 1..5 {
        let tasks = port.claim_memory_jobs(lease(at(now + 10_000)), at(now), 10).await.unwrap();
        assert_eq!(tasks.iter().map(|task| task.tries).collect::<Vec<_>>(), [tries]);
        let next_at = at(now + 60_000);
        assert!(port.finish_memory_job(turn.reference(), JobOutcome::Retry(next_at)).await.unwrap());
        let job = MemoryJob { state: JobState::Waiting, tries, next_at, lease: None };
        assert_eq!(stored(&port, &turn).await.memory_job, Some(job));
        assert_eq!(claim(&port, now + 59_999, 10).await, Vec::new());
        now += 60_000;
    }
}

async fn done_and_parked_jobs_are_over(port: Chats) {
    for (outcome, state) in [(JobOutcome::Done, JobState::Done), (JobOutcome::Parked, JobState::Parked)] {
        let turn = job(&port).await;
        assert_eq!(claim(&port, 3_000, 10).await, vec![turn.reference()]);
        assert!(port.finish_memory_job(turn.reference(), outcome).await.unwrap());
        let job = stored(&port, &turn).await.memory_job.unwrap();
        assert_eq!((job.state, job.tries, job.lease), (state, 1, None));
        assert_eq!(claim(&port, 1_000_000, 10).await, Vec::new());
        assert_eq!(port.memory_backlog().await.unwrap(), 0);
        for again in [JobOutcome::Done, JobOutcome::Parked, JobOutcome::Retry(at(0))] {
            assert!(!port.finish_memory_job(turn.reference(), again).await.unwrap());
        }
        assert_eq!(stored(&port, &turn).await.memory_job.unwrap().state, state);
        assert_eq!(port.release_memory_jobs(Timestamp::MAX).await.unwrap(), 0);
    }
}

async fn only_a_claimed_job_is_finished(port: Chats) {
    let waiting = job(&port).await;
    let without = free_chat(&port, user_id()).await;
    let (_, pending) = busy_chat(&port, user_id()).await;
    let missing = TurnRef { turn: turn_id(), ..waiting.reference() };
    for turn in [waiting.reference(), without.reference(), pending.reference(), missing] {
        for outcome in [JobOutcome::Done, JobOutcome::Parked, JobOutcome::Retry(at(0))] {
            assert!(!port.finish_memory_job(turn, outcome).await.unwrap());
        }
    }
    for turn in [waiting, without, pending] {
        assert_eq!(stored(&port, &turn).await, turn);
    }
}

async fn jobs_of_the_dead_are_released(port: Chats) {
    let early = job(&port).await;
    assert_eq!(claim(&port, 3_000, 10).await, vec![early.reference()]);
    let late = job(&port).await;
    assert_eq!(claim(&port, 4_000, 10).await, vec![late.reference()]);
    let waiting = job(&port).await;
    assert_eq!(port.release_memory_jobs(at(12_999)).await.unwrap(), 0);
    assert_eq!(port.release_memory_jobs(at(13_000)).await.unwrap(), 1);
    assert_eq!(port.release_memory_jobs(at(13_000)).await.unwrap(), 0);
    let job = stored(&port, &early).await.memory_job.unwrap();
    assert_eq!((job.state, job.tries, job.lease), (JobState::Waiting, 1, None));
    assert_eq!(stored(&port, &late).await.memory_job.unwrap().state, JobState::Claimed);
    assert_eq!(stored(&port, &waiting).await, waiting);
    assert!(!port.finish_memory_job(early.reference(), JobOutcome::Done).await.unwrap());
    assert_eq!(claim(&port, 13_000, 10).await, vec![early.reference(), waiting.reference()]);
}

async fn released_jobs_are_due_at_once(port: Chats) {
    let turn = job(&port).await;
    assert_eq!(claim(&port, 3_000, 10).await, vec![turn.reference()]);
    // As at the start of the only process there is: whatever was claimed, nobody is at it.
    assert_eq!(port.release_memory_jobs(Timestamp::MAX).await.unwrap(), 1);
    let tasks = port.claim_memory_jobs(lease(at(13_001)), at(3_001), 10).await.unwrap();
    assert_eq!(tasks.iter().map(|task| (task.turn, task.tries)).collect::<Vec<_>>(), vec![(turn.reference(), 2)]);
}

async fn the_backlog_counts_what_is_not_over(port: Chats) {
    assert_eq!(port.memory_backlog().await.unwrap(), 0);
    let first = job(&port).await;
    job(&port).await;
    let begin = samples::begin_new(user_id());
    begun(&port, &begin).await;
    free_chat(&port, user_id()).await;
    assert_eq!(port.memory_backlog().await.unwrap(), 2);
    assert_eq!(claim(&port, 3_000, 1).await, vec![first.reference()]);
    assert_eq!(port.memory_backlog().await.unwrap(), 2);
    assert!(port.finish_memory_job(first.reference(), JobOutcome::Retry(at(9_000))).await.unwrap());
    assert_eq!(port.memory_backlog().await.unwrap(), 2);
    assert_eq!(claim(&port, 9_000, 1).await, vec![first.reference()]);
    assert!(port.finish_memory_job(first.reference(), JobOutcome::Done).await.unwrap());
    assert_eq!(port.memory_backlog().await.unwrap(), 1);
}

async fn a_job_goes_with_its_chat(port: Chats) {
    let turn = job(&port).await;
    assert_eq!(claim(&port, 3_000, 10).await, vec![turn.reference()]);
    assert!(port.delete_chat(turn.user_id, turn.chat_id).await.unwrap());
    assert!(!port.finish_memory_job(turn.reference(), JobOutcome::Done).await.unwrap());
    assert_eq!(port.release_memory_jobs(Timestamp::MAX).await.unwrap(), 0);
    assert_eq!(claim(&port, 1_000_000, 10).await, Vec::new());
    assert_eq!(port.memory_backlog().await.unwrap(), 0);
}
