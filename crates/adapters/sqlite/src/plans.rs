//! How SQLite goes about the hot queries: by an index, as far as the page goes, without sorting.

use crate::{SqliteOptions, chats::hot, open::Location};
use diesel::{
    QueryableByName, RunQueryDsl, SqliteConnection,
    connection::{Connection, InstrumentationEvent},
    sql_types::Text,
};
use palavra_domain::{ChatId, InstanceId, Lease, Timestamp, UserId};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Runs `work` and explains the queries it really sends.
fn plans(work: fn(&mut SqliteConnection)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::new(&folder.path().join("plans.db"), SqliteOptions::default()).unwrap();
    let mut connection = location.connect_and_migrate().unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&sent);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            log.lock().unwrap().push(query.to_string());
        }
    });
    work(&mut connection);
    let sent = std::mem::take(&mut *sent.lock().unwrap());
    assert!(!sent.is_empty());
    let explain = |query: String| {
        let sql = query.split(" -- binds:").next().unwrap().to_owned();
        let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(&mut connection).unwrap();
        steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("; ")
    };
    sent.into_iter().map(explain).collect()
}

fn user() -> UserId {
    UserId::new(Uuid::from_u128(1))
}

fn chat() -> ChatId {
    ChatId::new(Uuid::from_u128(2))
}

#[test]
fn a_page_of_turns_is_one_range_of_the_chats_index() {
    let expected = "SEARCH turns USING INDEX turns_chat_seq (chat_id=? AND seq<?)";
    assert_eq!(plans(|db| drop(hot::turns_of(db, user(), chat(), None, 20))), [expected]);
    assert_eq!(plans(|db| drop(hot::turns_of(db, user(), chat(), Some(9), 20))), [expected]);
}

#[test]
fn a_context_reads_complete_turns_only() {
    let expected = "SEARCH turns USING INDEX turns_complete (chat_id=? AND seq<?)";
    assert_eq!(plans(|db| drop(hot::exchanges(db, user(), chat(), 9, 20))), [expected]);
}

#[test]
fn a_page_of_chats_reads_chats_only() {
    let expected = "SEARCH chats USING INDEX chats_user (user_id=? AND id<?)";
    assert_eq!(plans(|db| drop(hot::chats_of(db, user(), None, 20))), [expected]);
    assert_eq!(plans(|db| drop(hot::chats_of(db, user(), Some(chat()), 20))), [expected]);
}

#[test]
fn one_chat_is_found_by_its_id() {
    let plan = plans(|db| drop(hot::chat(db, user(), chat()))).concat();
    assert!(plan.starts_with("SEARCH chats USING INDEX ") && !plan.contains(';'), "{plan}");
}

#[test]
fn recovery_reads_busy_chats_only() {
    let expected = "SEARCH chats USING INDEX chats_lease (active_until<?)";
    assert_eq!(plans(|db| drop(hot::expired(db, Timestamp::MAX, 20))), [expected]);
}

#[test]
fn jobs_are_read_from_the_index_of_open_ones_in_its_order() {
    let plan = plans(|db| {
        let owner = InstanceId::new(Uuid::nil());
        let lease = Lease { owner, until: Timestamp::MAX };
        drop(hot::claim(db, lease, Timestamp::MAX, 20));
    });
    let steps = [
        "SCAN turns USING INDEX turns_jobs",
        "SEARCH older USING INDEX turns_user_jobs (user_id=? AND created_at<?)",
        "SEARCH claimed USING INDEX turns_claims (user_id=? AND job_until>?)",
    ];
    let taken = plan.iter().flat_map(|plan| plan.split("; ")).filter(|step| !step.starts_with("CORRELATED"));
    let taken: Vec<&str> = taken.collect();
    assert_eq!(taken, steps);
    assert_eq!(plans(|db| drop(hot::backlog(db))), ["SCAN turns USING INDEX turns_jobs"]);
    let plan = plans(|db| drop(hot::release(db, Timestamp::MAX))).concat();
    assert!(plan.contains("turns_jobs"), "{plan}");
}
