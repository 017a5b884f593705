//! What only this adapter promises.

mod jobs;

use crate::{Dropped, options};
use libtest_mimic::Trial;
use mongodb::{
    Client,
    bson::{Document, doc},
    event::{EventHandler, command::CommandEvent},
    options::ClientOptions,
};
use palavra_contracts::{
    Link,
    samples::{at, begin_in, begin_new, complete, lease, usage, user_id},
};
use palavra_domain::{
    BeginOutcome, BeginTurn, SettleOutcome, Settlement, StoreError, Timestamp, Turn, TurnStatus,
    ports::{ChatArchive, ChatRepository, Inspect},
};
use palavra_mongodb::{MongoChatRepository, MongoOptions, MongoStore, OpenError};
use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const SLACK: Duration = Duration::from_millis(600);

pub(crate) fn trials(url: &str) -> Vec<Trial> {
    let mut trials = vec![
        trial("a_turn_that_was_only_announced_is_not_lost", url, a_turn_that_was_only_announced_is_not_lost),
        trial("what_a_turn_used_is_counted_after_a_crash", url, what_a_turn_used_is_counted_after_a_crash),
        trial("a_deletion_that_was_broken_off_is_finished", url, a_deletion_that_was_broken_off_is_finished),
        trial("jobs_of_chats_that_are_gone_are_not_taken_up", url, jobs_of_chats_that_are_gone_are_not_taken_up),
        trial("no_transaction_is_sent", url, no_transaction_is_sent),
        trial("a_damaged_document_hides_no_other", url, a_damaged_document_hides_no_other),
        trial("a_server_that_is_away_costs_a_bounded_wait", url, a_server_that_is_away_costs_a_bounded_wait),
        trial("two_open_an_empty_database_at_once", url, two_open_an_empty_database_at_once),
        trial("what_is_no_server_is_told", url, what_is_no_server_is_told),
        trial("missing_indexes_are_told", url, missing_indexes_are_told),
    ];
    trials.extend(jobs::trials(url));
    trials
}

fn trial<F>(name: &str, url: &str, case: fn(String) -> F) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    let url = url.to_owned();
    Trial::test(format!("mongodb::own::{name}"), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(case(url));
        Ok(())
    })
}

/// A store, and its database through a client of one's own.
async fn opened(url: &str) -> (MongoChatRepository, mongodb::Database, Dropped) {
    let options = options(url);
    let dropped = Dropped::new(url, &options);
    let database = Client::with_uri_str(url).await.unwrap().database(&options.database);
    (MongoStore::open(options).await.unwrap().chats(), database, dropped)
}

async fn begun(port: &MongoChatRepository, begin: &BeginTurn) -> Turn {
    match port.begin_turn(begin).await.unwrap() {
        BeginOutcome::Begun(turn) => turn,
        other => panic!("expected the turn to begin, got {other:?}"),
    }
}

async fn all(port: &MongoChatRepository, turn: &Turn) -> Vec<Turn> {
    port.list_turns(turn.user_id, turn.chat_id, None, 100).await.unwrap().items
}

/// A document of the turn's id, taken out of its collection.
async fn taken_out(database: &mongodb::Database, turn: &Turn) -> Document {
    let id = mongodb::bson::Uuid::from_bytes(turn.id.uuid().into_bytes());
    database.collection::<Document>("turns").find_one_and_delete(doc! {"_id": id}).await.unwrap().unwrap()
}

async fn a_turn_that_was_only_announced_is_not_lost(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let first = begin_new(user_id());
    let turn = begun(&port, &first).await;
    port.settle_turn(turn.reference(), &complete(&first, "yes", usage(1, 2, "0.5"))).await.unwrap();
    for (crashed, seq) in [(begin_in(turn.user_id, turn.chat_id), 2), (begin_new(user_id()), 1)] {
        let lost = begun(&port, &crashed).await;
        // As if its process had died before it wrote the turn's own document.
        taken_out(&database, &lost).await;
        assert_eq!(all(&port, &lost).await.last(), Some(&lost));
        let retry = begin_in(lost.user_id, lost.chat_id);
        assert_eq!(port.begin_turn(&retry).await.unwrap(), BeginOutcome::Busy);
        assert_eq!(port.expired_turns(Timestamp::MAX, 10).await.unwrap(), [lost.reference()]);
        assert!(port.interrupt_turn(lost.reference(), at(9)).await.unwrap());
        assert!(!port.interrupt_turn(lost.reference(), at(10)).await.unwrap());
        let found = all(&port, &lost).await.pop().unwrap();
        let interrupted = Turn { status: TurnStatus::Interrupted, finished_at: Some(at(9)), ..lost.clone() };
        assert_eq!(found, interrupted);
        assert_eq!(found.seq, seq);
        assert_eq!(begun(&port, &retry).await.seq, seq + 1);
        port.interrupt_turn(retry_reference(&retry, &lost), at(11)).await.unwrap();
    }
}

fn retry_reference(begin: &BeginTurn, turn: &Turn) -> palavra_domain::TurnRef {
    palavra_domain::TurnRef { turn: begin.turn, ..turn.reference() }
}

/// Undoes the second step of a settlement: the chat is busy and has its old totals again.
async fn uncounted(database: &mongodb::Database, before: &Document) {
    let chats = database.collection::<Document>("chats");
    chats.replace_one(doc! {"_id": before.get("_id").unwrap()}, before).await.unwrap();
}

async fn what_a_turn_used_is_counted_after_a_crash(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    for again in ["settle", "interrupt"] {
        let begin = begin_new(user_id());
        let turn = begun(&port, &begin).await;
        let chat = mongodb::bson::Uuid::from_bytes(turn.chat_id.uuid().into_bytes());
        let busy = database.collection::<Document>("chats").find_one(doc! {"_id": chat}).await.unwrap().unwrap();
        let settlement = complete(&begin, "yes", usage(3, 4, "0.25"));
        port.settle_turn(turn.reference(), &settlement).await.unwrap();
        for _ in 0..2 {
            uncounted(&database, &busy).await;
            if again == "settle" {
                let outcome = port.settle_turn(turn.reference(), &settlement).await.unwrap();
                assert!(matches!(outcome, SettleOutcome::AlreadySettled(_)), "{outcome:?}");
            } else {
                assert!(!port.interrupt_turn(turn.reference(), at(9)).await.unwrap());
            }
            let chat = port.find_chat(turn.user_id, turn.chat_id).await.unwrap().unwrap();
            assert_eq!((chat.totals, chat.active), (usage(3, 4, "0.25"), None));
        }
        // Once more counts nothing more.
        port.settle_turn(turn.reference(), &settlement).await.unwrap();
        let chat = port.find_chat(turn.user_id, turn.chat_id).await.unwrap().unwrap();
        assert_eq!(chat.totals, usage(3, 4, "0.25"));
        assert_eq!(all(&port, &turn).await[0].status, TurnStatus::Complete);
    }
}

async fn answered(port: &MongoChatRepository) -> Turn {
    let begin = begin_new(user_id());
    let turn = begun(port, &begin).await;
    let settlement = Settlement { remember_at: Some(at(0)), ..complete(&begin, "yes", usage(1, 1, "1")) };
    port.settle_turn(turn.reference(), &settlement).await.unwrap();
    turn
}

async fn a_deletion_that_was_broken_off_is_finished(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let (turn, kept) = (answered(&port).await, answered(&port).await);
    let chat = mongodb::bson::Uuid::from_bytes(turn.chat_id.uuid().into_bytes());
    let mark = doc! {"$set": {"deleted": true}};
    database.collection::<Document>("chats").update_one(doc! {"_id": chat}, mark).await.unwrap();
    // It is gone for everybody from its first step on.
    assert_eq!(port.find_chat(turn.user_id, turn.chat_id).await.unwrap(), None);
    assert!(port.list_chats(turn.user_id, None, 10).await.unwrap().items.is_empty());
    assert!(all(&port, &turn).await.is_empty());
    assert_eq!(port.begin_turn(&begin_in(turn.user_id, turn.chat_id)).await.unwrap(), BeginOutcome::NotFound);
    assert!(!port.delete_chat(turn.user_id, turn.chat_id).await.unwrap());
    assert_eq!(port.scan_chats(None, 10).await.unwrap().items.len(), 1);
    // And gone for good after the next look for expired turns.
    port.expired_turns(at(0), 10).await.unwrap();
    let left = |name: &str| {
        let documents = database.collection::<Document>(name);
        async move { documents.count_documents(doc! {}).await.unwrap() }
    };
    assert_eq!((left("chats").await, left("turns").await), (1, 1));
    assert_eq!(all(&port, &kept).await.len(), 1);
}

async fn jobs_of_chats_that_are_gone_are_not_taken_up(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let (gone, kept) = (answered(&port).await, answered(&port).await);
    let chat = mongodb::bson::Uuid::from_bytes(gone.chat_id.uuid().into_bytes());
    database.collection::<Document>("chats").delete_one(doc! {"_id": chat}).await.unwrap();
    let claimed = port.claim_memory_jobs(lease(at(60_000)), at(10), 10).await.unwrap();
    assert_eq!(claimed.iter().map(|task| task.turn).collect::<Vec<_>>(), [kept.reference()]);
    assert_eq!(port.memory_backlog().await.unwrap(), 1);
}

async fn no_transaction_is_sent(url: String) {
    let sent: Arc<Mutex<Vec<Document>>> = Arc::default();
    let seen = Arc::clone(&sent);
    let mut watched = ClientOptions::parse(&url).await.unwrap();
    watched.command_event_handler = Some(EventHandler::callback(move |event| {
        if let CommandEvent::Started(event) = event {
            seen.lock().unwrap().push(event.command);
        }
    }));
    let options = options(&url);
    let _dropped = Dropped::new(&url, &options);
    let port = MongoStore::open_with(options, watched).await.unwrap().chats();
    let turn = answered(&port).await;
    answered(&port).await;
    let second = begin_in(turn.user_id, turn.chat_id);
    begun(&port, &second).await;
    port.interrupt_turn(retry_reference(&second, &turn), at(3)).await.unwrap();
    let (chat, turns) = (port.scan_chats(None, 1).await.unwrap(), all(&port, &turn).await);
    let chat = chat.items.into_iter().next().unwrap().unwrap();
    port.import(&chat, &turns).await.unwrap();
    for task in port.claim_memory_jobs(lease(at(60_000)), at(10), 5).await.unwrap() {
        port.finish_memory_job(task.turn, palavra_domain::JobOutcome::Retry(at(20))).await.unwrap();
    }
    port.claim_memory_jobs(lease(at(60_000)), at(20), 1).await.unwrap();
    port.release_memory_jobs(at(60_000)).await.unwrap();
    port.claim_memory_jobs(lease(at(60_000)), at(30), 1).await.unwrap();
    assert!(port.delete_chat(turn.user_id, turn.chat_id).await.unwrap());
    let sent = sent.lock().unwrap();
    let names: Vec<&str> = sent.iter().filter_map(|command| command.keys().next().map(String::as_str)).collect();
    for wanted in ["insert", "update", "delete", "find", "findAndModify"] {
        assert!(names.contains(&wanted), "nothing was watched: {names:?}");
    }
    let claims = sent.iter().filter(|command| command.values().any(|value| value.as_str() == Some("memory_claims")));
    assert!(claims.count() > 5, "no claim was watched");
    for command in sent.iter() {
        assert!(!command.contains_key("startTransaction") && !command.contains_key("autocommit"), "{command}");
    }
    // What changes something asks for a majority, and for the journal.
    for command in sent.iter().filter(|command| {
        ["insert", "update", "delete", "findAndModify"].contains(&command.keys().next().unwrap().as_str())
    }) {
        let concern = command.get_document("writeConcern").unwrap();
        assert_eq!(
            (concern.get_str("w").ok(), concern.get_bool("j").ok()),
            (Some("majority"), Some(true)),
            "{command}"
        );
    }
}

async fn a_damaged_document_hides_no_other(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let first = answered(&port).await;
    let mut turns = vec![first.clone()];
    for _ in 0..2 {
        let begin = begin_in(first.user_id, first.chat_id);
        let turn = begun(&port, &begin).await;
        port.settle_turn(turn.reference(), &complete(&begin, "yes", usage(1, 1, "1"))).await.unwrap();
        turns.push(turn);
    }
    let id = mongodb::bson::Uuid::from_bytes(turns[1].id.uuid().into_bytes());
    for damage in [doc! {"status": "lost"}, doc! {"attempts": "none"}, doc! {"prompt": 5}] {
        let damaged = doc! {"$set": damage};
        database.collection::<Document>("turns").update_one(doc! {"_id": id}, damaged).await.unwrap();
        let listed: Vec<u32> = all(&port, &first).await.iter().map(|turn| turn.seq).collect();
        assert_eq!(listed, [1, 3]);
        let scanned = port.scan_turns(first.user_id, first.chat_id, 0, 10).await.unwrap().items;
        assert!(matches!(scanned[1], Err(StoreError::Corrupt { .. })), "{scanned:?}");
        assert_eq!(scanned.iter().filter(|turn| turn.is_ok()).count(), 2);
    }
    let other = answered(&port).await;
    let chat = mongodb::bson::Uuid::from_bytes(first.chat_id.uuid().into_bytes());
    let damaged = doc! {"$set": {"totals": "many"}};
    database.collection::<Document>("chats").update_one(doc! {"_id": chat}, damaged).await.unwrap();
    let found = port.find_chat(first.user_id, first.chat_id).await;
    assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{found:?}");
    assert_eq!(port.list_chats(other.user_id, None, 10).await.unwrap().items.len(), 1);
    assert!(port.list_chats(first.user_id, None, 10).await.unwrap().items.is_empty());
}

async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    (call.await, begun.elapsed())
}

async fn a_server_that_is_away_costs_a_bounded_wait(url: String) {
    let address = url.strip_prefix("mongodb://").unwrap().split('/').next().unwrap().to_owned();
    let link = Link::to(address).await;
    let through = format!("mongodb://{}/?directConnection=true", link.address());
    let limit = Duration::from_millis(1_800);
    let options = MongoOptions { timeout: limit, ..options(&through) };
    let _dropped = Dropped::new(&url, &options);
    let port = MongoStore::open(options).await.unwrap().chats();
    let turn = answered(&port).await;
    for outage in [Link::freeze as fn(&Link), Link::cut] {
        outage(&link);
        for _ in 0..2 {
            let (found, took) = timed(port.find_chat(turn.user_id, turn.chat_id)).await;
            assert!(matches!(found, Err(StoreError::Unavailable { .. })), "{found:?}");
            assert!(took < limit + SLACK, "{took:?}");
            let (begun, took) = timed(port.begin_turn(&begin_in(turn.user_id, turn.chat_id))).await;
            assert!(matches!(begun, Err(StoreError::Unavailable { .. })), "{begun:?}");
            assert!(took < limit + SLACK, "{took:?}");
        }
        link.mend();
        let mended = Instant::now();
        while port.find_chat(turn.user_id, turn.chat_id).await.is_err() {
            assert!(mended.elapsed() < Duration::from_secs(15), "it does not recover");
        }
        // A turn that was begun while nobody waited any more is interrupted like one of a dead process.
        for pending in port.expired_turns(Timestamp::MAX, 10).await.unwrap() {
            port.interrupt_turn(pending, at(9)).await.unwrap();
        }
    }
}

async fn two_open_an_empty_database_at_once(url: String) {
    let options = options(&url);
    let _dropped = Dropped::new(&url, &options);
    let opening = (0..4).map(|_| MongoStore::open(options.clone()));
    for store in futures::future::join_all(opening).await {
        let inspection = store.unwrap().inspect().await.unwrap();
        assert!(inspection.checks.iter().all(|check| check.ok), "{inspection:?}");
        assert!(inspection.product.starts_with("MongoDB "), "{inspection:?}");
    }
}

async fn what_is_no_server_is_told(_url: String) {
    for (url, reachable) in
        [("http://ana:canary@127.0.0.1:1/", false), ("nonsense", false), ("mongodb://ana:canary@127.0.0.1:1/", true)]
    {
        let options = MongoOptions { open_timeout: Duration::from_millis(700), ..MongoOptions::new(url) };
        let (error, took) = timed(MongoStore::open(options)).await;
        let error = error.unwrap_err();
        assert_eq!(matches!(error, OpenError::Unreachable { .. }), reachable, "{error:?}");
        let told = format!("{error} {error:?}");
        assert!(told.contains("PALAVRA__MONGODB__URL") && !told.contains("canary"), "{told}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

async fn missing_indexes_are_told(url: String) {
    let options = options(&url);
    let _dropped = Dropped::new(&url, &options);
    let store = MongoStore::open(options.clone()).await.unwrap();
    let database = Client::with_uri_str(&url).await.unwrap().database(&options.database);
    database.collection::<Document>("turns").drop_index("jobs").await.unwrap();
    let inspection = store.inspect().await.unwrap();
    assert!(inspection.checks.iter().any(|check| !check.ok && check.told.contains("turns.jobs")), "{inspection:?}");
}
