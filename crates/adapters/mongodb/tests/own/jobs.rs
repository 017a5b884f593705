//! Claims on jobs of users, of whom one document each tells that somebody is at one.

use super::{answered, begun, opened, trial};
use libtest_mimic::Trial;
use mongodb::{
    Database,
    bson::{Document, Uuid, doc},
};
use palavra_contracts::samples::{at, begin_new, complete, lease, usage, user_id};
use palavra_domain::{
    BeginTurn, JobOutcome, JobState, Settlement, Timestamp, TurnRef, UserId,
    ports::{ChatArchive, ChatRepository},
};
use palavra_mongodb::MongoChatRepository;

pub(crate) fn trials(url: &str) -> Vec<Trial> {
    vec![
        trial("a_claim_that_was_broken_off_holds_until_its_lease_ends", url, broken_off_claims),
        trial("an_end_that_was_broken_off_holds_until_its_lease_ends", url, broken_off_ends),
        trial("whoever_takes_over_waits_for_no_lease", url, taking_over),
        trial("a_broken_off_deletion_frees_the_users_next_job", url, broken_off_deletions),
        trial("a_late_end_lets_go_of_its_own_claim_only", url, late_ends),
        trial("a_claim_of_an_earlier_release_holds_its_user_back", url, claims_of_an_earlier_release),
        trial("jobs_that_cannot_be_read_hold_back_nobody", url, unreadable_jobs),
        trial("a_user_with_many_jobs_hides_nobody", url, many_jobs),
    ]
}

fn id(id: uuid::Uuid) -> Uuid {
    Uuid::from_bytes(id.into_bytes())
}

/// A job of a turn of the user that began at `at(millis)`, in a chat of its own, due at `at(0)`.
async fn job(port: &MongoChatRepository, user: UserId, millis: i64) -> TurnRef {
    let begin = BeginTurn { now: at(millis), ..begin_new(user) };
    let turn = begun(port, &begin).await.reference();
    let settlement = Settlement { remember_at: Some(at(0)), ..complete(&begin, "yes", usage(1, 1, "1")) };
    port.settle_turn(turn, &settlement).await.unwrap();
    turn
}

/// Claims at `at(now)` until `at(now + 500)`.
async fn claim(port: &MongoChatRepository, now: i64) -> Vec<TurnRef> {
    let tasks = port.claim_memory_jobs(lease(at(now + 500)), at(now), 10).await.unwrap();
    tasks.into_iter().map(|task| task.turn).collect()
}

fn claims(database: &Database) -> mongodb::Collection<Document> {
    database.collection("memory_claims")
}

async fn claims_left(database: &Database) -> u64 {
    claims(database).count_documents(doc! {}).await.unwrap()
}

/// The one claim there is.
async fn only_claim(database: &Database) -> Document {
    assert_eq!(claims_left(database).await, 1);
    claims(database).find_one(doc! {}).await.unwrap().unwrap()
}

async fn broken_off_claims(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let user = user_id();
    let (first, second) = (job(&port, user, 0).await, job(&port, user, 1).await);
    // As if a process had died before it claimed the job itself.
    let until = at(500).as_millis();
    let held = doc! {
        "_id": id(user.uuid()), "turn": id(first.turn.uuid()), "chat": id(first.chat.uuid()),
        "owner": Uuid::new(), "until": until,
    };
    claims(&database).insert_one(held).await.unwrap();
    let other = answered(&port).await.reference();
    assert_eq!(claim(&port, 10).await, [other]);
    assert_eq!(claim(&port, 499).await, []);
    assert_eq!(claim(&port, 500).await, [first]);
    assert!(port.finish_memory_job(first, JobOutcome::Done).await.unwrap());
    assert_eq!(claim(&port, 501).await, [second]);
    for turn in [second, other] {
        assert!(port.finish_memory_job(turn, JobOutcome::Done).await.unwrap());
    }
    assert_eq!(claims_left(&database).await, 0);
}

async fn broken_off_ends(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let user = user_id();
    for (outcome, next) in [(JobOutcome::Done, 1), (JobOutcome::Parked, 1), (JobOutcome::Retry(at(20)), 0)] {
        let turns = [job(&port, user, 0).await, job(&port, user, 1).await];
        assert_eq!(claim(&port, 10).await, turns[..1]);
        let claim_of_it = only_claim(&database).await;
        assert!(port.finish_memory_job(turns[0], outcome).await.unwrap());
        assert_eq!(claims_left(&database).await, 0);
        // As if its process had died before it let go.
        claims(&database).insert_one(claim_of_it).await.unwrap();
        assert_eq!(claim(&port, 509).await, []);
        assert_eq!(claim(&port, 510).await, [turns[next]]);
        for turn in turns {
            port.delete_chat(user, turn.chat).await.unwrap();
        }
        assert_eq!(claims_left(&database).await, 0);
    }
}

async fn taking_over(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let turn = answered(&port).await.reference();
    assert_eq!(claim(&port, 10).await, [turn]);
    let held = only_claim(&database).await;
    assert_eq!(port.release_memory_jobs(Timestamp::MAX).await.unwrap(), 1);
    assert_eq!(claims_left(&database).await, 0);
    // Also when the last one who took over died between the two steps.
    claims(&database).insert_one(held).await.unwrap();
    assert_eq!(claim(&port, 11).await, []);
    assert_eq!(port.release_memory_jobs(at(509)).await.unwrap(), 0);
    assert_eq!(claim(&port, 11).await, []);
    assert_eq!(port.release_memory_jobs(Timestamp::MAX).await.unwrap(), 0);
    assert_eq!(claim(&port, 11).await, [turn]);
}

async fn broken_off_deletions(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let user = user_id();
    let (first, second) = (job(&port, user, 0).await, job(&port, user, 1).await);
    assert_eq!(claim(&port, 10).await, [first]);
    let mark = doc! {"$set": {"deleted": true}};
    let chat = doc! {"_id": id(first.chat.uuid())};
    database.collection::<Document>("chats").update_one(chat, mark).await.unwrap();
    assert_eq!(claim(&port, 11).await, []);
    port.expired_turns(at(0), 10).await.unwrap();
    assert_eq!(claim(&port, 11).await, [second]);
    // One that is waiting is removed when it is met.
    assert!(port.finish_memory_job(second, JobOutcome::Done).await.unwrap());
    let (third, fourth) = (job(&port, user, 2).await, job(&port, user, 3).await);
    database.collection::<Document>("chats").delete_one(doc! {"_id": id(third.chat.uuid())}).await.unwrap();
    assert_eq!(claim(&port, 12).await, []);
    assert_eq!(claims_left(&database).await, 0);
    assert_eq!(claim(&port, 12).await, [fourth]);
}

async fn late_ends(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let turn = answered(&port).await.reference();
    assert_eq!(claim(&port, 10).await, [turn]);
    assert_eq!(port.release_memory_jobs(at(510)).await.unwrap(), 1);
    // As if somebody else had just taken its user, and not yet the job.
    let held = doc! {
        "_id": id(turn.user.uuid()), "turn": id(turn.turn.uuid()), "chat": id(turn.chat.uuid()),
        "owner": Uuid::new(), "until": at(900).as_millis(),
    };
    claims(&database).insert_one(held.clone()).await.unwrap();
    assert!(!port.finish_memory_job(turn, JobOutcome::Done).await.unwrap());
    assert_eq!(only_claim(&database).await, held);
}

async fn claims_of_an_earlier_release(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let user = user_id();
    let (older, younger) = (job(&port, user, 0).await, job(&port, user, 1).await);
    assert_eq!(claim(&port, 10).await, [older]);
    // Which did not write any, and took jobs in any order.
    claims(&database).delete_many(doc! {}).await.unwrap();
    assert_eq!(claim(&port, 11).await, []);
    let turns = database.collection::<Document>("turns");
    let (first, second) = (doc! {"_id": id(older.turn.uuid())}, doc! {"_id": id(younger.turn.uuid())});
    let claimed = turns.find_one(first.clone()).await.unwrap().unwrap();
    let claimed = doc! {"job": claimed.get("job").cloned(), "due_at": claimed.get("due_at").cloned()};
    let waiting = turns.find_one(second.clone()).await.unwrap().unwrap();
    let waiting = doc! {"job": waiting.get("job").cloned(), "due_at": waiting.get("due_at").cloned()};
    turns.update_one(first, doc! {"$set": waiting}).await.unwrap();
    turns.update_one(second, doc! {"$set": claimed}).await.unwrap();
    assert_eq!(claim(&port, 11).await, []);
    assert!(port.finish_memory_job(younger, JobOutcome::Done).await.unwrap());
    assert_eq!(claim(&port, 11).await, [older]);
}

async fn unreadable_jobs(url: String) {
    let (port, database, _dropped) = opened(&url).await;
    let user = user_id();
    let damages =
        [doc! {"attempts": []}, doc! {"prompt": 5}, doc! {"chat_id": "none"}, doc! {"created_at": "yesterday"}];
    let mut turns = Vec::new();
    for millis in 0..=4 {
        turns.push(job(&port, user, millis).await);
    }
    for (turn, damage) in turns.iter().zip(damages) {
        let turn = doc! {"_id": id(turn.turn.uuid())};
        database.collection::<Document>("turns").update_one(turn, doc! {"$set": damage}).await.unwrap();
    }
    assert_eq!(claim(&port, 10).await, turns[4..]);
    assert_eq!(claims_left(&database).await, 1);
    assert_eq!(port.memory_backlog().await.unwrap(), 1);
    let parked = doc! {"job.state": JobState::Parked.as_str()};
    assert_eq!(database.collection::<Document>("turns").count_documents(parked).await.unwrap(), 4);
    // One of them no longer tells its chat.
    assert_eq!(port.parked_jobs(10).await.unwrap().len(), 3);
}

async fn many_jobs(url: String) {
    let (port, _, _dropped) = opened(&url).await;
    let (busy, retried, free) = (user_id(), user_id(), user_id());
    let mut jobs = Vec::new();
    for millis in 0..70 {
        jobs.push((job(&port, busy, millis).await, job(&port, retried, millis).await));
    }
    let last = job(&port, free, 1_000).await;
    assert_eq!(claim(&port, 10).await, [jobs[0].0, jobs[0].1, last]);
    assert!(port.finish_memory_job(jobs[0].1, JobOutcome::Retry(at(900))).await.unwrap());
    assert!(port.finish_memory_job(last, JobOutcome::Retry(at(20))).await.unwrap());
    assert_eq!(claim(&port, 20).await, [last]);
    assert!(port.finish_memory_job(jobs[0].0, JobOutcome::Done).await.unwrap());
    assert_eq!(claim(&port, 20).await, [jobs[1].0]);
}
