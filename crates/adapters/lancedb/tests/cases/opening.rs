use super::{fresh, open, row, update};
use crate::options;
use palavra_contracts::samples::{at, user_id};
use palavra_domain::{EmbeddingSpace, StoreError, ports::MemoryRepository as _};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions, OpenError};
use std::sync::Arc;

pub(crate) async fn what_was_saved_is_there_after_reopening() {
    let (repository, folder) = fresh().await;
    let user = user_id();
    let (kept, deleted) = (row(user, "kept"), row(user, "deleted"));
    repository.insert(vec![kept.clone(), deleted.clone()]).await.unwrap();
    let kept = update(&repository, kept).await.unwrap().unwrap();
    assert!(repository.delete(user, deleted.memory.id, at(9)).await.unwrap());
    // Not closed: as when the process is killed.
    drop(repository);
    for _ in 0..2 {
        let again = open(options(folder.path())).await;
        assert!(again.has_any(user).await.unwrap());
        assert_eq!(again.list(user, None, 10).await.unwrap().items, vec![kept.clone()]);
        assert_eq!(again.search(user, &[1.0, 0.0, 0.0, 0.0], 10, 0.9).await.unwrap().len(), 1);
        again.close().await;
    }
}

pub(crate) async fn another_space_is_refused_and_both_are_named() {
    let (repository, folder) = fresh().await;
    repository.insert(vec![row(user_id(), "kept")]).await.unwrap();
    repository.close().await;
    let ours = options(folder.path());
    for space in [
        EmbeddingSpace { model: "vendor/other".into(), dimensions: 4 },
        EmbeddingSpace { model: "vendor/embedder".into(), dimensions: 8 },
    ] {
        let error = LanceDbMemoryRepository::open(LanceDbOptions { space: space.clone(), ..ours.clone() }).await;
        let error = error.unwrap_err();
        assert!(matches!(&error, OpenError::OtherSpace { wanted, .. } if *wanted == space), "{error:?}");
        let shown = error.to_string();
        for part in [
            space.to_string().as_str(),
            "vendor/embedder with 4 dimensions",
            "embeddings.model = \"vendor/embedder\"",
            "embeddings.dimensions = 4",
            "move the folder away",
            folder.path().to_str().unwrap(),
        ] {
            assert!(shown.contains(part), "{part} is not in: {shown}");
        }
    }
    assert_eq!(open(ours.clone()).await.space(), &ours.space);
}

pub(crate) async fn a_table_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let column = arrow_schema::Field::new("id", arrow_schema::DataType::Utf8, false);
    let schema = Arc::new(arrow_schema::Schema::new(vec![column]));
    let connection = lancedb::connect(&options.uri).execute().await.unwrap();
    connection.create_empty_table("memories", schema).execute().await.unwrap();
    let error = LanceDbMemoryRepository::open(options).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
}

pub(crate) async fn impossible_dimensions_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    for dimensions in [0, 65_537, usize::MAX] {
        let space = EmbeddingSpace { dimensions, ..options.space.clone() };
        let error = LanceDbMemoryRepository::open(LanceDbOptions { space, ..options.clone() }).await.unwrap_err();
        assert!(matches!(error, OpenError::Dimensions { .. }), "{error:?}");
    }
}

pub(crate) async fn odd_folders_are_fine() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["with spaces", "memórias-日本", "100%25 #1 a+b", "nested/once/more"] {
        let path = folder.path().join(name);
        let user = user_id();
        let repository = open(options(&path)).await;
        repository.insert(vec![row(user, "here")]).await.unwrap();
        repository.close().await;
        assert!(path.is_dir(), "{name}");
        assert!(open(options(&path)).await.has_any(user).await.unwrap(), "{name}");
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let error = LanceDbMemoryRepository::open(options(&file)).await.unwrap_err();
    assert!(matches!(error, OpenError::Failed { .. }), "{error:?}");
}

pub(crate) async fn closing_finishes_what_is_queued() {
    let (repository, folder) = fresh().await;
    let (repository, user) = (Arc::new(repository), user_id());
    let mut calls = Vec::new();
    for index in 0..40 {
        let repository = Arc::clone(&repository);
        calls.push(tokio::spawn(async move { repository.insert(vec![row(user, &format!("{index}"))]).await }));
        tokio::task::yield_now().await;
    }
    repository.close().await;
    repository.close().await;
    let mut saved = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(()) => saved += 1,
            Err(StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(matches!(repository.delete_all(user).await, Err(StoreError::Unavailable { .. })));
    assert_eq!(repository.list(user, None, 100).await.unwrap().items.len(), saved);
    assert_eq!(open(options(folder.path())).await.list(user, None, 100).await.unwrap().items.len(), saved);
}
