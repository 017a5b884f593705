//! A server that hangs, goes away, or is slow.

use super::{cases, namespace::Namespace};
use diesel_async::SimpleAsyncConnection;
use libtest_mimic::Trial;
use palavra_contracts::{
    Link,
    samples::{session, session_id, user, user_id},
};
use palavra_domain::{
    StoreError, User, UserId,
    ports::{Inspect, SessionStore, UserRepository},
};
use palavra_postgres::{PostgresOptions, PostgresStore, PostgresUserRepository};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

pub(crate) fn trials(url: &str) -> Vec<Trial> {
    cases![url:
        a_frozen_server_is_unavailable_in_time_and_recovers,
        connections_that_may_be_dead_are_not_tried_one_by_one,
        a_server_that_was_cut_off_recovers,
        connections_that_take_longer_than_a_call_are_made_all_the_same,
        connections_that_the_server_closed_are_replaced,
        what_came_too_late_is_not_written_behind_the_callers_back,
        calls_whose_callers_go_away_cost_no_place_in_the_pool,
        more_callers_than_connections_take_turns,
        a_call_is_one_round_trip,
    ]
}

/// Finds at once, each in a task of its own.
async fn find_often(users: &PostgresUserRepository, id: UserId, count: usize) -> Vec<Result<Option<User>, StoreError>> {
    let calls: Vec<_> = (0..count)
        .map(|_| {
            let users = users.clone();
            tokio::spawn(async move { users.find(id).await })
        })
        .collect();
    let mut found = Vec::new();
    for call in calls {
        found.push(call.await.unwrap());
    }
    found
}

/// A store by a link, with a user in it and some connections open.
async fn linked(namespace: &Namespace) -> (Link, PostgresStore, User) {
    let link = Link::to(namespace.server()).await;
    let store = namespace.try_open(&namespace.by("127.0.0.1", link.address().port())).await.unwrap();
    let ana = user("Ana");
    store.users().insert(&ana).await.unwrap();
    assert!(find_often(&store.users(), ana.id, 8).await.iter().all(Result::is_ok));
    (link, store, ana)
}

async fn a_frozen_server_is_unavailable_in_time_and_recovers(namespace: &Namespace) {
    let (link, store, ana) = linked(namespace).await;
    link.freeze();
    // The second time no connection is there to begin with.
    for _ in 0..2 {
        let started = Instant::now();
        for found in find_often(&store.users(), ana.id, 20).await {
            assert!(matches!(found, Err(StoreError::Unavailable { .. })), "{found:?}");
        }
        assert!(started.elapsed() < Duration::from_secs(2), "waited {:?}", started.elapsed());
    }
    link.mend();
    let started = Instant::now();
    for found in find_often(&store.users(), ana.id, 20).await {
        assert_eq!(found.unwrap().as_ref(), Some(&ana));
    }
    assert!(started.elapsed() < Duration::from_secs(1), "waited {:?}", started.elapsed());
    assert!(store.users().update(&ana).await.unwrap().is_some());
}

async fn connections_that_may_be_dead_are_not_tried_one_by_one(namespace: &Namespace) {
    let (link, store, ana) = linked(namespace).await;
    assert!(namespace.connections().await > 2);
    link.freeze();
    let error = store.users().find(ana.id).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    // One call that is not answered is enough to give up all that were idle as long. The link does not see that its own
    // connection is closed while it holds something back.
    let deadline = Instant::now() + Duration::from_secs(5);
    while namespace.connections().await > 1 {
        assert!(Instant::now() < deadline, "the connections stay");
    }
}

async fn a_server_that_was_cut_off_recovers(namespace: &Namespace) {
    let (link, store, ana) = linked(namespace).await;
    link.cut();
    let started = Instant::now();
    for found in find_often(&store.users(), ana.id, 20).await {
        assert!(matches!(found, Err(StoreError::Unavailable { .. })), "{found:?}");
    }
    let error = store.inspect().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(1), "waited {:?}", started.elapsed());
    link.mend();
    for found in find_often(&store.users(), ana.id, 20).await {
        assert_eq!(found.unwrap().as_ref(), Some(&ana));
    }
}

/// A port from which everything takes a while, each way.
async fn far(server: String, delay: Duration) -> u16 {
    async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            tokio::time::sleep(delay).await;
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (asked, answers) = client.into_split();
            let (answered, asks) = TcpStream::connect(&server).await.unwrap().into_split();
            tokio::spawn(carry(asked, asks, delay));
            tokio::spawn(carry(answered, answers, delay));
        }
    });
    port
}

async fn connections_that_take_longer_than_a_call_are_made_all_the_same(namespace: &Namespace) {
    drop(namespace.open().await);
    // A connection is four round trips at least, a call two at most.
    let port = far(namespace.server(), Duration::from_millis(60)).await;
    let options =
        PostgresOptions { timeout: Duration::from_millis(400), ..namespace.options(&namespace.by("127.0.0.1", port)) };
    let users = PostgresStore::open(options).await.unwrap().users();
    let error = users.find(user_id()).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let deadline = Instant::now() + Duration::from_secs(5);
    while users.find(user_id()).await.is_err() {
        assert!(Instant::now() < deadline, "there is never a connection");
    }
    assert_eq!(users.find(user_id()).await.unwrap(), None);
}

async fn connections_that_the_server_closed_are_replaced(namespace: &Namespace) {
    let (_link, store, ana) = linked(namespace).await;
    let close =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'", namespace.name);
    namespace.tamper(&close).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while namespace.connections().await > 0 {
        assert!(Instant::now() < deadline, "the connections stay");
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    for found in find_often(&store.users(), ana.id, 20).await {
        assert_eq!(found.unwrap().as_ref(), Some(&ana));
    }
}

async fn what_came_too_late_is_not_written_behind_the_callers_back(namespace: &Namespace) {
    let options = PostgresOptions { timeout: Duration::from_millis(300), ..namespace.options(&namespace.url()) };
    let store = PostgresStore::open(options).await.unwrap();
    let (users, ana) = (store.users(), user("Ana"));
    users.insert(&ana).await.unwrap();
    let mut other = namespace.stranger().await;
    other.batch_execute("BEGIN; SELECT * FROM users FOR UPDATE").await.unwrap();

    let started = Instant::now();
    let error = users.update(&ana).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(started.elapsed() < Duration::from_millis(800), "waited {:?}", started.elapsed());
    // Reading does not wait for writing.
    assert_eq!(users.find(ana.id).await.unwrap().as_ref(), Some(&ana));

    tokio::time::sleep(Duration::from_millis(500)).await;
    other.batch_execute("ROLLBACK").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(users.find(ana.id).await.unwrap().as_ref(), Some(&ana));
    assert_eq!(users.update(&ana).await.unwrap().unwrap().revision, 2);
}

async fn calls_whose_callers_go_away_cost_no_place_in_the_pool(namespace: &Namespace) {
    let options = PostgresOptions { max_connections: 1, ..namespace.options(&namespace.url()) };
    let store = PostgresStore::open(options).await.unwrap();
    let users = store.users();
    for round in 0..5 {
        let ana = user(&format!("ana-{round}"));
        users.insert(&ana).await.unwrap();
        let mut other = namespace.stranger().await;
        other.batch_execute("BEGIN; SELECT * FROM users FOR UPDATE").await.unwrap();
        let call = {
            let (users, ana) = (users.clone(), ana.clone());
            tokio::spawn(async move { users.update(&ana).await })
        };
        tokio::time::sleep(Duration::from_millis(50)).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        // The statement before it still waits, but on a connection that nobody uses any more.
        let started = Instant::now();
        assert_eq!(users.find(ana.id).await.unwrap().map(|found| found.id), Some(ana.id));
        assert!(started.elapsed() < Duration::from_millis(500), "waited {:?}", started.elapsed());
        other.batch_execute("ROLLBACK").await.unwrap();
    }
}

async fn more_callers_than_connections_take_turns(namespace: &Namespace) {
    let options = PostgresOptions { max_connections: 2, ..namespace.options(&namespace.url()) };
    let store = PostgresStore::open(options).await.unwrap();
    let ana = user("Ana");
    store.users().insert(&ana).await.unwrap();
    for found in find_often(&store.users(), ana.id, 200).await {
        assert_eq!(found.unwrap().as_ref(), Some(&ana));
    }
    // The one that migrated may not be gone yet.
    assert!(namespace.connections().await <= 3);
}

async fn a_call_is_one_round_trip(namespace: &Namespace) {
    let link = Link::to(namespace.server()).await;
    let url = namespace.by("127.0.0.1", link.address().port());
    let store = PostgresStore::open(PostgresOptions { max_connections: 1, ..namespace.options(&url) }).await.unwrap();
    let (users, sessions) = (store.users(), store.sessions());
    let (mut ana, login) = (user("Ana"), session(user_id()));
    users.insert(&ana).await.unwrap();
    sessions.insert(&login).await.unwrap();
    let hash = login.refresh_hash;
    for round in 0..3 {
        let mut before = link.round_trips();
        let mut trips = || {
            let now = link.round_trips();
            std::mem::replace(&mut before, now).abs_diff(now)
        };
        let mut counted = Vec::new();
        users.insert(&user(&format!("user-{round}"))).await.unwrap();
        counted.push(("insert", trips()));
        users.find(ana.id).await.unwrap().unwrap();
        counted.push(("find", trips()));
        users.find_by_username(&ana.username).await.unwrap().unwrap();
        counted.push(("find_by_username", trips()));
        ana = users.update(&ana).await.unwrap().unwrap();
        counted.push(("update", trips()));
        for cleared_at in [None, Some(login.created_at)] {
            users.memories_changed(ana.id, cleared_at).await.unwrap().unwrap();
            counted.push(("memories_changed", trips()));
        }
        sessions.insert(&session(login.user_id)).await.unwrap();
        counted.push(("session insert", trips()));
        sessions.find(login.user_id, login.id).await.unwrap().unwrap();
        counted.push(("session find", trips()));
        let rotated = sessions.rotate(login.user_id, login.id, hash, hash, login.created_at, login.expires_at).await;
        rotated.unwrap();
        counted.push(("rotate", trips()));
        sessions.revoke_others(login.user_id, login.id, login.created_at).await.unwrap();
        counted.push(("revoke_others", trips()));
        sessions.revoke(login.user_id, session_id(), login.created_at).await.unwrap();
        counted.push(("revoke", trips()));
        // The first time each statement is prepared as well.
        assert!(round == 0 || counted.iter().all(|(_, trips)| *trips == 1), "{counted:?}");
    }
}
