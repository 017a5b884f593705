//! The doctor, over stores that hold what does not fit together.

use async_trait::async_trait;
use palavra_application::{Doctor, Report};
use palavra_contracts::samples::{at, begin_in, begin_new, complete, embedded, lease, turn_id, usage, user, user_id};
use palavra_domain::{
    BeginOutcome, BeginTurn, Chat, EmbeddingSpace, JobOutcome, Settlement, StoreError, Turn, TurnStatus, Usage, User,
    ports::{ChatArchive, ChatRepository, Check, Inspect, Inspection, MemoryRepository, UserRepository},
};
use palavra_inmem::{InMemoryChatRepository, InMemoryMemoryRepository, InMemoryUserRepository, fakes::FixedClock};
use std::sync::Arc;

/// A store that says what it is told to; away when there is nothing.
struct Says(Option<Inspection>);

#[async_trait]
impl Inspect for Says {
    async fn inspect(&self) -> Result<Inspection, StoreError> {
        self.0.clone().ok_or_else(|| StoreError::Unavailable { source: "away".into() })
    }
}

struct Ward {
    users: Arc<InMemoryUserRepository>,
    chats: Arc<InMemoryChatRepository>,
    memories: Arc<InMemoryMemoryRepository>,
    doctor: Doctor,
    ana: User,
}

fn well() -> Inspection {
    Inspection { product: "Store 1.0".into(), checks: vec![Check { name: "indexes", ok: true, told: "all".into() }] }
}

async fn ward(store: Option<Inspection>) -> Ward {
    let users = Arc::new(InMemoryUserRepository::new());
    let chats = Arc::new(InMemoryChatRepository::new());
    let space = EmbeddingSpace { model: "words".into(), dimensions: 4 };
    let memories = Arc::new(InMemoryMemoryRepository::new(space));
    let ana = user("ana");
    users.insert(&ana).await.unwrap();
    memories.insert(vec![embedded(ana.id, "Mora em Recife", 4, 0.0)]).await.unwrap();
    let doctor = Doctor {
        users: Arc::clone(&users) as _,
        chats: Arc::clone(&chats) as _,
        memories: Arc::clone(&memories) as _,
        stores: vec![("store", Arc::new(Says(store)))],
        clock: Arc::new(FixedClock::new(at(100_000))),
    };
    Ward { users, chats, memories, doctor, ana }
}

async fn begun(chats: &InMemoryChatRepository, begin: &BeginTurn) -> Turn {
    match chats.begin_turn(begin).await.unwrap() {
        BeginOutcome::Begun(turn) => turn,
        other => panic!("expected the turn to begin, got {other:?}"),
    }
}

/// A chat of two answered turns.
async fn chat(ward: &Ward) -> (Chat, Vec<Turn>) {
    let first = begin_new(ward.ana.id);
    let turn = begun(&ward.chats, &first).await;
    let second = begin_in(ward.ana.id, turn.chat_id);
    let remember = Settlement { remember_at: Some(at(0)), ..complete(&first, "one", usage(1, 2, "0.5")) };
    ward.chats.settle_turn(turn.reference(), &remember).await.unwrap();
    let turn = begun(&ward.chats, &second).await;
    ward.chats.settle_turn(turn.reference(), &complete(&second, "two", usage(3, 4, "0.25"))).await.unwrap();
    let chat = ward.chats.find_chat(ward.ana.id, turn.chat_id).await.unwrap().unwrap();
    let turns = ward.chats.list_turns(ward.ana.id, chat.id, None, 10).await.unwrap().items;
    (chat, turns)
}

fn found(report: &Report) -> Vec<(&str, u64, u64)> {
    let word = |told: &str| {
        let words = ["totals", "numbered", "pending", "lease is over", "chat's user", "memory's user", "given up"];
        words.into_iter().find(|word| told.contains(word)).unwrap_or("something else")
    };
    report.findings.iter().map(|finding| (word(&finding.told), finding.count, finding.repaired)).collect()
}

#[tokio::test]
async fn what_is_well_is_left_alone() {
    let ward = ward(Some(well())).await;
    let (chat, turns) = chat(&ward).await;
    let report = ward.doctor.examine(true).await.unwrap();
    assert!(report.is_healthy() && report.findings.is_empty(), "{report:?}");
    let looked_at = report.looked_at.unwrap();
    assert_eq!((looked_at.users, looked_at.chats, looked_at.turns, looked_at.memories), (1, 1, 2, 1));
    assert_eq!(report.stores[0].product.as_deref(), Some("Store 1.0"));
    assert_eq!(ward.chats.find_chat(ward.ana.id, chat.id).await.unwrap(), Some(chat.clone()));
    assert_eq!(ward.chats.list_turns(ward.ana.id, chat.id, None, 10).await.unwrap().items, turns);
}

#[tokio::test]
async fn wrong_totals_are_added_up_again() {
    let ward = ward(Some(well())).await;
    let (right, _) = chat(&ward).await;
    for wrong in [usage(9, 9, "9"), Usage::default()] {
        ward.chats.import(&Chat { totals: wrong, ..right.clone() }, &[]).await.unwrap();
        let report = ward.doctor.examine(false).await.unwrap();
        assert_eq!(found(&report), [("totals", 1, 0)]);
        assert_eq!(report.findings[0].ids, [right.id.to_string()]);
        assert!(!report.is_healthy());
        let report = ward.doctor.examine(true).await.unwrap();
        assert_eq!(found(&report), [("totals", 1, 1)]);
        assert!(report.is_healthy());
        assert_eq!(ward.chats.find_chat(ward.ana.id, right.id).await.unwrap(), Some(right.clone()));
        assert!(ward.doctor.examine(false).await.unwrap().findings.is_empty());
    }
}

#[tokio::test]
async fn turns_of_the_dead_are_interrupted_and_those_of_the_living_are_not() {
    let ward = ward(Some(well())).await;
    // Its lease ends at 30 s; it is 100 s now.
    let dead = begun(&ward.chats, &begin_new(ward.ana.id)).await;
    let alive = begun(&ward.chats, &BeginTurn { lease: lease(at(200_000)), ..begin_new(ward.ana.id) }).await;
    // Pending in a chat that is not busy.
    let (chat, turns) = chat(&ward).await;
    let lost = Turn { id: turn_id(), seq: 3, status: TurnStatus::Pending, finished_at: None, ..turns[1].clone() };
    ward.chats.import(&Chat { turns: 3, ..chat.clone() }, std::slice::from_ref(&lost)).await.unwrap();
    let report = ward.doctor.examine(false).await.unwrap();
    assert_eq!(found(&report), [("totals", 1, 0), ("pending", 1, 0), ("lease is over", 1, 0)]);
    let report = ward.doctor.examine(true).await.unwrap();
    // Whether ending the lost turn adds to the totals is the store's affair; they are right in the end.
    assert!(report.is_healthy(), "{report:?}");
    for mended in [("pending", 1, 1), ("lease is over", 1, 1)] {
        assert!(found(&report).contains(&mended), "{report:?}");
    }
    let status = async |turn: &Turn| {
        let turns = ward.chats.list_turns(ward.ana.id, turn.chat_id, None, 10).await.unwrap().items;
        turns.into_iter().find(|stored| stored.id == turn.id).unwrap().status
    };
    assert_eq!(status(&dead).await, TurnStatus::Interrupted);
    assert_eq!(status(&lost).await, TurnStatus::Interrupted);
    assert_eq!(status(&alive).await, TurnStatus::Pending);
    assert!(ward.doctor.examine(false).await.unwrap().is_healthy());
}

#[tokio::test]
async fn what_belongs_to_nobody_is_told() {
    let ward = ward(Some(well())).await;
    let nobody = user_id();
    begun(&ward.chats, &BeginTurn { lease: lease(at(200_000)), ..begin_new(nobody) }).await;
    for text in ["one", "two"] {
        ward.memories.insert(vec![embedded(nobody, text, 4, 0.0)]).await.unwrap();
    }
    let report = ward.doctor.examine(true).await.unwrap();
    assert_eq!(found(&report), [("chat's user", 1, 0), ("memory's user", 2, 2)]);
    assert!(!report.is_healthy());
    assert!(!ward.memories.has_any(nobody).await.unwrap());
    assert!(ward.memories.has_any(ward.ana.id).await.unwrap());
    assert!(ward.users.find(ward.ana.id).await.unwrap().is_some());
}

#[tokio::test]
async fn gaps_and_parked_jobs_are_told() {
    let ward = ward(Some(well())).await;
    let (gap, _) = chat(&ward).await;
    let task = ward.chats.claim_memory_jobs(lease(at(9_000)), at(6), 1).await.unwrap().remove(0);
    ward.chats.finish_memory_job(task.turn, JobOutcome::Parked).await.unwrap();
    let report = ward.doctor.examine(false).await.unwrap();
    assert_eq!(found(&report), [("given up", 1, 0)]);
    // It is only to be known.
    assert!(report.is_healthy());
    ward.chats.import(&Chat { turns: 5, ..gap }, &[]).await.unwrap();
    let report = ward.doctor.examine(true).await.unwrap();
    assert_eq!(found(&report), [("numbered", 1, 0), ("given up", 1, 0)]);
    assert!(!report.is_healthy());
}

#[tokio::test]
async fn a_store_that_is_away_or_unwell_is_told() {
    let ward_away = ward(None).await;
    let report = ward_away.doctor.examine(true).await.unwrap();
    assert!(!report.is_healthy() && report.looked_at.is_none());
    assert!(report.stores[0].product.is_none() && !report.stores[0].checks[0].ok, "{report:?}");
    let check = Check { name: "indexes", ok: false, told: "missing".into() };
    let unwell = ward(Some(Inspection { checks: vec![check], ..well() })).await;
    let report = unwell.doctor.examine(false).await.unwrap();
    assert!(!report.is_healthy() && report.looked_at.is_some());
}
