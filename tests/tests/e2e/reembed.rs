//! `palavra reembed`: another embedding model while people go on.

use crate::common::{simulator, wait_for_request};
use anyhow::{Context, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use palavra_e2e::{Options, Palavra, Session, wait_until};
use palavra_openrouter_sim::{Fault, FaultRule, SimPath, Simulator};
use serde_json::json;
use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// The other model, and the length of its vectors.
const MODEL: &str = "sim/embedding-large";
const DIMENSIONS: &str = "512";
/// How many memories the user has.
const MEMORIES: usize = 200;
/// What is looked for all the time, and the one memory that says it.
const QUESTION: &str = "Onde eu moro?";
const ANSWER: &str = "Mora em Recife";

const WANTED: [&str; 7] = ["reembed", "--model", MODEL, "--dimensions", DIMENSIONS, "--min-score", "0.2"];

/// Options of a command or a server over another server's data.
fn over(sim: &Simulator, data: &Path) -> Options {
    Options::default().data_dir(data).env("PALAVRA__OPENROUTER__BASE_URL", sim.base_url())
}

/// The same with the settings that the command tells to set.
fn renewed(sim: &Simulator, data: &Path) -> Options {
    over(sim, data).env("PALAVRA__EMBEDDINGS__MODEL", MODEL).env("PALAVRA__EMBEDDINGS__DIMENSIONS", DIMENSIONS)
}

async fn fill(user: &Session) -> Result<()> {
    user.post("/memories", &json!({"text": ANSWER, "kind": "profile"})).await?.expect(201)?;
    let add = |number: usize| async move {
        user.post("/memories", &json!({"text": format!("Item{number} comprado")})).await?.expect(201)
    };
    stream::iter(1..MEMORIES).map(add).buffer_unordered(8).try_for_each(|_| async { Ok(()) }).await
}

/// Looks once, in both ways.
async fn finds(user: &Session) -> Result<()> {
    let found = user.get("/memories?q=Onde%20eu%20moro%3F").await?.expect(200)?;
    let found: Vec<&str> =
        found["memories"].as_array().into_iter().flatten().filter_map(|memory| memory["text"].as_str()).collect();
    ensure!(found.contains(&ANSWER), "a search found {found:?}");
    let reply = user.ask("", QUESTION, "sim/fast").await?;
    ensure!(reply.memories.contains(&ANSWER.to_owned()), "a prompt recalled {:?}", reply.memories);
    Ok(())
}

/// A user who looks all the time, and finds it each time.
struct Looking {
    over: Arc<AtomicBool>,
    task: JoinHandle<Result<u32>>,
}

impl Looking {
    fn begin(user: &Session) -> Self {
        let (user, over) = (user.clone(), Arc::new(AtomicBool::new(false)));
        let is_over = Arc::clone(&over);
        let task = tokio::spawn(async move {
            let mut times = 0;
            while !is_over.load(Ordering::SeqCst) {
                finds(&user).await.with_context(|| format!("the time after {times}"))?;
                times += 1;
            }
            Ok(times)
        });
        Self { over, task }
    }

    async fn end(self) -> Result<u32> {
        self.over.store(true, Ordering::SeqCst);
        self.task.await?
    }
}

/// The tables in a data folder.
fn tables(data: &Path) -> Result<HashSet<String>> {
    let files = std::fs::read_dir(data.join("lancedb")).context("no memories")?;
    Ok(files.filter_map(|file| file.ok()?.file_name().into_string().ok()).collect())
}

/// The texts that the provider was given to embed by the other model, one after the other.
fn embedded(sim: &Simulator) -> Vec<String> {
    let calls = sim.requests().into_iter().filter(|request| request.body["model"] == MODEL);
    let texts = calls.filter_map(|call| call.body["input"].as_array().cloned()).flatten();
    texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn slow(times: u32) -> FaultRule {
    FaultRule::new(Fault::Slow { ms_per_chunk: 500 }).path(SimPath::Embeddings).model(MODEL).times(times)
}

#[tokio::test]
async fn whoever_looks_all_the_time_finds_it_each_time() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let data = server.data_dir().to_owned();
    let ana = server.session("ana").await?;
    fill(&ana).await?;
    sim.fault(slow(4));
    let looking = Looking::begin(&ana);
    let (code, told) = Palavra::command(&WANTED, &over(&sim, &data)).await?;
    assert_eq!(code, Some(0), "{told}");
    for said in [MODEL, "200 records", "PALAVRA__EMBEDDINGS__DIMENSIONS=512", "PALAVRA__MEMORY__MIN_SCORE=0.2"] {
        assert!(told.contains(said), "no {said:?} in {told}");
    }
    // The other model embeds what is asked, too.
    let before = embedded(&sim).len();
    assert!(before >= MEMORIES, "{before}");
    wait_until("questions in the new table", || async { Ok((embedded(&sim).len() > before + 20).then_some(())) })
        .await?;
    let added = ana.post("/memories", &json!({"text": "Gosta de açaí"})).await?.expect(201)?;
    assert_eq!(ana.memories().await?[0], added);
    let times = looking.end().await?;
    assert!(times > 20, "it was looked {times} times only");
    let (code, told) = Palavra::command(&WANTED, &over(&sim, &data)).await?;
    assert_eq!((code, told.contains("already")), (Some(0), true), "{told}");

    server.stop().await?;
    // A model that there never was is refused, in words that say what to do.
    let unknown = Options::default().data_dir(&data).env("PALAVRA__EMBEDDINGS__DIMENSIONS", "64");
    let refused = Palavra::refused(&sim.base_url(), unknown).await?;
    for said in [MODEL, DIMENSIONS, "palavra reembed"] {
        assert!(refused.message.contains(said), "no {said:?} in {}", refused.message);
    }
    // So that a crash is not the end, the settings from before are understood as well as those that were told.
    for settings in [over(&sim, &data), renewed(&sim, &data)] {
        let mut server = Palavra::start_with(&sim.base_url(), settings).await?;
        let ana = server.client().sign_in("ana", "password of ana").await?;
        finds(&ana).await?;
        let all = ana.get("/memories/export").await?.expect(200)?;
        assert_eq!(all["memories"].as_array().map(Vec::len), Some(MEMORIES + 1), "{all}");
        server.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_server_goes_on_where_it_was() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let data = server.data_dir().to_owned();
    let ana = server.session("ana").await?;
    fill(&ana).await?;
    sim.fault(slow(2));
    sim.fault(FaultRule::new(Fault::HangBeforeHeaders).path(SimPath::Embeddings).model(MODEL));
    let (command, settings) = (WANTED, over(&sim, &data));
    let command = tokio::spawn(async move { Palavra::command(&command, &settings).await });
    wait_for_request(&sim, "the third call", |_| embedded(&sim).len() > 128).await?;
    server.kill()?;
    server.resume().await?;
    let looking = Looking::begin(&ana);
    let (code, told) = command.await??;
    assert_eq!(code, Some(0), "{told}");
    // Two calls were done before the kill, and one was lost with it.
    let passages = embedded(&sim).into_iter().filter(|text| text != QUESTION).count();
    assert_eq!(passages, MEMORIES + 64);
    assert!(looking.end().await? > 0);
    assert_eq!(tables(&data)?, ["memories.lance", "memories_2.lance", "spaces.lance"].map(str::to_owned).into());
    Ok(())
}

#[tokio::test]
async fn where_nobody_serves_it_is_done_at_once() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let data = server.data_dir().to_owned();
    let ana = server.session("ana").await?;
    fill(&ana).await?;
    let bia = server.session("bia").await?;
    bia.post("/memories", &json!({"text": "Mora em Olinda"})).await?.expect(201)?;
    bia.call(reqwest::Method::PUT, "/user/profile", Some(&json!({"openrouter_api_key": null}))).await?.expect(200)?;
    server.stop().await?;
    let (code, told) = Palavra::command(&["reembed", "--cancel"], &over(&sim, &data)).await?;
    assert_eq!((code, told.contains("no memories")), (Some(1), true), "{told}");
    let (code, told) = Palavra::command(&WANTED, &over(&sim, &data)).await?;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("201 records") && told.contains("1 memories of 1 users"), "{told}");
    // Nobody writes to the old table any more, so nobody is waited for.
    assert_eq!(tables(&data)?, ["memories_2.lance", "spaces.lance"].map(str::to_owned).into());
    let (code, told) = Palavra::command(&["doctor"], &renewed(&sim, &data)).await?;
    assert_eq!(code, Some(0), "{told}");
    let server = Palavra::start_with(&sim.base_url(), renewed(&sim, &data)).await?;
    finds(&server.client().sign_in("ana", "password of ana").await?).await?;
    let bia = server.client().sign_in("bia", "password of bia").await?;
    let found = bia.get("/memories?q=Olinda").await?.expect(200)?;
    assert_eq!(found["memories"][0]["text"], "Mora em Olinda");
    Ok(())
}

#[tokio::test]
async fn what_is_given_up_is_removed_while_people_go_on() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let data = server.data_dir().to_owned();
    let ana = server.session("ana").await?;
    ana.post("/memories", &json!({"text": ANSWER, "kind": "profile"})).await?.expect(201)?;
    sim.fault(FaultRule::new(Fault::HangBeforeHeaders).path(SimPath::Embeddings).model(MODEL));
    let (command, settings) = (WANTED, over(&sim, &data));
    let command = tokio::spawn(async move { Palavra::command(&command, &settings).await });
    wait_for_request(&sim, "a call", |_| !embedded(&sim).is_empty()).await?;
    // One at a time.
    let other = ["reembed", "--model", "sim/another", "--dimensions", "64"];
    assert_eq!(Palavra::command(&other, &over(&sim, &data)).await?.0, Some(1));
    let (code, told) = Palavra::command(&["reembed", "--cancel"], &over(&sim, &data)).await?;
    assert_eq!((code, told.contains("given up")), (Some(0), true), "{told}");
    let (code, told) = command.await??;
    assert_eq!((code, told.contains("given up")), (Some(1), true), "{told}");
    wait_until("the table's end", || async {
        Ok((tables(&data)? == ["memories.lance", "spaces.lance"].map(str::to_owned).into()).then_some(()))
    })
    .await?;
    finds(&ana).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    finds(&ana).await
}
