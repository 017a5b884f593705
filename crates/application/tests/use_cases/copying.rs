//! Copying from one set of stores to another.

use palavra_application::{Archives, CopyError, CopyReport, Copying};
use palavra_contracts::samples::{at, begin_in, begin_new, complete, embedded, lease, title, usage, user};
use palavra_domain::{
    BeginOutcome, BeginTurn, Chat, EmbeddedMemory, EmbeddingSpace, JobOutcome, Memory, MemoryRecord, Settlement, Turn,
    TurnStatus, User, UserId,
    ports::{ChatArchive, ChatRepository, MemoryArchive, MemoryRepository, UserArchive, UserRepository},
};
use palavra_inmem::{InMemoryChatRepository, InMemoryMemoryRepository, InMemoryUserRepository, fakes::FixedClock};
use std::sync::Arc;

#[derive(Clone)]
struct Side {
    users: Arc<InMemoryUserRepository>,
    chats: Arc<InMemoryChatRepository>,
    memories: Arc<InMemoryMemoryRepository>,
}

impl Side {
    fn empty() -> Self {
        let space = EmbeddingSpace { model: "words".into(), dimensions: 4 };
        Self {
            users: Arc::new(InMemoryUserRepository::new()),
            chats: Arc::new(InMemoryChatRepository::new()),
            memories: Arc::new(InMemoryMemoryRepository::new(space)),
        }
    }

    fn archives(&self) -> Archives {
        Archives { users: self.users.clone(), chats: self.chats.clone(), memories: self.memories.clone() }
    }

    async fn everything(&self) -> (Vec<User>, Vec<(Chat, Vec<Turn>)>, usize) {
        let all = |users: Vec<Result<User, _>>| users.into_iter().map(|user| user.unwrap()).collect();
        let users = all(self.users.scan(None, 10_000).await.unwrap().items);
        let mut chats = Vec::new();
        for chat in self.chats.scan_chats(None, 10_000).await.unwrap().items {
            let chat = chat.unwrap();
            let turns = self.chats.scan_turns(chat.user_id, chat.id, 0, 10_000).await.unwrap().items;
            chats.push((chat, turns.into_iter().map(|turn| turn.unwrap()).collect()));
        }
        (users, chats, self.memories.scan(None, 10_000).await.unwrap().items.len())
    }
}

async fn begun(chats: &InMemoryChatRepository, begin: &BeginTurn) -> Turn {
    match chats.begin_turn(begin).await.unwrap() {
        BeginOutcome::Begun(turn) => turn,
        other => panic!("expected the turn to begin, got {other:?}"),
    }
}

/// A chat of `turns` answered turns, the first of which is still to be remembered from.
async fn chat(side: &Side, user: UserId, turns: usize) -> Chat {
    let mut begin = begin_new(user);
    let mut turn = begun(&side.chats, &begin).await;
    for n in 1..=turns {
        let remember_at = (n == 1).then(|| at(0));
        let settlement = Settlement { remember_at, ..complete(&begin, "sim", usage(1, 2, "0.5")) };
        side.chats.settle_turn(turn.reference(), &settlement).await.unwrap();
        if n < turns {
            begin = begin_in(user, turn.chat_id);
            turn = begun(&side.chats, &begin).await;
        }
    }
    side.chats.find_chat(user, turn.chat_id).await.unwrap().unwrap()
}

/// Two users; a chat longer than what is read at once, and short ones; memories.
async fn full() -> (Side, User) {
    let side = Side::empty();
    let (ana, bia) = (user("ana"), user("bia"));
    for user in [&ana, &bia] {
        side.users.insert(user).await.unwrap();
        side.memories.insert(vec![embedded(user.id, "Mora em Recife", 4, 0.5)]).await.unwrap();
        chat(&side, user.id, 3).await;
    }
    chat(&side, ana.id, 450).await;
    (side, ana)
}

fn copying(source: &Side, target: &Side, source_is_locked: bool) -> Copying {
    Copying {
        source: source.archives(),
        target: target.archives(),
        source_is_locked,
        memories: true,
        clock: Arc::new(FixedClock::new(at(10_000))),
    }
}

async fn copied(source: &Side, target: &Side) -> Result<CopyReport, CopyError> {
    copying(source, target, true).run(&|_| {}).await
}

fn counts(report: &CopyReport) -> Vec<(&str, u64, u64, u64)> {
    report.parts.iter().map(|part| (part.name, part.source.count, part.written, part.newer.count)).collect()
}

#[tokio::test]
async fn everything_is_copied_once() {
    let ((source, _), target) = (full().await, Side::empty());
    let report = copied(&source, &target).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(
        counts(&report),
        [("users", 2, 2, 0), ("chats", 3, 3, 0), ("turns", 456, 456, 0), ("memories", 2, 2, 0)]
    );
    assert_eq!(target.everything().await, source.everything().await);
    let again = copied(&source, &target).await.unwrap();
    assert!(again.is_complete());
    assert_eq!(counts(&again), [("users", 2, 0, 0), ("chats", 3, 0, 0), ("turns", 456, 0, 0), ("memories", 2, 0, 0)]);
    for (part, same) in report.parts.iter().zip(&again.parts) {
        assert_eq!((part.source.hex(), part.target.hex()), (same.target.hex(), part.source.hex()));
    }
}

#[tokio::test]
async fn a_copy_that_was_cut_off_goes_on() {
    let ((source, ana), target) = (full().await, Side::empty());
    let (_, chats, _) = source.everything().await;
    let (long, turns) = chats.into_iter().find(|(chat, _)| chat.turns == 450).unwrap();
    // As far as the second part of the long chat.
    target.users.import(&ana).await.unwrap();
    target.chats.import(&long, &turns[..200]).await.unwrap();
    let report = copied(&source, &target).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(counts(&report)[..3], [("users", 2, 1, 0), ("chats", 3, 2, 0), ("turns", 456, 256, 0)]);
    assert_eq!(target.everything().await, source.everything().await);
}

#[tokio::test]
async fn changes_are_copied_later_and_what_is_newer_stays() {
    let ((source, ana), target) = (full().await, Side::empty());
    copied(&source, &target).await.unwrap();
    // The source goes on.
    source.users.update(&User { memory_enabled: false, ..ana.clone() }).await.unwrap().unwrap();
    let task = source.chats.claim_memory_jobs(lease(at(9_000)), at(6), 1).await.unwrap().remove(0);
    source.chats.finish_memory_job(task.turn, JobOutcome::Done).await.unwrap();
    let mut memory = source.memories.embedded(ana.id, 1).await.unwrap().remove(0);
    memory.vector = vec![0.0, 1.0, 0.0, 0.0];
    source.memories.change(memory.memory.user_id, vec![memory]).await.unwrap().unwrap();
    let report = copied(&source, &target).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(counts(&report), [("users", 2, 1, 0), ("chats", 3, 0, 0), ("turns", 456, 1, 0), ("memories", 2, 1, 0)]);
    assert_eq!(target.everything().await, source.everything().await);
    // The target goes on.
    let there = target.users.find(ana.id).await.unwrap().unwrap();
    target.users.update(&there).await.unwrap().unwrap();
    let task = target.chats.claim_memory_jobs(lease(at(9_000)), at(6), 1).await.unwrap().remove(0);
    target.chats.finish_memory_job(task.turn, JobOutcome::Done).await.unwrap();
    let (_, chats, _) = target.everything().await;
    let mine = chats.iter().map(|(chat, _)| chat).find(|chat| chat.user_id == ana.id).unwrap();
    target.chats.rename_chat(ana.id, mine.id, &title("Outro"), at(90_000)).await.unwrap().unwrap();
    chat(&target, ana.id, 1).await;
    let before = target.everything().await;
    let report = copied(&source, &target).await.unwrap();
    assert!(!report.is_complete());
    assert_eq!(counts(&report), [("users", 2, 0, 1), ("chats", 3, 0, 1), ("turns", 456, 0, 1), ("memories", 2, 0, 0)]);
    assert_eq!(report.parts[1].newer.ids, [mine.id.to_string()]);
    assert_eq!(report.parts[1].others, 1);
    assert_eq!(target.everything().await, before);
}

/// All records of a side, by their keys.
async fn records(side: &Side) -> Vec<MemoryRecord> {
    let scanned = side.memories.scan(None, 10_000).await.unwrap().items;
    scanned.into_iter().map(|record| record.unwrap()).collect()
}

async fn changed(side: &Side, user: UserId, memory: Memory) -> Memory {
    let change = EmbeddedMemory { memory, vector: vec![0.0, 1.0, 0.0, 0.0] };
    side.memories.change(user, vec![change]).await.unwrap().unwrap().remove(0)
}

#[tokio::test]
async fn history_and_what_is_left_of_deleted_memories_are_copied() {
    let (source, target) = (Side::empty(), Side::empty());
    let ana = user("ana");
    source.users.insert(&ana).await.unwrap();
    let rows = ["Mora em Recife", "Mora em Olinda", "Tem um gato", "Gosta de chá"];
    let rows = rows.map(|text| embedded(ana.id, text, 4, 0.5));
    source.memories.insert(rows.to_vec()).await.unwrap();
    let [recife, olinda, cat, tea] = rows.map(|row| row.memory);
    changed(&source, ana.id, recife.clone().superseded(olinda.id, at(5))).await;
    changed(&source, ana.id, cat.retracted(at(6))).await;
    assert!(source.memories.delete(ana.id, tea.id, at(7)).await.unwrap());
    let report = copied(&source, &target).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(counts(&report)[3], ("memories", 4, 4, 0));
    assert_eq!(records(&target).await, records(&source).await);
    // What was deleted is not learnt again there.
    let turn = tea.source.unwrap().turn;
    assert!(target.memories.knows_turn(ana.id, turn).await.unwrap());
    assert_eq!(target.memories.history(ana.id, olinda.id).await.unwrap().len(), 2);
    // A deletion in the source is one in the target, with all that goes with it.
    assert!(source.memories.delete(ana.id, olinda.id, at(8)).await.unwrap());
    let report = copied(&source, &target).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(counts(&report)[3], ("memories", 4, 2, 0));
    assert_eq!(records(&target).await, records(&source).await);
    assert!(!target.memories.has_any(ana.id).await.unwrap());
}

#[tokio::test]
async fn memories_that_are_newer_in_the_target_stay() {
    let (source, target) = (Side::empty(), Side::empty());
    let ana = user("ana");
    source.users.insert(&ana).await.unwrap();
    let rows = ["changed there", "deleted there", "changed later there", "deleted later there"];
    let rows = rows.map(|text| embedded(ana.id, text, 4, 0.5));
    source.memories.insert(rows.to_vec()).await.unwrap();
    let [first, second, third, fourth] = rows.map(|row| row.memory);
    assert!(copied(&source, &target).await.unwrap().is_complete());
    // The target has a higher revision, or no longer the memory, while the source goes on with some.
    changed(&target, ana.id, Memory { updated_at: at(10), ..first.clone() }).await;
    assert!(target.memories.delete(ana.id, second.id, at(10)).await.unwrap());
    changed(&source, ana.id, Memory { updated_at: at(20), ..second.clone() }).await;
    assert!(source.memories.delete(ana.id, third.id, at(10)).await.unwrap());
    changed(&target, ana.id, Memory { updated_at: at(20), ..third.clone() }).await;
    assert!(source.memories.delete(ana.id, fourth.id, at(10)).await.unwrap());
    assert!(target.memories.delete(ana.id, fourth.id, at(20)).await.unwrap());
    let before = records(&target).await;
    let report = copied(&source, &target).await.unwrap();
    assert!(!report.is_complete());
    assert_eq!(counts(&report)[3], ("memories", 4, 0, 4));
    assert_eq!(report.parts[3].newer.ids, [first.id, second.id, third.id, fourth.id].map(|id| id.to_string()));
    assert_eq!(records(&target).await, before);
}

#[tokio::test]
async fn what_is_remembered_moves_a_user_along() {
    let ((source, ana), target) = (full().await, Side::empty());
    assert!(copied(&source, &target).await.unwrap().is_complete());
    source.users.memories_changed(ana.id, Some(at(5))).await.unwrap().unwrap();
    let report = copied(&source, &target).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(counts(&report)[0], ("users", 2, 1, 0));
    assert_eq!(target.users.find(ana.id).await.unwrap(), source.users.find(ana.id).await.unwrap());
    target.users.memories_changed(ana.id, None).await.unwrap().unwrap();
    let report = copied(&source, &target).await.unwrap();
    assert_eq!(counts(&report)[0], ("users", 2, 0, 1));
}

#[tokio::test]
async fn what_is_in_use_is_not_copied() {
    let ((source, ana), target) = (full().await, Side::empty());
    let alive = begun(&source.chats, &begin_new(ana.id)).await;
    let refused = copying(&source, &target, false).run(&|_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::SourceInUse(chat) if chat == alive.chat_id), "{refused}");
    assert!(target.everything().await.0.is_empty(), "nothing is written");
    // Nobody is alive in a source that is locked.
    assert!(copied(&source, &target).await.unwrap().is_complete());
    for side in [&source, &target] {
        let turn = side.chats.list_turns(ana.id, alive.chat_id, None, 1).await.unwrap().items.remove(0);
        assert_eq!(turn.status, TurnStatus::Interrupted);
    }
    let busy = begun(&target.chats, &begin_in(ana.id, alive.chat_id)).await;
    let refused = copied(&source, &target).await.unwrap_err();
    assert!(matches!(refused, CopyError::TargetInUse(chat) if chat == busy.chat_id), "{refused}");
}

#[tokio::test]
async fn another_deployment_is_not_written_to() {
    let ((source, ana), target) = (full().await, Side::empty());
    let other = user("Ana");
    target.users.insert(&other).await.unwrap();
    let refused = copied(&source, &target).await.unwrap_err();
    assert!(matches!(refused, CopyError::NameTaken(user) if user == ana.id), "{refused}");
    assert_eq!(target.users.find(other.id).await.unwrap(), Some(other));
    assert!(target.everything().await.1.is_empty());
}
