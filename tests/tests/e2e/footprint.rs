//! The memory that the server holds.

use crate::common::simulator;
use anyhow::Result;
use futures::future::try_join_all;
use palavra_e2e::{Options, Palavra};
use serde_json::json;

const USERS: usize = 16;
const MEMORIES: usize = 4;
const PROMPTS: usize = 6;
/// What is in use is up to a hundred MiB; an allocator that keeps what many threads have freed holds several hundreds.
const MOST_MIB: u64 = 160;

#[tokio::test(flavor = "multi_thread")]
async fn what_logins_and_prompts_used_is_given_back() -> Result<()> {
    let sim = simulator()?;
    let options = Options::default().env("PALAVRA__SECURITY__LOGIN_ATTEMPTS", "1000");
    let server = Palavra::start_with(&sim.base_url(), options).await?;
    let busy = (0..USERS).map(|n| {
        let server = &server;
        async move {
            // Hashing a password takes 19 MiB, each time.
            let user = server.session(&format!("user{n}")).await?;
            for memory in 0..MEMORIES {
                let text = format!("I have {memory} cats and like coffee");
                user.post("/memories", &json!({"text": text})).await?.expect(201)?;
            }
            let mut chat = String::new();
            for prompt in 0..PROMPTS {
                chat = user.ask(&chat, &format!("Which coffee should I order? ({prompt})"), "").await?.chat;
            }
            anyhow::Ok(())
        }
    });
    try_join_all(busy).await?;
    let resident = server.resident()?;
    assert!(resident.anonymous_mib <= MOST_MIB, "{resident:?}");
    Ok(())
}
