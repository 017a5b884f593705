//! Rows that somebody damaged, or that are many.

use super::{cases, namespace::Namespace, told};
use libtest_mimic::Trial;
use palavra_contracts::samples::{at, refresh_hash, session, user};
use palavra_domain::{
    Entity, RotateOutcome, StoreError,
    ports::{Inspect, SessionStore, UserArchive, UserRepository},
};

pub(crate) fn trials(url: &str) -> Vec<Trial> {
    cases![url:
        a_corrupt_user_is_corrupt_and_hides_no_other,
        a_corrupt_session_is_corrupt_and_can_be_ended,
        a_missing_table_is_unexpected,
        many_expired_sessions_are_forgotten,
        a_store_tells_how_it_is,
    ]
}

async fn a_corrupt_user_is_corrupt_and_hides_no_other(namespace: &Namespace) {
    let store = namespace.open().await;
    let users = store.users();
    let three = [user("first"), user("second"), user("third")];
    for user in &three {
        users.insert(user).await.unwrap();
    }
    namespace.tamper("UPDATE users SET username = 'canary, not a name' WHERE folded_username = 'second'").await;
    for found in [users.find(three[1].id).await, users.find_by_username(&three[1].username).await] {
        let error = found.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { entity: Entity::User, .. }), "{error:?}");
        assert!(!told(&error).contains("canary"), "{}", told(&error));
    }
    let page = UserArchive::scan(&users, None, 2).await.unwrap();
    assert_eq!(page.items[0].as_ref().unwrap(), &three[0]);
    assert!(matches!(page.items[1], Err(StoreError::Corrupt { entity: Entity::User, .. })), "{:?}", page.items[1]);
    assert_eq!(page.next, Some(three[1].id));
    let page = UserArchive::scan(&users, page.next, 2).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].as_ref().unwrap()), (1, &three[2]));
}

async fn a_corrupt_session_is_corrupt_and_can_be_ended(namespace: &Namespace) {
    let store = namespace.open().await;
    let (sessions, login) = (store.sessions(), session(user("Ana").id));
    sessions.insert(&login).await.unwrap();
    namespace.tamper("UPDATE sessions SET created_at = -1").await;
    let corrupt = |error: &StoreError| matches!(error, StoreError::Corrupt { entity: Entity::Session, .. });
    let error = sessions.find(login.user_id, login.id).await.unwrap_err();
    assert!(corrupt(&error), "{error:?}");
    let (id, user) = (login.id, login.user_id);
    let error = sessions.rotate(user, id, login.refresh_hash, refresh_hash(2), at(5), at(9)).await.unwrap_err();
    assert!(corrupt(&error), "{error:?}");
    let reused = sessions.rotate(user, id, refresh_hash(7), refresh_hash(2), at(5), at(9)).await.unwrap();
    assert_eq!(reused, RotateOutcome::Reused);
    let ended = sessions.rotate(user, id, refresh_hash(2), refresh_hash(3), at(6), at(9)).await.unwrap();
    assert_eq!(ended, RotateOutcome::NotFound);
}

async fn a_missing_table_is_unexpected(namespace: &Namespace) {
    let store = namespace.open().await;
    namespace.tamper("DROP TABLE sessions").await;
    let login = session(user("Ana").id);
    let error = store.sessions().find(login.user_id, login.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Unexpected { .. }), "{error:?}");
    store.users().insert(&user("Ana")).await.unwrap();
}

async fn many_expired_sessions_are_forgotten(namespace: &Namespace) {
    let store = namespace.open().await;
    let live = session(user("Ana").id);
    store.sessions().insert(&live).await.unwrap();
    namespace
        .tamper(
            "INSERT INTO sessions SELECT gen_random_uuid(), gen_random_uuid(), decode(repeat('ab', 32), 'hex'), 0, 0, 1, NULL \
             FROM generate_series(1, 12001)",
        )
        .await;
    assert_eq!(store.sessions().delete_expired(at(0)).await.unwrap(), 12_001);
    assert_eq!(store.sessions().find(live.user_id, live.id).await.unwrap(), Some(live));
}

async fn a_store_tells_how_it_is(namespace: &Namespace) {
    let store = namespace.open().await;
    let inspection = store.inspect().await.unwrap();
    assert!(inspection.product.starts_with("PostgreSQL 1"), "{}", inspection.product);
    let names: Vec<&str> = inspection.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ["migrations", "indexes", "privileges", "durability", "connections", "encryption"]);
    // How the server of the tests keeps its files is its own affair.
    let faults = async || {
        let checks = store.inspect().await.unwrap().checks;
        let faults = checks.into_iter().filter(|check| !check.ok && check.name != "durability");
        faults.map(|check| (check.name, check.told)).collect::<Vec<_>>()
    };
    assert_eq!(faults().await, []);
    namespace.tamper("DROP INDEX sessions_user").await;
    assert!(matches!(&faults().await[..], [("indexes", told)] if told.starts_with("sessions_user missing")));
    namespace.tamper("INSERT INTO __diesel_schema_migrations VALUES ('29990101000000')").await;
    assert!(matches!(&faults().await[..], [("migrations", told), _] if told.contains("29990101000000")));
    namespace.tamper("DELETE FROM __diesel_schema_migrations").await;
    assert!(matches!(&faults().await[..], [("migrations", told), _] if told.contains("missing")));
}
