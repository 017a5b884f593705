//! How often a prompt goes to each store.

use crate::common::simulator;
use anyhow::Result;
use palavra_e2e::{Palavra, Polyglot};
use reqwest::Method;
use serde_json::json;

/// Round trips of one prompt in a chat that is there, of a user who was seen lately: to Postgres, MongoDB and Redis.
/// MongoDB: make the chat busy, write the turn, read the newest turns, settle the turn and (at once with it) read the totals,
/// add to the totals. Redis: the session, the user.
const PROMPT: [u64; 3] = [0, 6, 2];

#[tokio::test]
async fn a_prompt_makes_no_more_round_trips_than_it_must() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let server = Palavra::start_with(&sim.base_url(), stores.options()).await?;
    let ana = server.session("ana").await?;
    // What remembers works apart from the prompt.
    ana.call(Method::PUT, "/user/profile", Some(&json!({"memory_enabled": false}))).await?.expect(200)?;
    // The tombstone that the change left is over then, and the caches fill again.
    tokio::time::sleep(std::time::Duration::from_secs(16)).await;
    let chat = ana.ask("", "First", "").await?.chat;
    ana.ask(&chat, "Second", "").await?;
    let links = [&stores.postgres, &stores.mongodb, &stores.redis];
    let mut least = [u64::MAX; 3];
    for n in 0..20 {
        let before = links.map(palavra_e2e::Link::round_trips);
        ana.ask(&chat, &format!("Prompt {n}"), "").await?;
        let after = links.map(palavra_e2e::Link::round_trips);
        // What is done from time to time falls on some of the prompts, never on all.
        for store in 0..3 {
            least[store] = least[store].min(after[store] - before[store]);
        }
    }
    assert_eq!(least, PROMPT, "round trips to Postgres, MongoDB and Redis");
    Ok(())
}
