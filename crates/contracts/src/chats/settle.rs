//! How turns end, and what is counted.

use super::{Chats, answered, begun, busy_chat, chat_of, ended, free_chat, settled, stored, turns_of};
use crate::{
    harness::{Case, cases},
    samples::{self, TEXTS, at, begin_in, begin_new, complete, failed, recalled, usage, user_id},
    support::race,
};
use palavra_domain::{
    Attempt, FailureCode, JobState, MemoryJob, SettleOutcome, Settlement, TurnStatus, Usage, Usd, ports::ChatRepository,
};
use std::sync::Arc;

pub(super) fn cases() -> Vec<Case<dyn ChatRepository>> {
    cases![
        a_complete_turn_keeps_everything,
        a_failed_or_stopped_turn_says_so,
        settled_texts_come_back_byte_for_byte,
        no_reply_is_not_an_empty_reply,
        what_is_to_be_remembered_becomes_a_job,
        totals_tell_missing_from_zero,
        totals_are_exact,
        totals_sum_all_attempts,
        settling_twice_counts_once,
        settling_an_old_turn_leaves_the_active_one_alone,
        of_concurrent_settlements_one_settles,
        settling_after_the_chat_was_deleted_is_gone,
    ]
}

async fn a_complete_turn_keeps_everything(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let settlement = Settlement {
        recalled: vec![recalled("Likes tea", 0.830_000_04), recalled("Is a nurse", -1.0), recalled("Has a cat", 0.0)],
        finished_at: at(2_345),
        ..complete(&begin, "A monoid in the category of endofunctors.", usage(12, 30, "0.000123"))
    };
    let done = settled(&port, turn.reference(), &settlement).await;
    assert_eq!(done, ended(&turn, &settlement));
    assert_eq!(turns_of(&port, &turn).await, vec![done.clone()]);
    let chat = chat_of(&port, &turn).await;
    assert_eq!(chat.totals, usage(12, 30, "0.000123"));
    assert_eq!(chat.active, None);
    assert_eq!(chat.turns, 1);
    assert_eq!((chat.created_at, chat.updated_at), (at(0), at(2_345)));
}

async fn a_failed_or_stopped_turn_says_so(port: Chats) {
    let first = free_chat(&port, user_id()).await;
    let codes = [
        FailureCode::ApiKeyRejected,
        FailureCode::OutOfCredits,
        FailureCode::ContentRefused,
        FailureCode::ModelNotFound,
        FailureCode::ContextTooLong,
        FailureCode::RateLimited,
        FailureCode::UpstreamInvalid,
        FailureCode::UpstreamInterrupted,
        FailureCode::UpstreamUnavailable,
        FailureCode::UpstreamTimeout,
        FailureCode::StoreUnavailable,
        FailureCode::Internal,
    ];
    for code in codes {
        let begin = begin_in(first.user_id, first.chat_id);
        let turn = begun(&port, &begin).await;
        let settlement = failed(&begin, code);
        assert_eq!(settled(&port, turn.reference(), &settlement).await, ended(&turn, &settlement));
        assert_eq!(stored(&port, &turn).await, ended(&turn, &settlement));
        assert_eq!(chat_of(&port, &turn).await.active, None);
    }
    let begin = begin_in(first.user_id, first.chat_id);
    let turn = begun(&port, &begin).await;
    let stopped = Settlement { status: TurnStatus::Stopped, ..complete(&begin, "As far as it ca", Usage::default()) };
    settled(&port, turn.reference(), &stopped).await;
    assert_eq!(stored(&port, &turn).await, ended(&turn, &stopped));
}

async fn settled_texts_come_back_byte_for_byte(port: Chats) {
    let first = free_chat(&port, user_id()).await;
    for text in TEXTS {
        let begin = begin_in(first.user_id, first.chat_id);
        let turn = begun(&port, &begin).await;
        let attempt = Attempt {
            generation_id: Some(text.into()),
            model_answered: Some(text.into()),
            finish_reason: Some(text.into()),
            ..begin.attempt.clone()
        };
        let settlement = Settlement {
            attempts: vec![attempt],
            recalled: vec![recalled(text, 0.5)],
            ..complete(&begin, text, Usage::default())
        };
        settled(&port, turn.reference(), &settlement).await;
        assert_eq!(stored(&port, &turn).await, ended(&turn, &settlement));
    }
}

async fn no_reply_is_not_an_empty_reply(port: Chats) {
    let first = free_chat(&port, user_id()).await;
    for reply in [None, Some(String::new())] {
        let begin = begin_in(first.user_id, first.chat_id);
        let turn = begun(&port, &begin).await;
        let settlement = Settlement { reply: reply.clone(), ..failed(&begin, FailureCode::UpstreamInterrupted) };
        settled(&port, turn.reference(), &settlement).await;
        assert_eq!(stored(&port, &turn).await.reply, reply);
    }
}

async fn what_is_to_be_remembered_becomes_a_job(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let settlement =
        Settlement { remember_at: Some(at(2_777)), ..complete(&begin, "I will keep it in mind.", Usage::default()) };
    let done = settled(&port, turn.reference(), &settlement).await;
    let job = MemoryJob { state: JobState::Waiting, tries: 0, next_at: at(2_777), lease: None };
    assert_eq!(done.memory_job, Some(job));
    assert_eq!(stored(&port, &turn).await, done);
    assert_eq!(port.memory_backlog().await.unwrap(), 1);
}

async fn totals_tell_missing_from_zero(port: Chats) {
    let user = user_id();
    let first = answered(&port, &begin_new(user), "", Usage::default()).await;
    let mut totals = Usage::default();
    assert_eq!(chat_of(&port, &first).await.totals, totals);
    let steps = [
        Usage { cost: Some(Usd::ZERO), ..Usage::default() },
        Usage::default(),
        Usage { prompt_tokens: Some(0), ..Usage::default() },
        Usage { completion_tokens: Some(7), ..Usage::default() },
        usage(1, 2, "0"),
        Usage { cost: None, ..usage(10, 20, "0") },
        Usage { cost: Some("0.5".parse().unwrap()), ..Usage::default() },
    ];
    for step in steps {
        let turn = answered(&port, &begin_in(user, first.chat_id), "", step).await;
        assert_eq!(stored(&port, &turn).await.usage(), step);
        totals = totals.plus(step);
        assert_eq!(chat_of(&port, &first).await.totals, totals, "after {step:?}");
    }
}

async fn totals_are_exact(port: Chats) {
    let user = user_id();
    // Each of these sums is wrong in binary floating point.
    let steps = [usage(1, 2, "0.1"), usage(3, 4, "0.2"), usage(9_007_199_254_740_993, 1, "0.000000000123456789")];
    let first = answered(&port, &begin_new(user), "", steps[0]).await;
    for step in &steps[1..] {
        answered(&port, &begin_in(user, first.chat_id), "", *step).await;
    }
    let totals = chat_of(&port, &first).await.totals;
    assert_eq!(totals, usage(9_007_199_254_740_997, 7, "0.300000000123456789"));
    assert_eq!(totals.cost.unwrap().to_string(), "0.300000000123456789");
    let (tiny, large) = ("0.0000000000000000000000000001", "1234567890123456789.123456789");
    for cost in [tiny, large] {
        let turn = answered(&port, &begin_new(user), "", usage(0, 0, cost)).await;
        assert_eq!(stored(&port, &turn).await.usage(), usage(0, 0, cost));
        assert_eq!(chat_of(&port, &turn).await.totals.cost.unwrap().to_string(), cost);
    }
}

async fn totals_sum_all_attempts(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let other = Attempt::new(samples::uuid(), samples::model("vendor/other"));
    let attempts = vec![
        samples::answered(&begin.attempt, usage(1, 2, "0.01")),
        samples::answered(&other, usage(10, 20, "0.1")),
        Attempt::new(samples::uuid(), samples::model("vendor/asked")),
    ];
    let settlement = Settlement { attempts, ..complete(&begin, "At last.", Usage::default()) };
    settled(&port, turn.reference(), &settlement).await;
    assert_eq!(stored(&port, &turn).await, ended(&turn, &settlement));
    assert_eq!(chat_of(&port, &turn).await.totals, usage(11, 22, "0.11"));
}

async fn settling_twice_counts_once(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let first = complete(&begin, "First.", usage(1, 2, "0.1"));
    let done = settled(&port, turn.reference(), &first).await;
    let others = [
        first.clone(),
        Settlement { finished_at: at(9_999), remember_at: Some(at(0)), ..complete(&begin, "2nd", usage(5, 5, "5")) },
        failed(&begin, FailureCode::Internal),
    ];
    for other in others {
        let outcome = port.settle_turn(turn.reference(), &other).await.unwrap();
        assert_eq!(outcome, SettleOutcome::AlreadySettled(done.clone()));
    }
    assert_eq!(turns_of(&port, &turn).await, vec![done]);
    let chat = chat_of(&port, &turn).await;
    assert_eq!(chat.totals, usage(1, 2, "0.1"));
    assert_eq!(chat.active, None);
    assert_eq!(port.memory_backlog().await.unwrap(), 0);
}

async fn settling_an_old_turn_leaves_the_active_one_alone(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    let settlement = complete(&begin, "First.", usage(1, 2, "0.1"));
    let done = settled(&port, turn.reference(), &settlement).await;
    let second = begin_in(turn.user_id, turn.chat_id);
    let active = begun(&port, &second).await;
    let outcome = port.settle_turn(turn.reference(), &settlement).await.unwrap();
    assert_eq!(outcome, SettleOutcome::AlreadySettled(done));
    let chat = chat_of(&port, &turn).await;
    assert_eq!(chat.active.map(|active| active.turn), Some(active.id));
    assert_eq!(chat.totals, usage(1, 2, "0.1"));
    settled(&port, active.reference(), &complete(&second, "Second.", usage(1, 2, "0.1"))).await;
    assert_eq!(chat_of(&port, &turn).await.totals, usage(2, 4, "0.2"));
}

async fn of_concurrent_settlements_one_settles(port: Chats) {
    let first = free_chat(&port, user_id()).await;
    let mut totals = Usage::default();
    for _ in 0..5 {
        let begin = begin_in(first.user_id, first.chat_id);
        let turn = begun(&port, &begin).await;
        let outcomes = race(8, |index| {
            let used = usage(u64::try_from(index).unwrap(), 1, "0.1");
            let (port, settlement) = (Arc::clone(&port), complete(&begin, &format!("{index}"), used));
            let turn = turn.reference();
            async move { port.settle_turn(turn, &settlement).await.unwrap() }
        })
        .await;
        let done = stored(&port, &turn).await;
        let mut winners = 0;
        for outcome in outcomes {
            match outcome {
                SettleOutcome::Settled(turn) => {
                    winners += 1;
                    assert_eq!(turn, done);
                }
                SettleOutcome::AlreadySettled(turn) => assert_eq!(turn, done),
                SettleOutcome::Gone => panic!("the chat is there"),
            }
        }
        assert_eq!(winners, 1);
        totals = totals.plus(done.usage());
        let chat = chat_of(&port, &turn).await;
        assert_eq!((chat.totals, chat.active), (totals, None));
    }
}

async fn settling_after_the_chat_was_deleted_is_gone(port: Chats) {
    let (begin, turn) = busy_chat(&port, user_id()).await;
    assert!(port.delete_chat(turn.user_id, turn.chat_id).await.unwrap());
    let settlement = Settlement { remember_at: Some(at(0)), ..complete(&begin, "Too late.", usage(1, 2, "0.1")) };
    for _ in 0..2 {
        assert_eq!(port.settle_turn(turn.reference(), &settlement).await.unwrap(), SettleOutcome::Gone);
    }
    assert_eq!(port.find_chat(turn.user_id, turn.chat_id).await.unwrap(), None);
    assert!(turns_of(&port, &turn).await.is_empty());
    assert_eq!(port.memory_backlog().await.unwrap(), 0);
}
