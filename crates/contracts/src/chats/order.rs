//! The order of a user's jobs: one at a time, the oldest turn's first.

use super::{
    Chats, begun,
    jobs::{claim, job_of},
    settled,
};
use crate::{
    harness::{Case, cases},
    samples::{at, begin_new, complete, lease, user_id},
    support::race,
};
use palavra_domain::{BeginTurn, JobOutcome, Settlement, Timestamp, TurnRef, Usage, UserId, ports::ChatRepository};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(super) fn cases() -> Vec<Case<dyn ChatRepository>> {
    cases![
        jobs_of_one_user_are_claimed_one_after_the_other,
        turns_of_one_moment_go_by_their_ids,
        a_waiting_retry_holds_back_younger_ones,
        one_that_is_not_due_yet_holds_back_younger_ones,
        done_and_parked_jobs_hold_back_nothing,
        an_older_turn_that_ends_later_is_next,
        jobs_of_others_are_not_held_back,
        one_call_takes_one_job_a_user,
        a_claim_whose_lease_ended_is_taken_again_and_only_it,
        released_jobs_are_taken_again_before_younger_ones,
        deleting_the_chat_of_a_claimed_job_frees_the_next,
        deleting_the_chat_of_a_waiting_job_frees_the_next,
        concurrent_workers_keep_the_order_of_each_user,
        an_older_turn_that_ends_meanwhile_is_not_done_beside_a_younger_one,
    ]
}

/// A turn of a new chat that began at `at(millis)`.
fn begin_at(user: UserId, millis: i64) -> BeginTurn {
    BeginTurn { now: at(millis), ..begin_new(user) }
}

/// Jobs of turns, each of a chat of its own, that began one after the other and ended in the opposite order, due at
/// `at(2_000)`.
async fn jobs(port: &Chats, user: UserId, count: i64) -> Vec<TurnRef> {
    let mut begins = Vec::new();
    for millis in 0..count {
        let begin = begin_at(user, millis);
        begun(port, &begin).await;
        begins.push(begin);
    }
    let mut turns = Vec::new();
    for begin in begins.iter().rev() {
        turns.push(end(port, begin, at(2_000)).await);
    }
    turns.reverse();
    turns
}

/// Ends a turn that begins a chat, with a job.
async fn end(port: &Chats, begin: &BeginTurn, remember_at: Timestamp) -> TurnRef {
    let palavra_domain::ChatTarget::New { id: chat, .. } = &begin.target else { panic!("it begins no chat") };
    let turn = TurnRef { user: begin.user, chat: *chat, turn: begin.turn };
    let settlement = Settlement { remember_at: Some(remember_at), ..complete(begin, "Noted.", Usage::default()) };
    settled(port, turn, &settlement).await.reference()
}

async fn finish(port: &Chats, turn: TurnRef, outcome: JobOutcome) {
    assert!(port.finish_memory_job(turn, outcome).await.unwrap());
}

async fn jobs_of_one_user_are_claimed_one_after_the_other(port: Chats) {
    let turns = jobs(&port, user_id(), 4).await;
    for turn in turns {
        assert_eq!(claim(&port, 3_000, 10).await, [turn]);
        assert_eq!(claim(&port, 3_000, 10).await, []);
        finish(&port, turn, JobOutcome::Done).await;
    }
    assert_eq!(claim(&port, 3_000, 10).await, []);
}

async fn turns_of_one_moment_go_by_their_ids(port: Chats) {
    let user = user_id();
    let begins: Vec<BeginTurn> = (0..3).map(|_| begin_at(user, 0)).collect();
    for begin in begins.iter().rev() {
        job_of(&port, begin).await;
    }
    for begin in begins {
        let claimed = claim(&port, 3_000, 10).await;
        assert_eq!(claimed.iter().map(|turn| turn.turn).collect::<Vec<_>>(), [begin.turn]);
        finish(&port, claimed[0], JobOutcome::Done).await;
    }
}

async fn a_waiting_retry_holds_back_younger_ones(port: Chats) {
    let turns = jobs(&port, user_id(), 2).await;
    let mut now = 3_000;
    for _ in 0..3 {
        assert_eq!(claim(&port, now, 10).await, turns[..1]);
        finish(&port, turns[0], JobOutcome::Retry(at(now + 60_000))).await;
        assert_eq!(claim(&port, now + 59_999, 10).await, []);
        now += 60_000;
    }
    assert_eq!(claim(&port, now, 10).await, turns[..1]);
    finish(&port, turns[0], JobOutcome::Done).await;
    assert_eq!(claim(&port, now, 10).await, turns[1..]);
}

async fn one_that_is_not_due_yet_holds_back_younger_ones(port: Chats) {
    let user = user_id();
    let (older, younger) = (begin_at(user, 0), begin_at(user, 1));
    begun(&port, &older).await;
    begun(&port, &younger).await;
    let (older, younger) = (end(&port, &older, at(50_000)).await, end(&port, &younger, at(2_000)).await);
    assert_eq!(claim(&port, 49_999, 10).await, []);
    assert_eq!(claim(&port, 50_000, 10).await, [older]);
    finish(&port, older, JobOutcome::Done).await;
    assert_eq!(claim(&port, 50_000, 10).await, [younger]);
}

async fn done_and_parked_jobs_hold_back_nothing(port: Chats) {
    for outcome in [JobOutcome::Done, JobOutcome::Parked] {
        let turns = jobs(&port, user_id(), 3).await;
        for turn in turns {
            assert_eq!(claim(&port, 3_000, 10).await, [turn]);
            finish(&port, turn, outcome).await;
        }
    }
    // A pending turn has no job yet.
    let user = user_id();
    begun(&port, &begin_at(user, 0)).await;
    let turn = job_of(&port, &begin_at(user, 1)).await.reference();
    assert_eq!(claim(&port, 3_000, 10).await, [turn]);
}

async fn an_older_turn_that_ends_later_is_next(port: Chats) {
    let user = user_id();
    let older = begin_at(user, 0);
    begun(&port, &older).await;
    let younger = jobs(&port, user, 3).await;
    assert_eq!(claim(&port, 3_000, 10).await, younger[..1]);
    let older = end(&port, &older, at(2_000)).await;
    assert_eq!(claim(&port, 3_000, 10).await, []);
    // The younger one, tried again, comes after it.
    finish(&port, younger[0], JobOutcome::Retry(at(3_000))).await;
    for turn in [older].into_iter().chain(younger) {
        assert_eq!(claim(&port, 3_000, 10).await, [turn]);
        finish(&port, turn, JobOutcome::Done).await;
    }
}

async fn jobs_of_others_are_not_held_back(port: Chats) {
    let (claimed, retried, free) = (user_id(), user_id(), user_id());
    let claimed = jobs(&port, claimed, 30).await;
    assert_eq!(claim(&port, 3_000, 1).await, claimed[..1]);
    let retried = jobs(&port, retried, 30).await;
    assert_eq!(claim(&port, 3_000, 1).await, retried[..1]);
    finish(&port, retried[0], JobOutcome::Retry(at(90_000))).await;
    // Behind all of them, in time and in the order of their arrival.
    let begin = begin_at(free, 1_000);
    let turn = job_of(&port, &begin).await.reference();
    assert_eq!(claim(&port, 3_000, 1).await, [turn]);
    assert_eq!(claim(&port, 3_000, 10).await, []);
}

async fn one_call_takes_one_job_a_user(port: Chats) {
    let mut turns = Vec::new();
    for _ in 0..3 {
        turns.push(jobs(&port, user_id(), 3).await);
    }
    // They began at the same moments, so it goes by their ids, which are in the order of the users.
    let first: Vec<TurnRef> = turns.iter().map(|turns| turns[0]).collect();
    assert_eq!(claim(&port, 3_000, 0).await, []);
    assert_eq!(claim(&port, 3_000, 2).await, first[..2]);
    assert_eq!(claim(&port, 3_000, 10).await, first[2..]);
    assert_eq!(claim(&port, 3_000, 10).await, []);
    for turn in first {
        finish(&port, turn, JobOutcome::Done).await;
    }
    let second: Vec<TurnRef> = turns.iter().map(|turns| turns[1]).collect();
    assert_eq!(claim(&port, 3_000, 10).await, second);
}

async fn a_claim_whose_lease_ended_is_taken_again_and_only_it(port: Chats) {
    let turns = jobs(&port, user_id(), 3).await;
    assert_eq!(claim(&port, 3_000, 10).await, turns[..1]);
    assert_eq!(claim(&port, 12_999, 10).await, []);
    let tasks = port.claim_memory_jobs(lease(at(30_000)), at(13_000), 10).await.unwrap();
    assert_eq!(tasks.iter().map(|task| (task.turn, task.tries)).collect::<Vec<_>>(), [(turns[0], 2)]);
    assert_eq!(claim(&port, 29_999, 10).await, []);
    finish(&port, turns[0], JobOutcome::Done).await;
    assert_eq!(claim(&port, 29_999, 10).await, turns[1..2]);
}

async fn released_jobs_are_taken_again_before_younger_ones(port: Chats) {
    let (one, other) = (jobs(&port, user_id(), 2).await, jobs(&port, user_id(), 2).await);
    assert_eq!(claim(&port, 3_000, 1).await, one[..1]);
    assert_eq!(claim(&port, 4_000, 10).await, other[..1]);
    assert_eq!(port.release_memory_jobs(at(13_000)).await.unwrap(), 1);
    assert_eq!(claim(&port, 13_000, 10).await, one[..1]);
    // As at the start of the only process there is: nothing is waited for.
    assert_eq!(port.release_memory_jobs(Timestamp::MAX).await.unwrap(), 2);
    assert_eq!(claim(&port, 3_000, 10).await, [one[0], other[0]]);
    for turns in [one, other] {
        finish(&port, turns[0], JobOutcome::Done).await;
        assert_eq!(claim(&port, 3_000, 10).await, turns[1..]);
    }
}

async fn deleting_the_chat_of_a_claimed_job_frees_the_next(port: Chats) {
    let turns = jobs(&port, user_id(), 3).await;
    for (index, turn) in turns.iter().enumerate() {
        assert_eq!(claim(&port, 3_000, 10).await, [*turn]);
        assert_eq!(claim(&port, 3_000, 10).await, []);
        // Another chat of the user is not what is waited for.
        if let Some(last) = turns.get(index + 1..).and_then(<[TurnRef]>::last) {
            let other = job_of(&port, &begin_at(last.user, 5)).await;
            assert!(port.delete_chat(last.user, other.chat_id).await.unwrap());
            assert_eq!(claim(&port, 3_000, 10).await, []);
        }
        assert!(port.delete_chat(turn.user, turn.chat).await.unwrap());
        assert!(!port.finish_memory_job(*turn, JobOutcome::Done).await.unwrap());
    }
    assert_eq!(port.memory_backlog().await.unwrap(), 0);
}

async fn deleting_the_chat_of_a_waiting_job_frees_the_next(port: Chats) {
    let turns = jobs(&port, user_id(), 2).await;
    assert_eq!(claim(&port, 3_000, 10).await, turns[..1]);
    finish(&port, turns[0], JobOutcome::Retry(at(90_000))).await;
    assert_eq!(claim(&port, 3_000, 10).await, []);
    assert!(port.delete_chat(turns[0].user, turns[0].chat).await.unwrap());
    assert_eq!(claim(&port, 3_000, 10).await, turns[1..]);
}

/// What workers did so far.
#[derive(Default)]
struct Log {
    /// The job that is being done, of each user.
    doing: HashMap<UserId, TurnRef>,
    /// The jobs that were done, of each user.
    done: HashMap<UserId, Vec<TurnRef>>,
}

impl Log {
    fn begin(&mut self, turn: TurnRef) {
        let other = self.doing.insert(turn.user, turn);
        assert_eq!(other, None, "two jobs of a user are done at once: {turn:?}");
    }

    /// Before the store is told, which lets the next one begin.
    fn end(&mut self, turn: TurnRef) {
        assert_eq!(self.doing.remove(&turn.user), Some(turn));
        self.done.entry(turn.user).or_default().push(turn);
    }
}

async fn concurrent_workers_keep_the_order_of_each_user(port: Chats) {
    let mut expected = HashMap::new();
    for _ in 0..5 {
        let user = user_id();
        expected.insert(user, jobs(&port, user, 6).await);
    }
    let log = Arc::<Mutex<Log>>::default();
    race(6, |index| {
        let (port, log) = (Arc::clone(&port), Arc::clone(&log));
        async move {
            let mut round = index;
            while port.memory_backlog().await.unwrap() > 0 {
                let turns = claim(&port, 3_000, 1 + index % 3).await;
                for turn in &turns {
                    log.lock().unwrap().begin(*turn);
                }
                tokio::time::sleep(Duration::from_millis(round as u64 % 3)).await;
                for turn in turns {
                    log.lock().unwrap().end(turn);
                    finish(&port, turn, JobOutcome::Done).await;
                }
                round += 1;
            }
        }
    })
    .await;
    assert_eq!(log.lock().unwrap().done, expected);
}

async fn an_older_turn_that_ends_meanwhile_is_not_done_beside_a_younger_one(port: Chats) {
    for _ in 0..12 {
        let user = user_id();
        let (older, younger) = (begin_at(user, 0), begin_at(user, 1));
        begun(&port, &older).await;
        let younger = job_of(&port, &younger).await.reference();
        let claims = race(5, |index| {
            let (port, older) = (Arc::clone(&port), older.clone());
            async move {
                if index == 2 {
                    end(&port, &older, at(2_000)).await;
                    return Vec::new();
                }
                claim(&port, 3_000, 10).await
            }
        })
        .await;
        let mut first: Vec<TurnRef> = claims.into_iter().flatten().collect();
        first.extend(claim(&port, 3_000, 10).await);
        assert_eq!(first.len(), 1, "{first:?}");
        finish(&port, first[0], JobOutcome::Done).await;
        let second = claim(&port, 3_000, 10).await;
        assert_eq!(second.len(), 1, "{second:?}");
        assert!([first[0], second[0]].contains(&younger) && first != second);
        finish(&port, second[0], JobOutcome::Done).await;
    }
}
