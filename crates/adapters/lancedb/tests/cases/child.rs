//! Processes of their own, for what only several of them can show: this test binary, started again.

use super::update;
use crate::options;
use palavra_contracts::samples::{at, embedded, user_id};
use palavra_domain::{EmbeddedMemory, Memory, MemoryId, StoreError, UserId, ports::MemoryRepository as _};
use palavra_lancedb::{LanceDbMemoryRepository, LanceDbOptions};
use std::{env, fs, path::Path, process::Stdio, time::Duration};
use tokio::{io::AsyncReadExt as _, process::Command};

/// Says what to do: the work, the folder, the user, and ids.
const TASK: &str = "LANCEDB_TEST_CHILD";

/// What a process does with each of the ids, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Inserts it.
    Insert,
    /// Updates it from its first revision.
    Update,
    /// Puts a new memory in its place, from its first revision, and writes down what it said before.
    Supersede,
    /// For a user of its own: inserts and updates it, and deletes every other one, while files are merged all the time.
    Churn,
}

/// What a process told when it ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) user: UserId,
    /// The ids with which it did what it should.
    pub(crate) ok: Vec<MemoryId>,
}

/// Starts several processes that do the same at the same time, and waits until they have ended well.
pub(crate) async fn race(folder: &Path, work: Work, user: UserId, ids: &[MemoryId], processes: usize) -> Vec<Told> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let go = tempfile::tempdir().unwrap();
    let go = go.path().join("go");
    let start = |number| {
        // What a process does for itself, it does for a user of its own.
        let user = if work == Work::Churn { user_id() } else { user };
        let task = [format!("{work:?}"), user.to_string(), ids.join(","), format!("{number}")].join(" ");
        let child = Command::new(env::current_exe().unwrap())
            .env(TASK, task)
            .args([folder, go.as_path()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        (user, child)
    };
    let started: Vec<_> = (0..processes).map(start).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    fs::write(&go, "").unwrap();
    let mut told = Vec::new();
    for (user, mut child) in started {
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
        assert!(child.wait().await.unwrap().success(), "a process ended badly");
        told.push(Told { user, ok: text.lines().map(|id| id.parse().unwrap()).collect() });
    }
    told
}

/// What this process is to do, if it is one of those.
pub(crate) fn task() -> Option<String> {
    env::var(TASK).ok()
}

/// Does it.
pub(crate) fn run(task: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(perform(task));
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
async fn perform(task: &str) {
    let mut parts = task.split(' ');
    let mut part = || parts.next().unwrap();
    let (work, user, ids, number) = (part(), part(), part(), part());
    let user: UserId = user.parse().unwrap();
    let folders: Vec<_> = env::args_os().skip(1).collect();
    let (folder, go) = (Path::new(&folders[0]), Path::new(&folders[1]));
    let after = if work == "Churn" { 1 } else { 20 };
    let options = LanceDbOptions { sole_writer: false, compact_after_writes: after, ..options(folder) };
    let repository = LanceDbMemoryRepository::open(options).await.unwrap();
    while !go.exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for (place, id) in ids.split(',').enumerate() {
        let id: MemoryId = id.parse().unwrap();
        let mut row: EmbeddedMemory = embedded(user, &format!("by process {number}"), 4, 0.0);
        row.memory.id = id;
        let ok = match work {
            "Insert" => repository.insert(vec![row]).await.map(|()| true).unwrap(),
            "Update" | "Supersede" => {
                let changes = if work == "Update" { vec![row] } else { superseding(row) };
                let count = changes.len();
                match repository.change(user, changes).await {
                    Ok(Some(written)) => written.len() == count && written[0].revision == 2,
                    Err(StoreError::Stale(_)) => false,
                    other => panic!("{other:?}"),
                }
            }
            "Churn" => {
                repository.insert(vec![row.clone()]).await.unwrap();
                assert_eq!(update(&repository, row).await.unwrap().unwrap().revision, 2);
                place % 2 == 0 || repository.delete(user, id, at(9)).await.unwrap()
            }
            other => panic!("{other}"),
        };
        if ok {
            println!("{id}");
        }
    }
    repository.close().await;
}

/// The memory with another in its place, which no other process makes, and what it said before.
fn superseding(old: EmbeddedMemory) -> Vec<EmbeddedMemory> {
    let EmbeddedMemory { memory, vector } = old;
    let by = Memory { id: MemoryId::new(uuid::Uuid::new_v4()), revision: 0, ..memory.clone() };
    let earlier = Memory { id: memory.id.earlier(1), revision: 0, ..memory.clone() }.superseded(memory.id, at(1));
    let memories = [memory.superseded(by.id, at(2)), by, earlier];
    memories.map(|memory| EmbeddedMemory { memory, vector: vector.clone() }).into()
}
