//! Lists, contexts, titles and deletion.

use super::{Chats, answered, begun, busy_chat, chat_of, free_chat, settled, stored, turns_of};
use crate::{
    harness::{Case, cases},
    samples::{TEXTS, at, begin_in, begin_new, chat_id, complete, failed, prompt, title, usage, user_id},
};
use palavra_domain::{
    BeginTurn, Chat, ChatId, ChatTarget, Exchange, FailureCode, Settlement, Timestamp, Turn, TurnStatus, Usage, UserId,
    ports::ChatRepository,
};

pub(super) fn cases() -> Vec<Case<dyn ChatRepository>> {
    cases![
        chats_are_listed_newest_first,
        pages_of_chats_are_stable_under_inserts,
        a_list_of_chats_goes_on_below_a_deleted_one,
        turns_are_listed_from_the_end,
        pages_of_turns_are_stable_under_inserts,
        a_chat_that_is_missing_has_no_turns,
        exchanges_are_complete_turns_only,
        exchanges_are_limited_and_below_a_number,
        a_chat_gets_another_title,
        a_deleted_chat_is_gone_with_everything,
        deleting_twice_deletes_once,
    ]
}

async fn new_chat(port: &Chats, user: UserId, id: ChatId) -> Turn {
    let target = ChatTarget::New { id, title: title("Listed") };
    answered(port, &BeginTurn { target, ..begin_new(user) }, "yes", Usage::default()).await
}

async fn page(port: &Chats, user: UserId, before: Option<ChatId>, limit: usize) -> (Vec<ChatId>, Option<ChatId>) {
    let page = port.list_chats(user, before, limit).await.unwrap();
    (page.items.iter().map(|chat| chat.id).collect(), page.next)
}

async fn chats_are_listed_newest_first(port: Chats) {
    let user = user_id();
    assert_eq!(page(&port, user, None, 3).await, (Vec::new(), None));
    let mut ids: Vec<ChatId> = (0..7).map(|_| chat_id()).collect();
    // Their ids count, not the order in which they came.
    for index in [3, 0, 6, 1, 5, 2, 4] {
        new_chat(&port, user, ids[index]).await;
        new_chat(&port, user_id(), chat_id()).await;
    }
    ids.reverse();
    assert_eq!(page(&port, user, None, 100).await, (ids.clone(), None));
    assert_eq!(page(&port, user, None, 7).await, (ids.clone(), None));
    assert_eq!(page(&port, user, None, 3).await, (ids[..3].to_vec(), Some(ids[2])));
    assert_eq!(page(&port, user, Some(ids[2]), 3).await, (ids[3..6].to_vec(), Some(ids[5])));
    assert_eq!(page(&port, user, Some(ids[5]), 3).await, (ids[6..].to_vec(), None));
    assert_eq!(page(&port, user, Some(ids[6]), 3).await, (Vec::new(), None));
    let listed = port.list_chats(user, None, 1).await.unwrap().items;
    assert_eq!(port.find_chat(user, ids[0]).await.unwrap().as_ref(), listed.first());
}

async fn pages_of_chats_are_stable_under_inserts(port: Chats) {
    let user = user_id();
    let mut ids: Vec<ChatId> = (0..6).map(|_| chat_id()).collect();
    for id in &ids {
        new_chat(&port, user, *id).await;
    }
    ids.reverse();
    let (mut seen, mut next) = page(&port, user, None, 2).await;
    while let Some(before) = next {
        new_chat(&port, user, chat_id()).await;
        let (more, after) = page(&port, user, Some(before), 2).await;
        seen.extend(more);
        next = after;
    }
    assert_eq!(seen, ids);
}

async fn a_list_of_chats_goes_on_below_a_deleted_one(port: Chats) {
    let user = user_id();
    let ids: Vec<ChatId> = (0..4).map(|_| chat_id()).collect();
    for id in &ids {
        new_chat(&port, user, *id).await;
    }
    let (_, next) = page(&port, user, None, 2).await;
    assert_eq!(next, Some(ids[2]));
    assert!(port.delete_chat(user, ids[2]).await.unwrap());
    assert_eq!(page(&port, user, next, 2).await, (vec![ids[1], ids[0]], None));
}

/// A chat of `count` answered turns, the turns.
async fn long_chat(port: &Chats, count: usize) -> Vec<Turn> {
    let mut turns = vec![free_chat(port, user_id()).await];
    while turns.len() < count {
        let begin = begin_in(turns[0].user_id, turns[0].chat_id);
        turns.push(answered(port, &begin, &format!("{}", turns.len()), Usage::default()).await);
    }
    turns
}

async fn turns_are_listed_from_the_end(port: Chats) {
    let turns = long_chat(&port, 5).await;
    let list = async |before, limit| {
        let page = port.list_turns(turns[0].user_id, turns[0].chat_id, before, limit).await.unwrap();
        (page.items, page.next)
    };
    assert_eq!(list(None, 100).await, (turns.clone(), None));
    assert_eq!(list(None, 5).await, (turns.clone(), None));
    assert_eq!(list(None, 2).await, (turns[3..].to_vec(), Some(4)));
    assert_eq!(list(Some(4), 2).await, (turns[1..3].to_vec(), Some(2)));
    assert_eq!(list(Some(2), 2).await, (turns[..1].to_vec(), None));
    assert_eq!(list(Some(1), 2).await, (Vec::new(), None));
    let last = begun(&port, &begin_in(turns[0].user_id, turns[0].chat_id)).await;
    assert_eq!(list(None, 1).await, (vec![last], Some(6)));
}

async fn pages_of_turns_are_stable_under_inserts(port: Chats) {
    let turns = long_chat(&port, 6).await;
    let (user, chat) = (turns[0].user_id, turns[0].chat_id);
    let mut page = port.list_turns(user, chat, None, 2).await.unwrap();
    let mut seen = page.items;
    while let Some(before) = page.next {
        answered(&port, &begin_in(user, chat), "new", Usage::default()).await;
        page = port.list_turns(user, chat, Some(before), 2).await.unwrap();
        seen.splice(0..0, page.items);
    }
    assert_eq!(seen, turns);
}

async fn a_chat_that_is_missing_has_no_turns(port: Chats) {
    let turn = free_chat(&port, user_id()).await;
    assert_eq!(port.find_chat(turn.user_id, chat_id()).await.unwrap(), None);
    let page = port.list_turns(turn.user_id, chat_id(), None, 10).await.unwrap();
    assert_eq!((page.items, page.next), (Vec::new(), None));
    assert_eq!(port.recent_exchanges(turn.user_id, chat_id(), u32::MAX, 10).await.unwrap(), Vec::new());
}

async fn exchanges_are_complete_turns_only(port: Chats) {
    let first = free_chat(&port, user_id()).await;
    let (user, chat) = (first.user_id, first.chat_id);
    let stop =
        |begin: &BeginTurn| Settlement { status: TurnStatus::Stopped, ..complete(begin, "Sto", Usage::default()) };
    let fail =
        |begin: &BeginTurn| Settlement { reply: Some("Fai".into()), ..failed(begin, FailureCode::UpstreamInterrupted) };
    for settlement in [&stop as &(dyn Fn(&BeginTurn) -> Settlement + Sync), &fail] {
        let begin = begin_in(user, chat);
        let turn = begun(&port, &begin).await;
        settled(&port, turn.reference(), &settlement(&begin)).await;
    }
    let interrupted = begun(&port, &begin_in(user, chat)).await;
    assert!(port.interrupt_turn(interrupted.reference(), at(9)).await.unwrap());
    let mut expected = vec![Exchange { seq: 1, prompt: "What is a monad?".into(), reply: "An answer.".into() }];
    for (text, seq) in TEXTS.into_iter().zip(5..) {
        let begin = BeginTurn { prompt: prompt(text), ..begin_in(user, chat) };
        answered(&port, &begin, text, Usage::default()).await;
        expected.insert(0, Exchange { seq, prompt: text.into(), reply: text.into() });
    }
    begun(&port, &begin_in(user, chat)).await;
    assert_eq!(port.recent_exchanges(user, chat, i32::MAX.unsigned_abs(), 100).await.unwrap(), expected);
}

async fn exchanges_are_limited_and_below_a_number(port: Chats) {
    let turns = long_chat(&port, 5).await;
    let recent = async |before, limit| {
        let found = port.recent_exchanges(turns[0].user_id, turns[0].chat_id, before, limit).await.unwrap();
        found.iter().map(|exchange| exchange.seq).collect::<Vec<u32>>()
    };
    assert_eq!(recent(6, 100).await, [5, 4, 3, 2, 1]);
    assert_eq!(recent(5, 100).await, [4, 3, 2, 1]);
    assert_eq!(recent(5, 2).await, [4, 3]);
    assert_eq!(recent(1, 2).await, [0_u32; 0]);
}

async fn a_chat_gets_another_title(port: Chats) {
    let user = user_id();
    let free = answered(&port, &begin_new(user), "yes", usage(1, 2, "0.1")).await;
    let (_, busy) = busy_chat(&port, user).await;
    for turn in [&free, &busy] {
        for (text, millis) in TEXTS.into_iter().zip(10_001..) {
            let before = chat_of(&port, turn).await;
            let renamed = port.rename_chat(user, turn.chat_id, &title(text), at(millis)).await.unwrap().unwrap();
            assert_eq!(renamed, Chat { title: title(text), updated_at: at(millis), ..before });
            assert_eq!(chat_of(&port, turn).await, renamed);
        }
        assert_eq!(stored(&port, turn).await, *turn);
    }
    assert_eq!(port.rename_chat(user, chat_id(), &title("No chat"), at(1)).await.unwrap(), None);
}

async fn a_deleted_chat_is_gone_with_everything(port: Chats) {
    let user = user_id();
    let (begin, turn) = busy_chat(&port, user).await;
    let remember = Settlement { remember_at: Some(at(0)), ..complete(&begin, "Noted.", usage(1, 2, "0.1")) };
    settled(&port, turn.reference(), &remember).await;
    begun(&port, &begin_in(user, turn.chat_id)).await;
    let kept = free_chat(&port, user).await;
    let strangers = free_chat(&port, user_id()).await;
    assert!(port.delete_chat(user, turn.chat_id).await.unwrap());
    assert_eq!(port.find_chat(user, turn.chat_id).await.unwrap(), None);
    assert!(turns_of(&port, &turn).await.is_empty());
    assert!(port.recent_exchanges(user, turn.chat_id, 100, 10).await.unwrap().is_empty());
    assert!(port.expired_turns(Timestamp::MAX, 10).await.unwrap().is_empty());
    assert_eq!(port.memory_backlog().await.unwrap(), 0);
    assert_eq!(page(&port, user, None, 10).await, (vec![kept.chat_id], None));
    for turn in [kept, strangers] {
        assert_eq!(turns_of(&port, &turn).await, vec![turn]);
    }
}

async fn deleting_twice_deletes_once(port: Chats) {
    let turn = free_chat(&port, user_id()).await;
    assert!(!port.delete_chat(turn.user_id, chat_id()).await.unwrap());
    assert!(port.delete_chat(turn.user_id, turn.chat_id).await.unwrap());
    assert!(!port.delete_chat(turn.user_id, turn.chat_id).await.unwrap());
}
