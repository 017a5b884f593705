//! Kills in the middle of something.

use crate::common::{assert_totals, message, simulator, wait_for_request};
use anyhow::Result;
use futures::StreamExt;
use palavra_e2e::{Options, Palavra};
use palavra_openrouter_sim::{Fault, FaultRule, SimPath};

#[tokio::test]
async fn a_kill_in_an_answer_leaves_the_prompt_and_a_free_chat() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start(&sim).await?;
    let ana = server.session("ana").await?;
    let first = ana.ask("", "First prompt", "").await?;
    // Of another model than the first prompt's, whose extraction may come at any time.
    sim.fault(FaultRule::new(Fault::HangMidStream { after_chunks: 3 }).path(SimPath::Chat).model("sim/large"));
    let mut stream = ana.stream(&first.chat, "The prompt that is cut off", "sim/large").await?;
    // One delta: the next ones may have come with it.
    for wanted in ["turn", "delta"] {
        let event = stream.next().await.unwrap()?;
        assert_eq!(event.name, wanted);
    }
    let pending = ana.history(&first.chat).await?;
    assert_eq!(message(&pending, 2, "assistant")?["status"], "pending");
    server.kill()?;
    assert!(stream.rest().await.is_err(), "the stream cannot have ended well");

    server.resume().await?;
    let history = ana.history(&first.chat).await?;
    assert_eq!(message(&history, 2, "user")?["content"], "The prompt that is cut off");
    assert_eq!(message(&history, 2, "assistant")?["status"], "interrupted");
    assert_totals(&history, &[&first.body])?;
    let third = ana.ask(&first.chat, "Third prompt", "").await?;
    assert_eq!(third.turn, 3);
    assert!(third.text.contains("1 message of yours: “First prompt”"), "{}", third.text);
    assert_totals(&ana.history(&first.chat).await?, &[&first.body, &third.body])
}

/// Options under which extraction asks a model of its own, so that faults can be for it alone.
fn extracting() -> Options {
    Options::default().env("PALAVRA__MEMORY__EXTRACTION_MODEL", "sim/large").env("PALAVRA__MEMORY__RETRY_BASE", "200ms")
}

#[tokio::test]
async fn a_job_under_way_at_a_kill_is_done_after_it_once() -> Result<()> {
    let sim = simulator()?;
    let mut server = Palavra::start_with(&sim.base_url(), extracting()).await?;
    let ana = server.session("ana").await?;
    sim.fault(FaultRule::new(Fault::HangBeforeHeaders).path(SimPath::Chat).model("sim/large"));
    ana.ask("", "Moro em Recife", "sim/fast").await?;
    wait_for_request(&sim, "extraction", |request| request.body["model"] == "sim/large").await?;
    assert!(ana.memories().await?.is_empty());
    assert_eq!(server.backlog().await?, 1);
    server.kill()?;
    server.resume().await?;
    ana.wait_for_memory("Recife").await?;
    palavra_e2e::wait_until("an empty backlog", || async { Ok((server.backlog().await? == 0).then_some(())) }).await?;
    server.restart().await?;
    assert_eq!(ana.memories().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start_with(&sim.base_url(), extracting()).await?;
    let ana = server.session("ana").await?;
    sim.fault(FaultRule::new(Fault::Garbage).path(SimPath::Chat).model("sim/large").times(2));
    let reply = ana.ask("", "Moro em Recife", "sim/fast").await?;
    ana.wait_for_memory("Recife").await?;
    assert_eq!(ana.memories().await?.len(), 1);
    assert_eq!(sim.pending_faults(), 0);
    // Extraction is no answer of the chat.
    assert_totals(&ana.history(&reply.chat).await?, &[&reply.body])
}
