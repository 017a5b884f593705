//! What is on the disk while memories are saved one by one, and afterwards.

use crate::{
    load::name,
    profiles::{Profile, Stores},
    report::say,
};
use anyhow::{Result, ensure};
use palavra_e2e::{Client, Palavra, SimProcess};
use serde_json::json;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const CONNECTIONS: usize = 4;
/// How many rows are printed while memories are saved.
const ROWS: usize = 10;
const POLL: Duration = Duration::from_millis(50);
/// Files are merged half a minute after the last write, and the old ones removed some seconds after that.
const SETTLES_AFTER: Duration = Duration::from_secs(45);
/// Then nothing may change for this long.
const STILL: Duration = Duration::from_secs(10);
const SETTLES_WITHIN: Duration = Duration::from_secs(180);

/// What a folder of LanceDB holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    files: usize,
    bytes: u64,
    /// Files of rows.
    data: usize,
    /// Versions of the table.
    versions: usize,
}

impl Held {
    fn of(folder: &Path) -> Self {
        let mut held = Self::default();
        held.add(folder);
        held
    }

    fn add(&mut self, folder: &Path) {
        // What is removed in between is not there.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.add(&path);
                continue;
            }
            let within = |name: &str| folder.file_name().is_some_and(|folder| folder == name);
            self.files += 1;
            self.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            self.data += usize::from(within("data"));
            self.versions += usize::from(within("_versions"));
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a size to be shown")]
    fn row(self, when: &str, memories: usize) -> String {
        let Self { files, bytes, data, versions } = self;
        format!(
            "| {when} | {memories} | {files} | {data} | {versions} | {:.2} MiB |",
            bytes as f64 / f64::from(1 << 20)
        )
    }
}

/// Saves one memory after the other, until the connections together have begun so many.
async fn save(user: Client, begun: Arc<AtomicUsize>, saved: Arc<AtomicUsize>, memories: usize) -> Result<()> {
    loop {
        let number = begun.fetch_add(1, Ordering::Relaxed);
        if number >= memories {
            return Ok(());
        }
        let text = format!("On day {number} I had soup number {number} for dinner");
        let (status, answer) = user.post("/memories", json!({"text": text})).await?;
        ensure!(status == 201, "POST /memories: {status} {answer}");
        saved.fetch_add(1, Ordering::Relaxed);
    }
}

/// Saves so many memories one by one, and prints what that makes of the folder.
pub(crate) async fn measure(sim: &SimProcess, memories: usize) -> Result<()> {
    let stores = Stores::fresh(Profile::Embedded).await?;
    let server = Palavra::start_with(&sim.base_url(), stores.options()).await?;
    let folder = server.data_dir().join("lancedb");
    let mut users = Vec::new();
    for n in 0..CONNECTIONS {
        users.push(server.user(&name(n)).await?);
    }
    say(&format!("Memories saved one by one over {CONNECTIONS} connections, vectors of 256 numbers:\n"));
    say("| | memories | files | of them data | versions | bytes |\n|---|---|---|---|---|---|");
    say(&Held::of(&folder).row("before", 0));

    let began = Instant::now();
    let (begun, saved) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let saving =
        users.into_iter().map(|user| tokio::spawn(save(user, Arc::clone(&begun), Arc::clone(&saved), memories)));
    let saving = tokio::spawn(futures::future::join_all(saving));
    let (mut most, mut next) = (Held::default(), memories / ROWS);
    while !saving.is_finished() {
        tokio::time::sleep(POLL).await;
        let held = Held::of(&folder);
        if held.files > most.files {
            most = held;
        }
        let now = saved.load(Ordering::Relaxed);
        if now >= next && now < memories {
            say(&held.row("during", now));
            next += (memories / ROWS).max(1);
        }
    }
    for saver in saving.await? {
        saver??;
    }
    let took = began.elapsed();
    let count = saved.load(Ordering::Relaxed);
    say(&Held::of(&folder).row("right after", count));
    let (settled, after) = settled(&folder).await?;
    say(&settled.row("settled", count));
    say(&format!(
        "\nSaved in {:.1} s. Most files at once: {} ({} of them data). Settled {:.0} s after the last.\n",
        took.as_secs_f64(),
        most.files,
        most.data,
        after.as_secs_f64()
    ));
    Ok(())
}

/// Waits until the folder does not change any more: what it holds then, and how long that took.
async fn settled(folder: &Path) -> Result<(Held, Duration)> {
    let began = Instant::now();
    let (mut held, mut since) = (Held::of(folder), began);
    loop {
        tokio::time::sleep(POLL * 10).await;
        let now = Held::of(folder);
        if now != held {
            (held, since) = (now, Instant::now());
        }
        if began.elapsed() >= SETTLES_AFTER && since.elapsed() >= STILL {
            return Ok((held, since - began));
        }
        ensure!(began.elapsed() < SETTLES_WITHIN, "the files of memories change for {SETTLES_WITHIN:?}: {held:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_by_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("memories.lance");
        for (place, files) in [("data", 3), ("_versions", 2), ("_indices/one", 1)] {
            fs::create_dir_all(table.join(place)).unwrap();
            for file in 0..files {
                fs::write(table.join(place).join(file.to_string()), "12345").unwrap();
            }
        }
        assert_eq!(Held::of(folder.path()), Held { files: 6, bytes: 30, data: 3, versions: 2 });
        assert_eq!(Held::of(&folder.path().join("nothing")), Held::default());
    }
}
