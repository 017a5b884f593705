//! `palavra doctor`.

use crate::common::simulator;
use anyhow::{Context, Result};
use palavra_e2e::{Options, Palavra, Polyglot};
use serde_json::Value;

async fn examined(options: &Options, arguments: &[&str]) -> Result<(Option<i32>, Value)> {
    let (code, said) = Palavra::command(&[&["doctor", "--json"], arguments].concat(), options).await?;
    Ok((code, serde_json::from_str(&said).with_context(|| format!("no JSON: {said}"))?))
}

fn names(report: &Value) -> Vec<&str> {
    report["stores"].as_array().into_iter().flatten().filter_map(|store| store["name"].as_str()).collect()
}

#[tokio::test]
async fn embedded_stores_are_examined_while_nobody_serves() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    ana.ask("", "Moro em Recife", "").await?;
    ana.wait_for_memory("Recife").await?;
    let options = Options::default().data_dir(server.data_dir());
    let (code, said) = Palavra::command(&["doctor"], &options).await?;
    assert_eq!((code, said.as_str()), (Some(1), ""), "the folder is in use");
    server.stop().await?;
    let (code, report) = examined(&options, &[]).await?;
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(names(&report), ["sqlite", "lancedb"]);
    let counts = ["users", "chats", "turns", "memories"].map(|name| report["looked_at"][name].as_u64());
    assert_eq!(counts, [Some(1); 4], "{report}");
    let (code, said) = Palavra::command(&["doctor"], &options).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("SQLite 3.") && said.ends_with("all is well\n"), "{said}");
    Ok(())
}

#[tokio::test]
async fn shared_stores_are_examined_while_others_serve() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let server = Palavra::start_with(&sim.base_url(), stores.options()).await?;
    server.session("ana").await?.ask("", "Olá", "").await?;
    let (code, report) = examined(&stores.options(), &[]).await?;
    let checks = report["stores"].as_array().into_iter().flatten().filter_map(|store| store["checks"].as_array());
    let wrong: Vec<&str> =
        checks.flatten().filter(|check| check["ok"] != true).filter_map(|check| check["name"].as_str()).collect();
    // A throw-away Postgres runs without fsync, and the doctor tells.
    assert!(wrong.is_empty() || wrong == ["durability"], "{report}");
    assert_eq!(code, Some(i32::from(!wrong.is_empty())), "{report}");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0), "{report}");
    assert_eq!(names(&report), ["postgres", "mongodb", "lancedb", "redis"]);
    assert_eq!(report["looked_at"]["turns"], 1, "{report}");
    Ok(())
}
