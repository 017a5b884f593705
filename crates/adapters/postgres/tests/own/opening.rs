//! Opening a database, or not.

use super::{cases, namespace::Namespace, refusing::refusing, told};
use diesel_async::SimpleAsyncConnection;
use libtest_mimic::Trial;
use palavra_contracts::{
    Link,
    samples::{at, session, user, user_id},
};
use palavra_domain::ports::{Inspect, SessionStore, UserRepository};
use palavra_postgres::{OpenError, PostgresOptions, PostgresStore};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

pub(crate) fn trials(url: &str) -> Vec<Trial> {
    cases![url:
        instances_that_start_at_once_migrate_once,
        opening_again_keeps_everything,
        a_database_of_the_first_release_is_brought_up_to_date_and_serves_both,
        a_newer_schema_is_refused_and_nothing_changes,
        a_database_that_is_up_to_date_needs_no_right_to_make_tables,
        a_user_who_may_not_make_tables_is_told,
        a_port_that_nobody_listens_on_is_told,
        a_server_that_does_not_answer_is_told,
        a_refused_login_is_told_without_the_password,
        a_server_that_is_full_is_told,
        a_database_that_is_not_there_is_told,
        a_database_of_another_encoding_is_refused,
        a_schemas_name_needs_no_quoting,
        it_opens_on_a_runtime_of_one_thread,
    ]
}

async fn instances_that_start_at_once_migrate_once(namespace: &Namespace) {
    let url = namespace.url();
    let opening: Vec<_> = (0..6)
        .map(|_| {
            let options = namespace.options(&url);
            tokio::spawn(PostgresStore::open(options))
        })
        .collect();
    for (index, opening) in opening.into_iter().enumerate() {
        let store = opening.await.unwrap().unwrap();
        store.users().insert(&user(&format!("user-{index}"))).await.unwrap();
    }
    assert_eq!(namespace.count("SELECT count(*) AS answer FROM __diesel_schema_migrations").await, 2);
    assert_eq!(namespace.count("SELECT count(*) AS answer FROM users").await, 6);
}

async fn opening_again_keeps_everything(namespace: &Namespace) {
    let (ana, login) = (user("Ana"), session(user_id()));
    let store = namespace.open().await;
    store.users().insert(&ana).await.unwrap();
    store.sessions().insert(&login).await.unwrap();
    drop(store);
    let store = namespace.open().await;
    assert_eq!(store.users().find(ana.id).await.unwrap(), Some(ana));
    assert_eq!(store.sessions().find(login.user_id, login.id).await.unwrap(), Some(login));
}

async fn a_database_of_the_first_release_is_brought_up_to_date_and_serves_both(namespace: &Namespace) {
    let (ana, bia) = (user("Ana"), user_id());
    namespace.open().await.users().insert(&ana).await.unwrap();
    // Back to what it was then.
    namespace
        .tamper(
            "ALTER TABLE users DROP COLUMN memory_version, DROP COLUMN memories_cleared_at; \
             DELETE FROM __diesel_schema_migrations WHERE version > '20261124000001'",
        )
        .await;
    let users = namespace.open().await.users();
    assert_eq!(users.find(ana.id).await.unwrap().as_ref(), Some(&ana));
    assert_eq!(users.memories_changed(ana.id, Some(at(5))).await.unwrap(), Some(1));
    // Its binary goes on for a while: it makes users and changes them without what it does not know.
    let insert = format!(
        "INSERT INTO users (id, revision, username, folded_username, memory_enabled, password_hash, created_at, updated_at) \
         VALUES ('{}', 1, 'Bia', 'bia', true, 'hash', 1, 1)",
        bia.uuid()
    );
    namespace.tamper(&insert).await;
    namespace.tamper("UPDATE users SET revision = revision + 1, memory_enabled = false").await;
    let [ana, bia] = [users.find(ana.id).await.unwrap().unwrap(), users.find(bia).await.unwrap().unwrap()];
    assert_eq!((ana.revision, ana.memory_version, ana.memories_cleared_at), (2, 1, Some(at(5))));
    assert_eq!((bia.revision, bia.memory_version, bia.memories_cleared_at), (2, 0, None));
}

async fn a_newer_schema_is_refused_and_nothing_changes(namespace: &Namespace) {
    let name = &namespace.name;
    namespace
        .tamper(&format!(
            "CREATE SCHEMA {name}; CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp); \
             INSERT INTO __diesel_schema_migrations VALUES ('29990101000000')"
        ))
        .await;
    let error = namespace.try_open(&namespace.url()).await.unwrap_err();
    assert!(matches!(&error, OpenError::Newer { version, .. } if version == "29990101000000"), "{error:?}");
    assert!(error.to_string().contains("start the release that wrote it"), "{error}");
    let tables = format!("SELECT count(*) AS answer FROM pg_tables WHERE schemaname = '{name}'");
    assert_eq!(namespace.count(&tables).await, 1);
    assert_eq!(namespace.count("SELECT count(*) AS answer FROM __diesel_schema_migrations").await, 1);
}

/// A role that may log in, and is dropped with its rights.
async fn with_role(namespace: &Namespace, rights: &str, case: impl AsyncFnOnce(&url::Url)) {
    let name = &namespace.name;
    namespace.tamper(&format!("CREATE ROLE {name} LOGIN PASSWORD 'canary'; {rights}")).await;
    let mut url = namespace.url();
    url.set_username(name).unwrap();
    url.set_password(Some("canary")).unwrap();
    case(&url).await;
    namespace.tamper(&format!("DROP OWNED BY {name}; DROP ROLE {name}")).await;
}

async fn a_database_that_is_up_to_date_needs_no_right_to_make_tables(namespace: &Namespace) {
    drop(namespace.open().await);
    let name = &namespace.name;
    let rights = format!(
        "GRANT USAGE ON SCHEMA {name} TO {name}; GRANT SELECT ON __diesel_schema_migrations TO {name}; \
         GRANT SELECT, INSERT ON users TO {name}; GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO {name}"
    );
    with_role(namespace, &rights, async |url| {
        let store = namespace.try_open(url).await.unwrap();
        store.users().insert(&user("Ana")).await.unwrap();
        let privileges = async || {
            let checks = store.inspect().await.unwrap().checks;
            checks.into_iter().find(|check| check.name == "privileges").unwrap()
        };
        assert!(!privileges().await.ok, "{:?}", privileges().await);
        namespace.tamper(&format!("GRANT UPDATE ON users TO {name}")).await;
        assert!(privileges().await.ok, "{:?}", privileges().await);
    })
    .await;
}

async fn a_user_who_may_not_make_tables_is_told(namespace: &Namespace) {
    let name = &namespace.name;
    let rights = format!("CREATE SCHEMA {name}; GRANT USAGE ON SCHEMA {name} TO {name}");
    with_role(namespace, &rights, async |url| {
        let error = namespace.try_open(url).await.unwrap_err();
        assert!(matches!(error, OpenError::Migration { .. }), "{error:?}");
        assert!(error.to_string().contains("may make tables there"), "{error}");
        assert!(!told(&error).contains("canary"), "{}", told(&error));
    })
    .await;
}

/// Opens what cannot be opened, quickly, and returns why, after having looked for the password in it.
async fn refused(namespace: &Namespace, port: u16) -> OpenError {
    let mut url = namespace.by("127.0.0.1", port);
    url.set_password(Some("canary")).unwrap();
    let started = Instant::now();
    let error = namespace.try_open(&url).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(1), "waited {:?}", started.elapsed());
    let told = told(&error);
    assert!(told.contains(&format!("127.0.0.1:{port}")), "{told}");
    assert!(told.contains("PALAVRA__POSTGRES__URL") || told.contains("postgres.max_connections"), "{told}");
    assert!(!told.contains("canary"), "{told}");
    error
}

async fn a_port_that_nobody_listens_on_is_told(namespace: &Namespace) {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = refused(namespace, free).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
}

async fn a_server_that_does_not_answer_is_told(namespace: &Namespace) {
    let link = Link::to(namespace.server()).await;
    link.freeze();
    let options = PostgresOptions {
        connect_timeout: Duration::from_millis(300),
        ..namespace.options(&namespace.by("127.0.0.1", link.address().port()))
    };
    let started = Instant::now();
    let error = PostgresStore::open(options).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(1), "waited {:?}", started.elapsed());
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
}

async fn a_refused_login_is_told_without_the_password(namespace: &Namespace) {
    for code in ["28P01", "28000"] {
        let error = refused(namespace, refusing(code).await).await;
        assert!(matches!(error, OpenError::Login { .. }), "{error:?}");
    }
    // A server that asks for a password when none is given.
    let url = namespace.by("127.0.0.1", refusing("28P01").await);
    let error = namespace.try_open(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::Login { .. }), "{error:?}");
}

async fn a_server_that_is_full_is_told(namespace: &Namespace) {
    for code in ["53300", "57P03"] {
        let error = refused(namespace, refusing(code).await).await;
        assert!(matches!(error, OpenError::Busy { .. }), "{error:?}");
    }
}

async fn a_database_that_is_not_there_is_told(namespace: &Namespace) {
    let mut url = namespace.url();
    url.set_path("/canary_of_a_database");
    let error = namespace.try_open(&url).await.unwrap_err();
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{error:?}");
    assert!(error.to_string().contains("\"canary_of_a_database\""), "{error}");
}

async fn a_database_of_another_encoding_is_refused(namespace: &Namespace) {
    let name = &namespace.name;
    let mut stranger = namespace.stranger().await;
    let make = format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    stranger.batch_execute(&make).await.unwrap();
    let mut url = namespace.url();
    url.set_path(name);
    let error = namespace.try_open(&url).await.unwrap_err();
    stranger.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    assert!(matches!(&error, OpenError::Encoding { encoding, .. } if encoding == "SQL_ASCII"), "{error:?}");
}

async fn a_schemas_name_needs_no_quoting(namespace: &Namespace) {
    for schema in ["", "Upper", "a-b", "1a", "a\"; DROP SCHEMA public", &"a".repeat(64)] {
        let options = PostgresOptions { schema: Some(schema.to_owned()), ..namespace.options(&namespace.url()) };
        let error = PostgresStore::open(options).await.unwrap_err();
        assert!(matches!(error, OpenError::Schema { .. }), "{error:?}");
    }
}

async fn it_opens_on_a_runtime_of_one_thread(namespace: &Namespace) {
    let options = namespace.options(&namespace.url());
    let opened = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { PostgresStore::open(options).await.unwrap().users().insert(&user("Ana")).await })
    });
    opened.await.unwrap().unwrap();
}
