//! What a [`ChatArchive`] must do.

use super::readable;
use crate::{
    Make,
    harness::{self, cases},
    samples::{at, begin_in, begin_new, chat_id, complete, failed, lease, recalled, title, usage, user_id},
    support::assert_form,
};
use libtest_mimic::Trial;
use palavra_domain::{
    BeginOutcome, BeginTurn, Chat, ChatId, Entity, FailureCode, JobOutcome, JobState, Settlement, StoreError, Turn,
    Usage, UserId, ports::ChatArchive,
};
use std::sync::Arc;

type Chats = Arc<dyn ChatArchive>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn ChatArchive>) -> Vec<Trial> {
    let cases = cases![
        a_scan_meets_every_chat_once,
        turns_are_scanned_from_the_beginning,
        nobody_scans_the_turns_of_another,
        what_is_imported_is_as_it_was,
        importing_in_parts_and_again_is_one_import,
        an_import_replaces_what_is_there,
        an_imported_chat_goes_on,
        an_imported_job_is_taken_up,
        an_imported_claim_lasts_as_long_as_its_lease,
        an_import_does_not_take_what_is_anothers,
        totals_are_corrected_once,
        totals_of_others_and_of_busy_chats_stay,
        parked_jobs_are_found,
    ];
    harness::trials(adapter, "archive-chats", make, cases)
}

async fn begun(port: &Chats, begin: &BeginTurn) -> Turn {
    match port.begin_turn(begin).await.unwrap() {
        BeginOutcome::Begun(turn) => turn,
        other => panic!("expected the turn to begin, got {other:?}"),
    }
}

/// A chat with a complete turn that has a job, a failed one, and a complete one without a job.
async fn chat_of_three(port: &Chats, user: UserId) -> (Chat, Vec<Turn>) {
    let first = begin_new(user);
    let chat = begun(port, &first).await.chat_id;
    let (second, third) = (begin_in(user, chat), begin_in(user, chat));
    let settlements = [
        (&first, Settlement { remember_at: Some(at(5)), ..complete(&first, "Noted.", usage(3, 4, "0.25")) }),
        (&second, failed(&second, FailureCode::OutOfCredits)),
        (
            &third,
            Settlement {
                recalled: vec![recalled("Mora em Recife", 0.75)],
                ..complete(&third, "👍🏽", usage(1, 1, "0.000001"))
            },
        ),
    ];
    for (begin, settlement) in &settlements {
        if begin.turn != first.turn {
            begun(port, begin).await;
        }
        let turn = palavra_domain::TurnRef { user, chat, turn: begin.turn };
        port.settle_turn(turn, settlement).await.unwrap();
    }
    stored(port, user, chat).await
}

async fn stored(port: &Chats, user: UserId, chat: ChatId) -> (Chat, Vec<Turn>) {
    let found = port.find_chat(user, chat).await.unwrap().unwrap();
    (found, port.list_turns(user, chat, None, 100).await.unwrap().items)
}

async fn scan(port: &Chats, after: Option<ChatId>, limit: usize) -> (Vec<Chat>, Option<ChatId>) {
    let page = readable(port.scan_chats(after, limit).await.unwrap());
    (page.items, page.next)
}

async fn scan_turns(port: &Chats, chat: &Chat, after: u32, limit: usize) -> (Vec<Turn>, Option<u32>) {
    let page = readable(port.scan_turns(chat.user_id, chat.id, after, limit).await.unwrap());
    (page.items, page.next)
}

async fn a_scan_meets_every_chat_once(port: Chats) {
    assert_eq!(scan(&port, None, 2).await, (Vec::new(), None));
    let mut chats = Vec::new();
    for _ in 0..5 {
        chats.push(chat_of_three(&port, user_id()).await.0);
    }
    assert_eq!(scan(&port, None, 100).await, (chats.clone(), None));
    assert_eq!(scan(&port, None, 5).await, (chats.clone(), None));
    assert_eq!(scan(&port, None, 2).await, (chats[..2].to_vec(), Some(chats[1].id)));
    assert_eq!(scan(&port, Some(chats[1].id), 2).await, (chats[2..4].to_vec(), Some(chats[3].id)));
    assert_eq!(scan(&port, Some(chats[3].id), 2).await, (chats[4..].to_vec(), None));
    assert_eq!(scan(&port, Some(chats[4].id), 2).await, (Vec::new(), None));
}

async fn turns_are_scanned_from_the_beginning(port: Chats) {
    chat_of_three(&port, user_id()).await;
    let (chat, turns) = chat_of_three(&port, user_id()).await;
    assert_eq!(scan_turns(&port, &chat, 0, 100).await, (turns.clone(), None));
    assert_eq!(scan_turns(&port, &chat, 0, 3).await, (turns.clone(), None));
    assert_eq!(scan_turns(&port, &chat, 0, 2).await, (turns[..2].to_vec(), Some(2)));
    assert_eq!(scan_turns(&port, &chat, 2, 2).await, (turns[2..].to_vec(), None));
    assert_eq!(scan_turns(&port, &chat, 3, 2).await, (Vec::new(), None));
}

async fn nobody_scans_the_turns_of_another(port: Chats) {
    let (chat, _) = chat_of_three(&port, user_id()).await;
    let stranger = Chat { user_id: user_id(), ..chat };
    assert_eq!(scan_turns(&port, &stranger, 0, 10).await, (Vec::new(), None));
}

/// Takes a chat away as it stands.
async fn taken(port: &Chats, user: UserId) -> (Chat, Vec<Turn>) {
    let (chat, turns) = chat_of_three(port, user).await;
    assert!(port.delete_chat(user, chat.id).await.unwrap());
    (chat, turns)
}

async fn what_is_imported_is_as_it_was(port: Chats) {
    let user = user_id();
    let (chat, turns) = taken(&port, user).await;
    port.import(&chat, &turns).await.unwrap();
    assert_eq!(stored(&port, user, chat.id).await, (chat.clone(), turns));
    let empty = Chat { id: chat_id(), totals: Usage::default(), turns: 0, ..chat };
    port.import(&empty, &[]).await.unwrap();
    assert_eq!(stored(&port, user, empty.id).await, (empty, Vec::new()));
}

async fn importing_in_parts_and_again_is_one_import(port: Chats) {
    let user = user_id();
    let (chat, turns) = taken(&port, user).await;
    for part in [&turns[..1], &turns[1..], &turns[..2], &turns[2..]] {
        port.import(&chat, part).await.unwrap();
    }
    assert_eq!(stored(&port, user, chat.id).await, (chat, turns));
    assert_eq!(port.memory_backlog().await.unwrap(), 1);
}

async fn an_import_replaces_what_is_there(port: Chats) {
    let user = user_id();
    let (chat, turns) = chat_of_three(&port, user).await;
    let changed = Chat { title: title("Another"), totals: usage(7, 7, "7"), updated_at: at(99_999), ..chat };
    let mut later = turns.clone();
    later[0].reply = Some("Edited.".into());
    later[0].memory_job = None;
    port.import(&changed, &later[..1]).await.unwrap();
    assert_eq!(stored(&port, user, changed.id).await, (changed, later));
    assert_eq!(port.memory_backlog().await.unwrap(), 0);
}

async fn an_imported_chat_goes_on(port: Chats) {
    let user = user_id();
    let (chat, turns) = taken(&port, user).await;
    port.import(&chat, &turns).await.unwrap();
    let begin = begin_in(user, chat.id);
    assert_eq!(begun(&port, &begin).await.seq, 4);
    let turn = palavra_domain::TurnRef { user, chat: chat.id, turn: begin.turn };
    port.settle_turn(turn, &complete(&begin, "On.", usage(1, 0, "0.75"))).await.unwrap();
    let totals = port.find_chat(user, chat.id).await.unwrap().unwrap().totals;
    assert_eq!(totals, chat.totals.plus(usage(1, 0, "0.75")));
}

async fn an_imported_job_is_taken_up(port: Chats) {
    let (chat, turns) = taken(&port, user_id()).await;
    port.import(&chat, &turns).await.unwrap();
    let claimed = port.claim_memory_jobs(lease(at(9_000)), at(6), 10).await.unwrap();
    assert_eq!(claimed.iter().map(|task| task.turn).collect::<Vec<_>>(), [turns[0].reference()]);
}

async fn an_imported_claim_lasts_as_long_as_its_lease(port: Chats) {
    let user = user_id();
    let (first, _) = chat_of_three(&port, user).await;
    chat_of_three(&port, user).await;
    assert_eq!(port.claim_memory_jobs(lease(at(9_000)), at(6), 10).await.unwrap().len(), 1);
    let (chat, turns) = stored(&port, user, first.id).await;
    assert!(port.delete_chat(user, chat.id).await.unwrap());
    port.import(&chat, &turns).await.unwrap();
    assert_eq!(port.claim_memory_jobs(lease(at(20_000)), at(8_999), 10).await.unwrap(), []);
    let claimed = port.claim_memory_jobs(lease(at(20_000)), at(9_000), 10).await.unwrap();
    assert_eq!(claimed.iter().map(|task| (task.turn, task.tries)).collect::<Vec<_>>(), [(turns[0].reference(), 2)]);
}

async fn an_import_does_not_take_what_is_anothers(port: Chats) {
    let (chat, turns) = chat_of_three(&port, user_id()).await;
    let thief = user_id();
    let stolen = Chat { user_id: thief, ..chat.clone() };
    assert_form!(port.import(&stolen, &[]).await, Err(StoreError::Conflict(Entity::Chat)));
    let other = Chat { id: chat_id(), user_id: thief, ..chat.clone() };
    let moved: Vec<Turn> =
        turns.iter().map(|turn| Turn { chat_id: other.id, user_id: thief, ..turn.clone() }).collect();
    assert_form!(port.import(&other, &moved).await, Err(StoreError::Conflict(Entity::Turn)));
    let twin = Turn { id: crate::samples::turn_id(), ..turns[1].clone() };
    assert_form!(port.import(&chat, &[twin]).await, Err(StoreError::Conflict(Entity::Turn)));
    assert_eq!(stored(&port, chat.user_id, chat.id).await, (chat, turns));
}

async fn totals_are_corrected_once(port: Chats) {
    let user = user_id();
    let (chat, turns) = chat_of_three(&port, user).await;
    let right = usage(10, 20, "1.5");
    assert!(!port.correct_totals(user, chat.id, right, chat.totals).await.unwrap());
    assert!(port.correct_totals(user, chat.id, chat.totals, right).await.unwrap());
    assert!(!port.correct_totals(user, chat.id, chat.totals, right).await.unwrap());
    assert_eq!(stored(&port, user, chat.id).await, (Chat { totals: right, ..chat.clone() }, turns));
    let unknown = Usage::default();
    assert!(port.correct_totals(user, chat.id, right, unknown).await.unwrap());
    assert!(port.correct_totals(user, chat.id, unknown, chat.totals).await.unwrap());
    assert_eq!(port.find_chat(user, chat.id).await.unwrap(), Some(chat));
}

async fn totals_of_others_and_of_busy_chats_stay(port: Chats) {
    let user = user_id();
    let (chat, _) = chat_of_three(&port, user).await;
    assert!(!port.correct_totals(user_id(), chat.id, chat.totals, Usage::default()).await.unwrap());
    assert!(!port.correct_totals(user, chat_id(), chat.totals, Usage::default()).await.unwrap());
    begun(&port, &begin_in(user, chat.id)).await;
    assert!(!port.correct_totals(user, chat.id, chat.totals, Usage::default()).await.unwrap());
    assert_eq!(port.find_chat(user, chat.id).await.unwrap().unwrap().totals, chat.totals);
}

async fn parked_jobs_are_found(port: Chats) {
    let mut parked = Vec::new();
    for outcome in [JobOutcome::Parked, JobOutcome::Done, JobOutcome::Parked, JobOutcome::Retry(at(50_000))] {
        let (_, turns) = chat_of_three(&port, user_id()).await;
        let task = port.claim_memory_jobs(lease(at(9_000)), at(6), 1).await.unwrap().remove(0);
        assert_eq!(task.turn, turns[0].reference());
        assert!(port.finish_memory_job(task.turn, outcome).await.unwrap());
        if outcome == JobOutcome::Parked {
            parked.push(task.turn);
        }
    }
    assert_eq!(port.parked_jobs(10).await.unwrap(), parked);
    assert_eq!(port.parked_jobs(1).await.unwrap(), parked[..1]);
    let (_, turns) = stored(&port, parked[0].user, parked[0].chat).await;
    assert_eq!(turns[0].memory_job.map(|job| job.state), Some(JobState::Parked));
}
