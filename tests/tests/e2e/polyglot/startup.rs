//! Refusals to start.

use crate::common::simulator;
use anyhow::Result;
use palavra_e2e::{Options, Palavra, Polyglot};

/// Nothing listens there.
const NOWHERE: &str = "127.0.0.1:9";
const SECRET: &str = "canary-of-a-password";

async fn refused(options: Options, said: &[&str]) -> Result<()> {
    let refusal = Palavra::refused("http://127.0.0.1:9/api/v1", options).await?;
    assert_eq!(refusal.code, Some(1), "{}", refusal.message);
    for words in said {
        assert!(refusal.message.contains(words), "no {words:?} in: {}", refusal.message);
    }
    assert!(!refusal.message.contains("panicked") && !refusal.message.contains(SECRET), "{}", refusal.message);
    Ok(())
}

#[tokio::test]
async fn settings_that_are_missing() -> Result<()> {
    let bare = Options::default().env("PALAVRA__PROFILE", "polyglot");
    refused(bare, &["stores.users = \"postgres\"", "PALAVRA__POSTGRES__URL"]).await?;
    let stores = Polyglot::fresh().await?;
    for (name, said) in [
        ("PALAVRA__POSTGRES__URL", "PALAVRA__POSTGRES__URL"),
        ("PALAVRA__MONGODB__URL", "PALAVRA__MONGODB__URL"),
        ("PALAVRA__REDIS__URL", "PALAVRA__REDIS__URL"),
        ("PALAVRA__LANCEDB__URI", "PALAVRA__LANCEDB__URI"),
        ("PALAVRA__SECURITY__JWT_KEYS", "openssl rand -base64 32"),
        ("PALAVRA__SECURITY__MASTER_KEYS", "openssl rand -base64 32"),
    ] {
        refused(stores.options().env(name, ""), &[said]).await?;
    }
    refused(stores.options().env("PALAVRA__STORES__CHATS", "cassandra"), &["cassandra", "mongodb"]).await
}

#[tokio::test]
async fn servers_that_are_not_there() -> Result<()> {
    let stores = Polyglot::fresh().await?;
    for (name, url) in [
        ("PALAVRA__POSTGRES__URL", format!("postgres://palavra:{SECRET}@{NOWHERE}/palavra")),
        ("PALAVRA__MONGODB__URL", format!("mongodb://palavra:{SECRET}@{NOWHERE}/")),
        ("PALAVRA__REDIS__URL", format!("redis://:{SECRET}@{NOWHERE}")),
        ("PALAVRA__POSTGRES__URL", format!("http://palavra:{SECRET}@{NOWHERE}/palavra")),
        ("PALAVRA__MONGODB__URL", format!("http://palavra:{SECRET}@{NOWHERE}/")),
        ("PALAVRA__REDIS__URL", format!("http://:{SECRET}@{NOWHERE}")),
    ] {
        refused(stores.options().env(name, url), &[name]).await?;
    }
    // It starts where it could before.
    let sim = simulator()?;
    let server = Palavra::start_with(&sim.base_url(), stores.options()).await?;
    server.session("ana").await?.ask("", "Olá", "").await?;
    Ok(())
}

#[tokio::test]
async fn memories_of_another_embedding_space() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let server = Palavra::start_with(&sim.base_url(), stores.options()).await?;
    server.session("ana").await?;
    refused(stores.options().env("PALAVRA__EMBEDDINGS__DIMENSIONS", "128"), &["256", "128"]).await
}
