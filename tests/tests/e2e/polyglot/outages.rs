//! Stores that are down or frozen.

use crate::common::simulator;
use anyhow::Result;
use palavra_e2e::{Link, Palavra, Polyglot, Session, wait_until};
use std::time::{Duration, Instant};

/// The longest that a store which does not answer may hold up a request.
const BOUND: Duration = Duration::from_millis(2_000);
/// What the rest of a request may take here, where several tests share two cores.
const SLACK: Duration = Duration::from_millis(1_000);

async fn timed<T>(call: impl Future<Output = Result<T>>) -> Result<(T, Duration)> {
    let begun = Instant::now();
    let result = call.await?;
    Ok((result, begun.elapsed()))
}

/// Checks that a prompt is refused with 503 in time, and that others are answered again without a restart.
async fn refused_and_recovered(link: &Link, user: &Session, chat: &str, outage: fn(&Link)) -> Result<()> {
    outage(link);
    for _ in 0..2 {
        let (answer, took) = timed(user.chat(chat, "Anybody there?", "")).await?;
        assert_eq!((answer.status, answer.code()), (503, "store_unavailable".to_owned()), "{}", answer.text());
        assert!(!answer.header("retry-after").is_empty());
        assert!(took < BOUND + SLACK, "the refusal took {took:?}");
    }
    link.mend();
    wait_until("an answer after the outage", || async {
        let answer = user.chat("", "Back again?", "").await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await
}

#[tokio::test]
async fn without_redis_everything_works() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let server = Palavra::start_with(&sim.base_url(), stores.options()).await?;
    let ana = server.session("ana").await?;
    let chat = ana.ask("", "Before", "").await?.chat;
    for (outage, guessed) in [(Link::freeze as fn(&Link), "bia"), (Link::cut, "caio")] {
        outage(&stores.redis);
        for prompt in ["One", "Two", "Three"] {
            let (_, took) = timed(ana.ask(&chat, prompt, "")).await?;
            assert!(took < BOUND + SLACK, "{prompt} took {took:?}");
        }
        // Logins are still admitted, and still limited.
        let again = server.client().sign_in("ana", "password of ana").await?;
        again.get("/user/profile").await?.expect(200)?;
        let mut statuses = Vec::new();
        for _ in 0..12 {
            statuses.push(server.client().login(guessed, "not it").await?.status);
        }
        assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
        stores.redis.mend();
        ana.ask(&chat, "After", "").await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_mongodb_prompts_are_refused_in_time() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    let server = Palavra::start_with(&sim.base_url(), stores.options()).await?;
    let ana = server.session("ana").await?;
    let chat = ana.ask("", "Before", "").await?.chat;
    for outage in [Link::freeze as fn(&Link), Link::cut] {
        refused_and_recovered(&stores.mongodb, &ana, &chat, outage).await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_postgres_what_needs_it_is_refused_in_time() -> Result<()> {
    let (sim, stores) = (simulator()?, Polyglot::fresh().await?);
    // Nothing is cached for longer than a moment, so that Postgres is needed.
    let options = stores.options().env("PALAVRA__CACHE__TTL", "1ms");
    let server = Palavra::start_with(&sim.base_url(), options).await?;
    let ana = server.session("ana").await?;
    let chat = ana.ask("", "Before", "").await?.chat;
    for outage in [Link::freeze as fn(&Link), Link::cut] {
        refused_and_recovered(&stores.postgres, &ana, &chat, outage).await?;
    }
    Ok(())
}
