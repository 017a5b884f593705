//! `palavra copy`, from embedded stores to shared ones and back.

use crate::common::simulator;
use anyhow::{Context, Result, ensure};
use palavra_e2e::{Options, Palavra, Polyglot};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Copies. The environment names the stores; the files, the least that has to be logged.
async fn copied(folder: &Path, from: &Options, to: &Options) -> Result<(Option<i32>, String)> {
    let file = folder.join("settings.toml");
    fs::write(&file, "[log]\nlevel = \"warn\"\n")?;
    let file = file.to_str().context("a path")?;
    let sides = [from.side("PALAVRA_FROM__"), to.side("PALAVRA_TO__")].concat();
    let options = sides.into_iter().fold(Options::default(), |options, (name, value)| options.env(&name, value));
    Palavra::command(&["copy", "--from", file, "--to", file], &options).await
}

/// Everything that two users see.
async fn seen(server: &Palavra) -> Result<Vec<Value>> {
    let mut seen = Vec::new();
    for name in ["ana", "bia"] {
        let user = server.client().sign_in(name, &format!("password of {name}")).await?;
        for path in ["/user/profile", "/chats?limit=100", "/memories?limit=100"] {
            seen.push(user.get(path).await?.expect(200)?);
        }
        let chats = user.get("/chats?limit=100").await?.expect(200)?;
        for chat in chats["chats"].as_array().context("no chats")? {
            let id = chat["chat_id"].as_str().or_else(|| chat["id"].as_str()).context("a chat without an id")?;
            seen.push(user.history(id).await?);
        }
    }
    Ok(seen)
}

/// Each part's line, without the checksums.
fn lines(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.starts_with("ok ") || line.starts_with("DIFFERS")).collect()
}

#[tokio::test]
async fn everything_moves_to_shared_stores_and_back() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let folder = tempfile::tempdir()?;
    let mut embedded = Palavra::start(&sim).await?;
    let (ana, bia) = (embedded.session("ana").await?, embedded.session("bia").await?);
    let first = ana.ask("", "Moro em Recife 🍇", "").await?;
    ana.ask(&first.chat, "E agora?", "sim/large").await?;
    ana.wait_for_memory("Recife").await?;
    let note = json!({"text": "Prefiro respostas formais"});
    bia.post("/memories", &note).await?.expect(201)?;
    bia.ask("", "Olá", "").await?;
    bia.client().put("/user/profile", json!({"memory_enabled": false, "display_name": "Bia 日本"})).await?;
    let before = seen(&embedded).await?;
    let from = Options::default().data_dir(embedded.data_dir());
    let refused = copied(folder.path(), &from, &stores.options()).await?;
    assert_eq!(refused, (Some(1), String::new()), "the folder is in use");
    embedded.stop().await?;

    // The keys of another deployment do not open what this one sealed.
    let refused = copied(folder.path(), &from, &stores.options()).await?;
    assert_eq!(refused, (Some(1), String::new()), "the master keys differ");
    let secrets = fs::read_to_string(embedded.data_dir().join("secrets.toml"))?;
    let keys = secrets.lines().find_map(|line| line.strip_prefix("master_keys = ")).context("no master keys")?;
    let keys = keys.trim_matches(['"', '\'']);
    let shared = stores.options().env("PALAVRA__SECURITY__MASTER_KEYS", keys);
    let (code, said) = copied(folder.path(), &from, &shared).await?;
    ensure!(code == Some(0), "{said}");
    let parts = ["users: 2", "chats: 2", "turns: 3", "memories: 2"].map(|part| format!("ok      {part} written now"));
    assert_eq!(lines(&said), parts, "{said}");
    assert!(said.ends_with("everything is in the target\n"), "{said}");
    let (code, said) = copied(folder.path(), &from, &shared).await?;
    let nothing = ["users", "chats", "turns", "memories"].map(|part| format!("ok      {part}: 0 written now"));
    assert_eq!((code, lines(&said)), (Some(0), nothing.iter().map(String::as_str).collect()), "{said}");

    let mut polyglot = Palavra::start_with(&sim.base_url(), shared.clone()).await?;
    assert_eq!(seen(&polyglot).await?, before);
    // The key that was sealed there is opened here, and the chat goes on; what was remembered there is recalled.
    let ana = polyglot.client().sign_in("ana", "password of ana").await?;
    let third = ana.ask(&first.chat, "O que eu disse?", "").await?;
    assert_eq!(third.body["turn"], 3, "{}", third.body);
    let recalled = ana.ask("", "Que tal Recife?", "").await?;
    assert!(recalled.body["memories"].as_array().is_some_and(|memories| !memories.is_empty()), "{}", recalled.body);
    let before = seen(&polyglot).await?;
    polyglot.stop().await?;

    let back = folder.path().join("back");
    let to = Options::default().data_dir(&back).env("PALAVRA__SECURITY__MASTER_KEYS", keys);
    let (code, said) = copied(folder.path(), &shared, &to).await?;
    ensure!(code == Some(0), "{said}");
    let again = Palavra::start_with(&sim.base_url(), to).await?;
    assert_eq!(seen(&again).await?, before);
    Ok(())
}
