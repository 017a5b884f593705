//! Refusals to start: each with exit status 1 and a message that says what to do.

use crate::common::simulator;
use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use palavra_e2e::{Options, Palavra};
use serde_json::json;
use std::net::TcpListener;

/// Nothing listens there: these servers do not get so far.
const NOWHERE: &str = "http://127.0.0.1:9/api/v1";

async fn refused(options: Options, said: &[&str]) -> Result<String> {
    let refusal = Palavra::refused(NOWHERE, options).await?;
    assert_eq!(refusal.code, Some(1), "{}", refusal.message);
    for words in said {
        // The environment's names are told as they were written.
        assert!(refusal.message.to_lowercase().contains(&words.to_lowercase()), "no {words:?} in: {}", refusal.message);
    }
    assert!(!refusal.message.contains("panicked"), "{}", refusal.message);
    Ok(refusal.message)
}

#[tokio::test]
async fn a_second_process_on_the_same_folder() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let folder = server.data_dir().to_owned();
    let told = folder.to_str().unwrap().to_owned();
    refused(Options::default().data_dir(&folder), &["another palavra process", &told, "PALAVRA__DATA_DIR"]).await?;
    ana.ask("", "Still there?", "").await?;
    // A kill leaves no lock behind.
    server.kill()?;
    server.resume().await?;
    ana.get("/user/profile").await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn memories_of_another_embedding_space() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    ana.post("/memories", &json!({"text": "Moro em Recife"})).await?.expect(201)?;
    server.stop().await?;
    let options = Options::default().data_dir(server.data_dir());
    let model = "openai/text-embedding-3-small";
    refused(options.clone().env("PALAVRA__EMBEDDINGS__DIMENSIONS", "128"), &[model, "256", "128"]).await?;
    refused(options.env("PALAVRA__EMBEDDINGS__MODEL", "other/model"), &[model, "other/model", "256"]).await?;
    server.resume().await?;
    assert_eq!(ana.memories().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn settings_that_are_not_right() -> Result<()> {
    for (name, value, said) in [
        ("PALAVRA__HTTP__LISTN", "127.0.0.1:0", "listn"),
        ("PALAVRA__NO_SUCH_KEY", "1", "no_such_key"),
        ("PALAVRA__HTTP__LISTEN", "nowhere", "listen"),
        ("PALAVRA__MEMORY__MIN_SCORE", "2", "PALAVRA__MEMORY__MIN_SCORE"),
        ("PALAVRA__HTTP__HEARTBEAT", "soon", "heartbeat"),
        ("PALAVRA__PROFILE", "cloud", "profile"),
    ] {
        refused(Options::default().env(name, value), &[said]).await?;
    }
    let held = TcpListener::bind("127.0.0.1:0")?;
    let address = held.local_addr()?.to_string();
    let options = Options::default().env("PALAVRA__HTTP__LISTEN", &address);
    refused(options, &[&address, "PALAVRA__HTTP__LISTEN"]).await?;
    Ok(())
}

#[tokio::test]
async fn keys_that_are_short_or_known() -> Result<()> {
    for name in ["PALAVRA__SECURITY__MASTER_KEYS", "PALAVRA__SECURITY__JWT_KEYS"] {
        for key in [&b"only-twenty-bytes-xx"[..], b"changeme-changeme-changeme-changeme", &[0; 32]] {
            let encoded = STANDARD.encode(key);
            let options = Options::default().env(name, format!("k1:{encoded}"));
            let message = refused(options, &["openssl rand -base64 32"]).await?;
            assert!(!message.contains(&encoded), "the key is told: {message}");
        }
    }
    Ok(())
}
