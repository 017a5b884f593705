//! What only SQLite's adapter promises.

use crate::open;
use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use libtest_mimic::Trial;
use palavra_contracts::samples::{at, begin_in, begin_new, complete, lease, session, usage, user, user_id};
use palavra_domain::{
    BeginOutcome, BeginTurn, Entity, JobState, RotateOutcome, Settlement, StoreError, Turn, UserId,
    ports::{ChatRepository, Inspect, SessionStore, UserRepository},
};
use palavra_sqlite::{OpenError, SqliteChatRepository, SqliteOptions, SqliteStore, Synchronous};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Makes trials of async functions over the path of a folder.
macro_rules! trials {
    ($($case:ident),* $(,)?) => {
        vec![$(Trial::test(concat!("sqlite::own::", stringify!($case)), || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let folder = tempfile::tempdir()?;
            runtime.block_on($case(folder.path()));
            Ok(())
        })),*]
    };
}

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        reopening_keeps_everything,
        a_database_of_the_first_release_is_brought_up_to_date,
        it_tells_how_it_is,
        a_newer_schema_is_refused,
        a_file_that_is_no_database_is_refused,
        a_folder_that_is_not_there_is_refused,
        odd_paths_are_paths,
        options_are_applied,
        a_corrupt_turn_is_left_out_of_lists,
        a_corrupt_chat_is_left_out_of_lists,
        a_corrupt_job_is_parked,
        a_corrupt_pending_turn_does_not_keep_its_chat_busy,
        corrupt_users_and_sessions_are_corrupt,
        a_foreign_lock_makes_writes_unavailable_and_not_reads,
        many_writers_at_once_lose_nothing,
        a_refused_write_takes_no_other_with_it,
        the_process_own_connections_close,
    ]
}

async fn it_tells_how_it_is(folder: &Path) {
    let inspection = open(folder).await.inspect().await.unwrap();
    assert!(inspection.product.starts_with("SQLite 3."), "{inspection:?}");
    assert!(!inspection.checks.is_empty() && inspection.checks.iter().all(|check| check.ok), "{inspection:?}");
}

/// A connection of somebody else to the same file.
fn stranger(folder: &Path) -> SqliteConnection {
    SqliteConnection::establish(folder.join("palavra.db").to_str().unwrap()).unwrap()
}

fn tamper(folder: &Path, sql: &str) {
    let mut connection = stranger(folder);
    connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    connection.batch_execute(sql).unwrap();
}

async fn begun(chats: &SqliteChatRepository, begin: &BeginTurn) -> Turn {
    match chats.begin_turn(begin).await.unwrap() {
        BeginOutcome::Begun(turn) => turn,
        other => panic!("expected a turn to begin, got {other:?}"),
    }
}

async fn answered(chats: &SqliteChatRepository, begin: &BeginTurn) -> Turn {
    let turn = begun(chats, begin).await;
    let settlement = Settlement { remember_at: Some(at(10)), ..complete(begin, "Certainly.", usage(1, 2, "0.1")) };
    chats.settle_turn(turn.reference(), &settlement).await.unwrap();
    turn
}

/// A chat of `user` with `count` answered turns.
async fn chat_of(chats: &SqliteChatRepository, user: UserId, count: usize) -> Vec<Turn> {
    let mut turns = vec![answered(chats, &begin_new(user)).await];
    while turns.len() < count {
        turns.push(answered(chats, &begin_in(user, turns[0].chat_id)).await);
    }
    turns
}

async fn reopening_keeps_everything(folder: &Path) {
    let (ana, owner) = (user("Ana"), user_id());
    let login = session(ana.id);
    let before = {
        let store = open(folder).await;
        store.users().insert(&ana).await.unwrap();
        store.sessions().insert(&login).await.unwrap();
        let turns = chat_of(&store.chats(), owner, 3).await;
        begun(&store.chats(), &begin_in(owner, turns[0].chat_id)).await;
        (
            store.chats().find_chat(owner, turns[0].chat_id).await.unwrap().unwrap(),
            store.chats().list_turns(owner, turns[0].chat_id, None, 10).await.unwrap(),
        )
    };
    let store = open(folder).await;
    assert_eq!(store.users().find(ana.id).await.unwrap().as_ref(), Some(&ana));
    assert_eq!(store.sessions().find(ana.id, login.id).await.unwrap().as_ref(), Some(&login));
    assert_eq!(store.chats().find_chat(owner, before.0.id).await.unwrap().as_ref(), Some(&before.0));
    assert_eq!(store.chats().list_turns(owner, before.0.id, None, 10).await.unwrap(), before.1);
    assert_eq!(before.1.items.len(), 4);
    assert_eq!(before.0.totals, usage(3, 6, "0.3"));
}

async fn a_database_of_the_first_release_is_brought_up_to_date(folder: &Path) {
    let ana = user("Ana");
    let turns = {
        let store = open(folder).await;
        store.users().insert(&ana).await.unwrap();
        let mut turns = chat_of(&store.chats(), ana.id, 2).await;
        turns.extend(chat_of(&store.chats(), user_id(), 1).await);
        assert_eq!(store.chats().claim_memory_jobs(lease(at(100)), at(50), 1).await.unwrap().len(), 1);
        turns
    };
    // Back to what it was then: with rows, and with a claim.
    tamper(
        folder,
        "ALTER TABLE users DROP COLUMN memory_version; ALTER TABLE users DROP COLUMN memories_cleared_at; \
         DROP INDEX turns_user_jobs; DROP INDEX turns_claims; \
         DELETE FROM __diesel_schema_migrations WHERE version > '20261123000001'",
    );
    let store = open(folder).await;
    assert_eq!(store.users().find(ana.id).await.unwrap().as_ref(), Some(&ana));
    assert_eq!(store.users().memories_changed(ana.id, Some(at(5))).await.unwrap(), Some(1));
    let tasks = store.chats().claim_memory_jobs(lease(at(100)), at(50), 10).await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.turn).collect::<Vec<_>>(), [turns[2].reference()]);
    let tasks = store.chats().claim_memory_jobs(lease(at(200)), at(100), 10).await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.turn).collect::<Vec<_>>(), [turns[0].reference(), turns[2].reference()]);
}

async fn a_newer_schema_is_refused(folder: &Path) {
    drop(open(folder).await);
    tamper(folder, "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
    let error = SqliteStore::open(&folder.join("palavra.db"), SqliteOptions::default()).await.unwrap_err();
    assert!(matches!(&error, OpenError::Newer { version, .. } if version == "29990101000000"), "{error:?}");
    assert!(error.to_string().contains("start the release that wrote it"), "{error}");
}

async fn a_file_that_is_no_database_is_refused(folder: &Path) {
    let path = folder.join("palavra.db");
    std::fs::write(&path, "This is a letter to a friend, and it is long enough to be one.".repeat(100)).unwrap();
    let error = SqliteStore::open(&path, SqliteOptions::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::Open { .. }), "{error:?}");
}

async fn a_folder_that_is_not_there_is_refused(folder: &Path) {
    let error = SqliteStore::open(&folder.join("no/palavra.db"), SqliteOptions::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains("check that its folder exists"), "{error}");
}

async fn odd_paths_are_paths(folder: &Path) {
    for name in ["file:x?mode=memory", ":memory:", "a b%20c#d.db", "ação.db"] {
        let path = folder.join(name);
        drop(SqliteStore::open(&path, SqliteOptions::default()).await.unwrap());
        assert!(path.is_file(), "{name}");
    }
}

async fn options_are_applied(folder: &Path) {
    let options =
        SqliteOptions { synchronous: Synchronous::Normal, readers: 0, cache_bytes: 0, timeout: Duration::from_secs(1) };
    let store = SqliteStore::open(&folder.join("palavra.db"), options).await.unwrap();
    let turns = chat_of(&store.chats(), user_id(), 2).await;
    assert!(store.chats().find_chat(turns[0].user_id, turns[0].chat_id).await.unwrap().is_some());
}

async fn a_corrupt_turn_is_left_out_of_lists(folder: &Path) {
    let store = open(folder).await;
    let (chats, owner) = (store.chats(), user_id());
    let turns = chat_of(&chats, owner, 5).await;
    tamper(folder, "UPDATE turns SET attempts = '[{\"secret\":\"canary\"' WHERE seq = 2");
    tamper(folder, "UPDATE turns SET status = 'canary' WHERE seq = 4");
    let page = chats.list_turns(owner, turns[0].chat_id, None, 3).await.unwrap();
    assert_eq!(page.items.iter().map(|turn| turn.seq).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(page.next, Some(3));
    let page = chats.list_turns(owner, turns[0].chat_id, page.next, 3).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].seq, page.next), (1, 1, None));
    let settlement = complete(&begin_new(owner), "Again.", usage(1, 1, "1"));
    let error = chats.settle_turn(turns[1].reference(), &settlement).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { entity: Entity::Turn, .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

async fn a_corrupt_chat_is_left_out_of_lists(folder: &Path) {
    let store = open(folder).await;
    let (chats, owner) = (store.chats(), user_id());
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(chat_of(&chats, owner, 1).await[0].chat_id);
    }
    let damage = format!("UPDATE chats SET cost = 'a lot' WHERE id = x'{}'", ids[1].uuid().simple());
    tamper(folder, &damage);
    let page = chats.list_chats(owner, None, 10).await.unwrap();
    assert_eq!(page.items.iter().map(|chat| chat.id).collect::<Vec<_>>(), [ids[2], ids[0]]);
    let error = chats.find_chat(owner, ids[1]).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { entity: Entity::Chat, .. }), "{error:?}");
}

async fn a_corrupt_job_is_parked(folder: &Path) {
    let store = open(folder).await;
    let (chats, owner) = (store.chats(), user_id());
    let turns = chat_of(&chats, owner, 2).await;
    tamper(folder, "UPDATE turns SET attempts = '[]' WHERE seq = 1");
    let tasks = chats.claim_memory_jobs(lease(at(100)), at(50), 10).await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.turn).collect::<Vec<_>>(), [turns[1].reference()]);
    assert_eq!(chats.memory_backlog().await.unwrap(), 1);
    let first = chats.list_turns(owner, turns[0].chat_id, Some(2), 1).await.unwrap().items.remove(0);
    assert_eq!(first.memory_job.map(|job| job.state), Some(JobState::Parked));
}

async fn a_corrupt_pending_turn_does_not_keep_its_chat_busy(folder: &Path) {
    let store = open(folder).await;
    let (chats, owner) = (store.chats(), user_id());
    let turn = begun(&chats, &begin_new(owner)).await;
    tamper(folder, "UPDATE turns SET attempts = 'not JSON'");
    assert!(chats.interrupt_turn(turn.reference(), at(40_000)).await.unwrap());
    assert!(chats.expired_turns(at(99_000), 10).await.unwrap().is_empty());
    assert_eq!(begun(&chats, &begin_in(owner, turn.chat_id)).await.seq, 2);
}

async fn corrupt_users_and_sessions_are_corrupt(folder: &Path) {
    let store = open(folder).await;
    let ana = user("Ana");
    let login = session(ana.id);
    store.users().insert(&ana).await.unwrap();
    store.sessions().insert(&login).await.unwrap();
    tamper(folder, "UPDATE users SET username = 'not a name'; UPDATE sessions SET expires_at = -1");
    let error = store.users().find(ana.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { entity: Entity::User, .. }), "{error:?}");
    let error = store.sessions().find(ana.id, login.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { entity: Entity::Session, .. }), "{error:?}");
}

async fn a_foreign_lock_makes_writes_unavailable_and_not_reads(folder: &Path) {
    let options = SqliteOptions { timeout: Duration::from_millis(300), ..SqliteOptions::default() };
    let store = SqliteStore::open(&folder.join("palavra.db"), options).await.unwrap();
    let (chats, owner) = (store.chats(), user_id());
    let turns = chat_of(&chats, owner, 2).await;
    let mut other = stranger(folder);
    other.batch_execute("BEGIN IMMEDIATE; UPDATE chats SET title = 'mine'").unwrap();

    let started = Instant::now();
    let blocked = begin_in(owner, turns[0].chat_id);
    let error = chats.begin_turn(&blocked).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "waited {:?}", started.elapsed());
    let read = Instant::now();
    assert_eq!(chats.list_turns(owner, turns[0].chat_id, None, 10).await.unwrap().items.len(), 2);
    assert!(read.elapsed() < Duration::from_millis(200), "a read waited {:?}", read.elapsed());

    other.batch_execute("ROLLBACK").unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    // What came too late was not written behind the caller's back.
    let chat = chats.find_chat(owner, turns[0].chat_id).await.unwrap().unwrap();
    assert_eq!((chat.turns, chat.active), (2, None));
    assert_eq!(begun(&chats, &blocked).await.seq, 3);
}

async fn many_writers_at_once_lose_nothing(folder: &Path) {
    let store = open(folder).await;
    let owner = user_id();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let chats = store.chats();
            tokio::spawn(async move { chat_of(&chats, owner, 2).await })
        })
        .collect();
    for caller in callers {
        let turns = caller.await.unwrap();
        let chat = store.chats().find_chat(owner, turns[0].chat_id).await.unwrap().unwrap();
        assert_eq!((chat.turns, chat.active, chat.totals), (2, None, usage(2, 4, "0.2")));
    }
    drop(store);
    assert_eq!(open(folder).await.chats().memory_backlog().await.unwrap(), 400);
}

async fn a_refused_write_takes_no_other_with_it(folder: &Path) {
    let store = open(folder).await;
    let ana = user("Ana");
    store.users().insert(&ana).await.unwrap();
    let good: Vec<_> = (0..40).map(|number| user(&format!("user-{number}"))).collect();
    let mut writes = tokio::task::JoinSet::new();
    for user in good.clone() {
        let users = store.users();
        writes.spawn(async move { users.insert(&user).await });
        let (users, again) = (store.users(), ana.clone());
        writes.spawn(async move { users.insert(&again).await });
    }
    let refused = writes.join_all().await.into_iter().filter(Result::is_err).count();
    assert_eq!(refused, 40);
    for user in good {
        assert_eq!(store.users().find(user.id).await.unwrap(), Some(user));
    }
}

async fn the_process_own_connections_close(folder: &Path) {
    let store = open(folder).await;
    let (sessions, login) = (store.sessions(), session(user_id()));
    sessions.insert(&login).await.unwrap();
    drop(store);
    // A repository is enough to keep the file open.
    let hash = login.refresh_hash;
    let rotated = sessions.rotate(login.user_id, login.id, hash, hash, at(1), at(9)).await.unwrap();
    assert!(matches!(rotated, RotateOutcome::Rotated(_)));
    drop(sessions);
    // The last connection that closes empties the log and removes it.
    let log = folder.join("palavra.db-wal");
    let deadline = Instant::now() + Duration::from_secs(10);
    while log.exists() {
        assert!(Instant::now() < deadline, "the file is still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
