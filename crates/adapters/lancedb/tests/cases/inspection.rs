use super::{open, row};
use crate::options;
use palavra_contracts::samples::user_id;
use palavra_domain::ports::{Inspect as _, MemoryRepository as _};
use palavra_lancedb::LanceDbOptions;
use std::time::Duration;

/// The version that is built in.
fn locked() -> String {
    let lock = include_str!("../../../../../Cargo.lock");
    let package = lock.split("[[package]]").find(|package| package.contains("\nname = \"lancedb\"\n")).unwrap();
    let version = package.lines().find_map(|line| line.strip_prefix("version = ")).unwrap();
    version.trim_matches('"').to_owned()
}

pub(crate) async fn an_inspection_tells_the_space_the_indexes_and_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let never = Duration::from_secs(3600);
    let quiet = LanceDbOptions { compact_after_writes: u32::MAX, compact_when_idle: never, ..options(folder.path()) };
    let repository = open(quiet).await;
    let user = user_id();
    for text in ["secret-one", "secret-two", "secret-three"] {
        repository.insert(vec![row(user, text)]).await.unwrap();
    }
    let inspection = repository.inspect().await.unwrap();
    assert_eq!(inspection.product, format!("LanceDB {}", locked()));
    assert!(inspection.checks.iter().all(|check| check.ok), "{inspection:?}");
    let told = |name| &inspection.checks.iter().find(|check| check.name == name).unwrap().told;
    assert_eq!(told("embeddings"), "vendor/embedder with 4 dimensions");
    assert_eq!(told("indexes"), "on user_id, id; 3 rows are not in them yet");
    let files = told("files");
    assert!(files.starts_with("3 rows, 0 of deleted ones still to be merged away, 3 fragments, "), "{files}");
    assert!(!format!("{inspection:?}").contains("secret"));
}

pub(crate) async fn an_inspection_misses_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let shared = LanceDbOptions { sole_writer: false, ..options(folder.path()) };
    let repository = open(shared).await;
    repository.insert(vec![row(user_id(), "one")]).await.unwrap();
    let connection = lancedb::connect(folder.path().to_str().unwrap()).execute().await.unwrap();
    let table = connection.open_table("memories").execute().await.unwrap();
    let index = table.list_indices().await.unwrap().into_iter().find(|index| index.columns == ["id"]).unwrap();
    table.drop_index(&index.name).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let inspection = repository.inspect().await.unwrap();
    let found = inspection.checks.iter().find(|check| check.name == "indexes").unwrap();
    assert!(!found.ok && found.told.starts_with("none on id: "), "{found:?}");
}
