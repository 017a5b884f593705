//! What several tests need.

use anyhow::{Context, Result};
use palavra_e2e::wait_until;
use palavra_openrouter_sim::{RequestRecord, SimOptions, Simulator};
use serde_json::Value;
use std::time::Duration;

/// A provider that answers at once.
pub(crate) fn simulator() -> Result<Simulator> {
    Simulator::start(SimOptions::default())
}

/// A provider that takes about a second for an answer.
pub(crate) fn slow_simulator() -> Result<Simulator> {
    Simulator::start(SimOptions { chunk_delay: Duration::from_millis(50), ..SimOptions::default() })
}

/// Waits until the provider has been asked something of this kind.
pub(crate) async fn wait_for_request(
    sim: &Simulator,
    what: &str,
    wanted: impl Fn(&RequestRecord) -> bool,
) -> Result<()> {
    wait_until(what, || {
        let found = sim.requests().iter().any(&wanted).then_some(());
        async move { Ok(found) }
    })
    .await
}

/// The calls for an answer that were made with this key.
pub(crate) fn chat_calls(sim: &Simulator, key: &str) -> usize {
    sim.requests_of(key).iter().filter(|request| request.path.ends_with("/chat/completions")).count()
}

/// The message of `role` in the turn of this number.
pub(crate) fn message<'a>(history: &'a Value, turn: u64, role: &str) -> Result<&'a Value> {
    let messages = history["messages"].as_array().context("no messages")?;
    let found = messages.iter().find(|message| message["turn"] == turn && message["role"] == role);
    found.with_context(|| format!("no {role} in turn {turn}: {history}"))
}

/// Dollars as pico-dollars, exactly.
pub(crate) fn pico(cost: &Value) -> Result<u128> {
    let text = cost.as_str().with_context(|| format!("no cost: {cost}"))?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    anyhow::ensure!(part.len() <= 12, "finer than a pico-dollar: {text}");
    Ok(format!("{whole}{part:0<12}").parse()?)
}

/// Checks that a chat's totals are the sum of these answers' usage.
pub(crate) fn assert_totals(history: &Value, answers: &[&Value]) -> Result<()> {
    let totals = &history["tokens_used"];
    for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        let sum: u64 = answers.iter().filter_map(|answer| answer["usage"][name].as_u64()).sum();
        assert_eq!(totals[name].as_u64(), Some(sum), "{name}: {totals}");
    }
    let sum = answers.iter().map(|answer| pico(&answer["usage"]["cost"])).sum::<Result<u128>>()?;
    assert_eq!(pico(&totals["cost"])?, sum, "cost: {totals}");
    Ok(())
}
