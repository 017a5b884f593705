//! Tables on object storage: any S3-compatible server that `TEST_S3_ENDPOINT` names, with the bucket `TEST_S3_BUCKET`, or one
//! that is made. Keys come from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or are anything.

use super::{eventually_async, layouts, open, remembered, row, update};
use futures::{StreamExt as _, TryStreamExt as _, future::join_all};
use object_store::{
    ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
};
use palavra_contracts::samples::{at, user_id};
use palavra_domain::{EmbeddingSpace, MemoryText, StoreError, ports::MemoryRepository as _};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions, OpenError, S3Options};
use std::{env, error::Error as _, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::OnceCell,
    time::Instant,
};
use uuid::Uuid;

/// The variable that names the server.
pub(crate) const ENDPOINT: &str = "TEST_S3_ENDPOINT";

fn endpoint() -> String {
    env::var(ENDPOINT).unwrap().trim_end_matches('/').to_owned()
}

fn variable(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

/// The bucket. One that the environment does not name is made, by a request that nobody signed.
async fn bucket() -> &'static str {
    static BUCKET: OnceCell<String> = OnceCell::const_new();
    let named = BUCKET.get_or_init(|| async {
        if let Ok(named) = env::var("TEST_S3_BUCKET") {
            return named;
        }
        let made = "palavra-lancedb-tests".to_owned();
        let host = endpoint();
        let host = host.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let request = format!("PUT /{made} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap();
        // Conflict: an earlier run has made it.
        assert!(["200", "409"].contains(&status), "making the bucket {made}: {answer}");
        made
    });
    named.await
}

fn s3() -> S3Options {
    S3Options {
        endpoint: Some(endpoint()),
        region: Some(variable("AWS_REGION", "us-east-1")),
        access_key_id: Some(variable("AWS_ACCESS_KEY_ID", "test")),
        secret_access_key: Some(variable("AWS_SECRET_ACCESS_KEY", "test").into()),
        allow_http: true,
        path_style: Some(true),
    }
}

fn on(uri: &str, s3: S3Options) -> LanceDbOptions {
    let space = EmbeddingSpace { model: "vendor/embedder".into(), dimensions: 4 };
    let timeout = Duration::from_secs(30);
    LanceDbOptions { s3, timeout, sole_writer: false, ..LanceDbOptions::new(uri, space) }
}

/// Options for a new table in the bucket.
pub(crate) async fn options(part: &str) -> LanceDbOptions {
    on(&format!("s3://{}/{part}/{}", bucket().await, Uuid::new_v4()), s3())
}

/// The bucket, without LanceDB.
async fn store() -> AmazonS3 {
    let s3 = s3();
    AmazonS3Builder::new()
        .with_endpoint(endpoint())
        .with_allow_http(true)
        .with_bucket_name(bucket().await)
        .with_region(s3.region.unwrap())
        .with_access_key_id(s3.access_key_id.unwrap())
        .with_secret_access_key(variable("AWS_SECRET_ACCESS_KEY", "test"))
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .build()
        .unwrap()
}

pub(crate) async fn the_storage_saves_only_what_is_not_there() {
    let store = Arc::new(store().await);
    for _ in 0..20 {
        let key = object_store::path::Path::from(format!("conditional/{}", Uuid::new_v4()));
        let save = |number: u8| {
            let (store, key) = (Arc::clone(&store), key.clone());
            tokio::spawn(async move {
                let only_new = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
                store.put_opts(&key, vec![number; 4096].into(), only_new).await
            })
        };
        let calls: Vec<_> = (0..8).map(save).collect();
        let saved: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<usize> = (0..8).filter(|&number| saved[number].is_ok()).collect();
        assert_eq!(winners.len(), 1, "LanceDB's commits hang on `If-None-Match: *`: {saved:?}");
        for refused in saved.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, object_store::Error::AlreadyExists { .. }), "{refused:?}");
        }
        let stored = store.get(&key).await.unwrap().bytes().await.unwrap();
        assert_eq!(usize::from(stored[0]), winners[0]);
    }
}

pub(crate) async fn a_missing_bucket_is_named() {
    let uri = format!("s3://palavra-{}/memories", Uuid::new_v4());
    let error = LanceDbMemoryRepository::open(on(&uri, s3())).await.unwrap_err();
    assert!(matches!(error, OpenError::NoBucket { .. }), "{error:?}");
    assert!(error.to_string().contains(&uri), "{error}");
}

pub(crate) async fn of_two_repositories_one_inserts_a_memory() {
    let options = options("inserts").await;
    let (one, two) = tokio::join!(open(options.clone()), open(options));
    let user = user_id();
    for round in 1..=6 {
        let first = row(user, "of one");
        let mut second = row(user, "of two");
        second.memory.id = first.memory.id;
        let (first, second) = tokio::join!(one.insert(vec![first]), two.insert(vec![second]));
        first.unwrap();
        second.unwrap();
        assert_eq!(one.list(user, None, 100).await.unwrap().items.len(), round);
    }
}

pub(crate) async fn of_two_repositories_one_updates_from_a_revision() {
    let options = options("updates").await;
    let (one, two) = (open(options.clone()).await, open(options).await);
    let user = user_id();
    for _ in 0..4 {
        let row = row(user, "first");
        one.insert(vec![row.clone()]).await.unwrap();
        let (first, second) = tokio::join!(update(&one, row.clone()), update(&two, row.clone()));
        let stale = |outcome: &Result<_, StoreError>| matches!(outcome, Err(StoreError::Stale(_)));
        assert!(first.is_ok() && stale(&second) || stale(&first) && second.is_ok(), "{first:?} and {second:?}");
        assert_eq!(one.find(user, row.memory.id).await.unwrap().unwrap().revision, 2);
    }
}

/// Whether any object of the table holds these bytes.
async fn in_bucket(uri: &str, sought: impl AsRef<[u8]>) -> bool {
    let sought = sought.as_ref();
    let store = store().await;
    let prefix = uri.strip_prefix("s3://").unwrap().split_once('/').unwrap().1.to_owned();
    let objects: Vec<_> = store.list(Some(&prefix.into())).try_collect().await.unwrap();
    assert!(!objects.is_empty());
    let holds = |location| {
        let store = &store;
        async move {
            let Ok(object) = store.get(&location).await else { return false };
            let bytes = object.bytes().await.unwrap();
            bytes.windows(sought.len()).any(|part| part == sought)
        }
    };
    let found = futures::stream::iter(objects).map(|object| holds(object.location)).buffer_unordered(8);
    found.any(|holds| async move { holds }).await
}

pub(crate) async fn what_was_deleted_leaves_the_bucket() {
    // Old versions stay for eight times the timeout.
    let tidy = LanceDbOptions {
        compact_when_idle: Duration::from_millis(200),
        timeout: Duration::from_secs(2),
        ..options("erasure").await
    };
    let uri = tidy.uri.clone();
    let repository = open(tidy).await;
    let (user, other) = (user_id(), user_id());
    let canary = row(user, "canary-4711-secret-place");
    repository.insert(vec![canary.clone(), row(other, "bystander-0815-stays-here")]).await.unwrap();
    repository.insert(vec![row(other, "another")]).await.unwrap();
    let mut changed = canary;
    changed.memory.text = MemoryText::parse("changed-2323-secret-place").unwrap();
    update(&repository, changed).await.unwrap().unwrap();
    assert!(in_bucket(&uri, "canary-4711").await);
    // Another user deletes a memory, with its history.
    let third = user_id();
    let (memories, secrets) = remembered(third);
    repository.insert(memories.clone()).await.unwrap();
    for secret in &secrets {
        assert!(in_bucket(&uri, secret).await, "{} was never there", String::from_utf8_lossy(secret));
    }
    assert!(repository.delete(third, memories[0].memory.id, at(9)).await.unwrap());
    assert_eq!(repository.delete_all(user).await.unwrap(), 1);
    let gone = || async { !in_bucket(&uri, "canary-4711").await && !in_bucket(&uri, "changed-2323").await };
    eventually_async("the texts of a deleted user left the bucket", gone).await;
    for secret in &secrets {
        let gone = || async { !in_bucket(&uri, secret).await };
        eventually_async("what a deleted memory and its history said left the bucket", gone).await;
    }
    assert_eq!(repository.deleted(third).await.unwrap().len(), memories.len());
    assert!(in_bucket(&uri, "bystander-0815").await);
    assert_eq!(repository.list(other, None, 100).await.unwrap().items.len(), 2);
}

pub(crate) async fn a_bucket_of_the_first_layout_is_brought_to_the_present_one() {
    let options = options("layouts").await;
    let user = user_id();
    let rows: Vec<_> = ["one", "two"].map(|text| row(user, text)).into();
    layouts::first(&options, std::slice::from_ref(&rows)).await;
    // Several start at once.
    let opened = join_all((0..3).map(|_| open(options.clone()))).await;
    for repository in opened {
        layouts::holds(&repository, &rows).await;
    }
}

pub(crate) async fn a_secret_is_not_printed() {
    let s3 = S3Options { secret_access_key: Some("canary-secret".to_owned().into()), ..S3Options::default() };
    assert!(!format!("{:?}", on("s3://bucket/memories", s3)).contains("canary-secret"));
}

pub(crate) async fn other_kinds_of_places_are_refused() {
    for uri in ["gs://bucket/memories", "https://example.org/memories", "db://memories"] {
        let error = LanceDbMemoryRepository::open(on(uri, S3Options::default())).await.unwrap_err();
        assert!(matches!(error, OpenError::Place { .. }), "{error:?}");
    }
    if !cfg!(feature = "s3") {
        let error = LanceDbMemoryRepository::open(on("s3://bucket/memories", S3Options::default())).await.unwrap_err();
        assert!(matches!(error, OpenError::WithoutS3 { .. }), "{error:?}");
    }
}

/// Answers every request with this status, as S3 does.
async fn answering(status: &'static str, code: &'static str) -> S3Options {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 16 * 1024];
            drop(stream.read(&mut request).await);
            let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });
    S3Options {
        endpoint: Some(format!("http://{address}")),
        region: Some("us-east-1".into()),
        access_key_id: Some("somebody".into()),
        secret_access_key: Some("canary-secret".to_owned().into()),
        allow_http: true,
        path_style: None,
    }
}

pub(crate) async fn a_storage_that_refuses_is_named() {
    if cfg!(not(feature = "s3")) {
        return;
    }
    let refusing = answering("403 Forbidden", "InvalidAccessKeyId").await;
    let error = LanceDbMemoryRepository::open(on("s3://bucket/memories", refusing)).await.unwrap_err();
    assert!(matches!(error, OpenError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("s3://bucket/memories"), "{error}");
    assert!(!format!("{error:?} {:?}", error.source()).contains("canary-secret"));
}

pub(crate) async fn a_storage_that_does_not_answer_is_named() {
    if cfg!(not(feature = "s3")) {
        return;
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut silent = answering("403 Forbidden", "x").await;
    silent.endpoint = Some(format!("http://{nobody}"));
    let began = Instant::now();
    let options = LanceDbOptions { timeout: Duration::from_secs(1), ..on("s3://bucket/memories", silent) };
    let error = LanceDbMemoryRepository::open(options).await.unwrap_err();
    assert!(matches!(error, OpenError::Storage { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(60), "after {:?}", began.elapsed());
}
