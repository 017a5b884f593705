//! Faults of the provider: what the client is told, that the prompt is kept, and that the next one works.

use crate::common::{assert_totals, chat_calls, message, simulator};
use anyhow::{Context, Result};
use futures::future::try_join_all;
use palavra_e2e::{Options, Palavra, Session, key_of};
use palavra_openrouter_sim::{Fault, FaultRule, SimPath, Simulator};
use reqwest::Method;
use serde_json::{Value, json};

struct Case {
    name: &'static str,
    fault: Fault,
    /// How many calls it takes up: one, or all three where the call is tried again.
    times: u32,
    status: u16,
    code: &'static str,
}

fn case(name: &'static str, fault: Fault, times: u32, status: u16, code: &'static str) -> Case {
    Case { name, fault, times, status, code }
}

fn of_status(name: &'static str, upstream: u16, times: u32, status: u16, code: &'static str) -> Case {
    case(name, Fault::status(upstream), times, status, code)
}

fn limited(seconds: &str) -> Fault {
    Fault::Status { status: 429, retry_after: Some(seconds.to_owned()), body: None, error_type: None, message: None }
}

fn cases() -> Vec<Case> {
    let mid_error = Fault::MidStreamError { after_chunks: 2, code: json!(502), message: None };
    vec![
        of_status("s400", 400, 1, 502, "upstream_invalid"),
        of_status("s401", 401, 1, 424, "api_key_rejected"),
        of_status("s402", 402, 1, 402, "out_of_credits"),
        of_status("s403", 403, 1, 403, "content_refused"),
        of_status("s404", 404, 1, 404, "model_not_found"),
        of_status("s408", 408, 1, 504, "upstream_timeout"),
        case("s429", limited("1"), 3, 429, "rate_limited"),
        case("s429-long", limited("30"), 1, 429, "rate_limited"),
        of_status("s502", 502, 3, 503, "upstream_unavailable"),
        of_status("s503", 503, 3, 503, "upstream_unavailable"),
        of_status("s529", 529, 3, 503, "upstream_unavailable"),
        case("disconnect", Fault::Disconnect, 3, 503, "upstream_unavailable"),
        case("garbage", Fault::Garbage, 1, 502, "upstream_invalid"),
        case("page", Fault::Page, 1, 502, "upstream_invalid"),
        case("truncated", Fault::Truncate { after_chunks: 2, abort: false }, 1, 502, "upstream_interrupted"),
        case("aborted", Fault::Truncate { after_chunks: 2, abort: true }, 1, 502, "upstream_interrupted"),
        case("mid-error", mid_error, 1, 502, "upstream_interrupted"),
        case("hang", Fault::HangBeforeHeaders, 1, 504, "upstream_timeout"),
        case("mid-hang", Fault::HangMidStream { after_chunks: 2 }, 1, 504, "upstream_timeout"),
    ]
}

/// A user without memory, so that the provider is asked for answers only.
async fn forgetful(server: &Palavra, name: &str) -> Result<Session> {
    let user = server.session(name).await?;
    user.call(Method::PUT, "/user/profile", Some(&json!({"memory_enabled": false}))).await?.expect(200)?;
    Ok(user)
}

async fn patient_server(sim: &Simulator) -> Result<Palavra> {
    Palavra::start_with(&sim.base_url(), Options::default().env("PALAVRA__OPENROUTER__READ_TIMEOUT", "1s")).await
}

/// The problem that a prompt ends in.
async fn problem(user: &Session, chat: &str, prompt: &str, streamed: bool) -> Result<Value> {
    if !streamed {
        let answer = user.chat(chat, prompt, "").await?;
        let body = answer.json();
        assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text());
        assert_eq!(body["status"], answer.status, "{body}");
        return Ok(body);
    }
    let events = user.stream_to_end(chat, prompt, "").await?;
    let last = events.last().context("no events")?;
    assert_eq!((events[0].name.as_str(), last.name.as_str()), ("turn", "error"), "{events:?}");
    Ok(last.data.clone())
}

async fn run(sim: &Simulator, server: &Palavra, case: &Case, streamed: bool) -> Result<()> {
    let name = format!("{}{}", case.name, if streamed { "-streamed" } else { "" });
    let user = forgetful(server, &name).await?;
    let first = user.ask("", "Before", "").await?;
    let key = key_of(&name);
    sim.fault(FaultRule::new(case.fault.clone()).key(&key).path(SimPath::Chat).times(case.times));
    let told = problem(&user, &first.chat, "The prompt that fails", streamed).await?;
    assert_eq!((&told["code"], &told["status"]), (&json!(case.code), &json!(case.status)), "{name}: {told}");
    assert_eq!((&told["chat_id"], &told["turn"]), (&json!(first.chat), &json!(2)), "{name}: {told}");
    assert!(told["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{name}: {told}");
    assert_eq!(chat_calls(sim, &key), 1 + case.times as usize, "{name}: calls");

    let history = user.history(&first.chat).await?;
    assert_eq!(message(&history, 2, "user")?["content"], "The prompt that fails", "{name}");
    let failed = message(&history, 2, "assistant")?;
    assert_eq!((&failed["status"], &failed["error"]), (&json!("failed"), &json!(case.code)), "{name}: {failed}");
    let third = user.ask(&first.chat, "After", "").await.with_context(|| format!("{name}: the next prompt"))?;
    assert_eq!(third.turn, 3, "{name}");
    assert!(third.text.contains("1 message of yours: “Before”"), "{name}: {}", third.text);
    Ok(())
}

#[tokio::test]
async fn each_fault_has_its_code_and_the_prompt_is_kept() -> Result<()> {
    let sim = simulator()?;
    let server = patient_server(&sim).await?;
    let cases = cases();
    try_join_all(cases.iter().map(|case| run(&sim, &server, case, false))).await?;
    Ok(())
}

#[tokio::test]
async fn each_fault_ends_a_stream_with_its_problem() -> Result<()> {
    let sim = simulator()?;
    let server = patient_server(&sim).await?;
    let cases = cases();
    try_join_all(cases.iter().map(|case| run(&sim, &server, case, true))).await?;
    Ok(())
}

#[tokio::test]
async fn a_broken_off_answer_is_kept_as_far_as_it_came() -> Result<()> {
    let sim = simulator()?;
    let server = patient_server(&sim).await?;
    let user = forgetful(&server, "ana").await?;
    sim.fault(FaultRule::new(Fault::Truncate { after_chunks: 2, abort: true }).path(SimPath::Chat));
    let events = user.stream_to_end("", "What is the capital?", "").await?;
    let told: String = events.iter().filter_map(|event| event.data["text"].as_str()).collect();
    assert!(!told.is_empty());
    let history = user.history(events[0].data["chat_id"].as_str().unwrap()).await?;
    assert_eq!(message(&history, 1, "assistant")?["content"], told);
    Ok(())
}

#[tokio::test]
async fn waiting_times_are_handed_on() -> Result<()> {
    let sim = simulator()?;
    let server = patient_server(&sim).await?;
    let user = forgetful(&server, "ana").await?;
    sim.fault(FaultRule::new(limited("30")).path(SimPath::Chat));
    let answer = user.chat("", "Hi", "").await?;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "30"));
    sim.fault(FaultRule::new(Fault::status(503)).path(SimPath::Chat).times(3));
    let answer = user.chat("", "Hi", "").await?;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn what_passes_is_tried_again_and_counted_once() -> Result<()> {
    let sim = simulator()?;
    let server = patient_server(&sim).await?;
    for (name, fault) in
        [("503", Fault::status(503)), ("429", limited("1")), ("529", Fault::status(529)), ("cut", Fault::Disconnect)]
    {
        let user = forgetful(&server, &format!("user-{name}")).await?;
        let key = key_of(&format!("user-{name}"));
        sim.fault(FaultRule::new(fault).key(&key).path(SimPath::Chat));
        let reply = user.ask("", "Hi", "").await?;
        assert_eq!(chat_calls(&sim, &key), 2, "{name}");
        assert_totals(&user.history(&reply.chat).await?, &[&reply.body])?;
    }
    Ok(())
}

#[tokio::test]
async fn odd_but_whole_answers_are_read() -> Result<()> {
    let sim = simulator()?;
    let server = patient_server(&sim).await?;
    let user = forgetful(&server, "ana").await?;
    let prompt = "Qual é a pronúncia de “ação” – 日本語 🙂?";
    let wanted = user.ask("", prompt, "").await?;
    for fault in [
        Fault::SplitBytes { n: 1 },
        Fault::SplitBytes { n: 3 },
        Fault::MergedFrames,
        Fault::OddFraming,
        Fault::Slow { ms_per_chunk: 20 },
    ] {
        sim.fault(FaultRule::new(fault.clone()).path(SimPath::Chat));
        let reply = user.ask("", prompt, "").await.with_context(|| format!("{fault:?}"))?;
        assert_eq!(reply.text, wanted.text, "{fault:?}");
        assert_eq!(reply.body["usage"], wanted.body["usage"], "{fault:?}");
    }
    sim.fault(FaultRule::new(Fault::NoUsage).path(SimPath::Chat));
    let reply = user.ask("", prompt, "").await?;
    assert_eq!(reply.text, wanted.text);
    let unknown = json!({"prompt_tokens": null, "completion_tokens": null, "total_tokens": null, "cost": null});
    assert_eq!(reply.body["usage"], unknown, "missing is missing, never zero");
    Ok(())
}

#[tokio::test]
async fn an_error_in_a_choice_is_no_answer() -> Result<()> {
    let sim = simulator()?;
    let server = patient_server(&sim).await?;
    let user = forgetful(&server, "ana").await?;
    sim.fault(FaultRule::new(Fault::ErrorInChoice { code: None, message: None }).path(SimPath::Chat));
    let answer = user.chat("", "Hi", "").await?;
    assert!((502..=503).contains(&answer.status), "{} {}", answer.status, answer.text());
    let chat = answer.json()["chat_id"].as_str().context("no chat")?.to_owned();
    assert_eq!(message(&user.history(&chat).await?, 1, "assistant")?["status"], "failed");
    assert_eq!(user.ask(&chat, "Again", "").await?.turn, 2);
    Ok(())
}

#[tokio::test]
async fn without_embeddings_a_prompt_is_still_answered() -> Result<()> {
    let sim = simulator()?;
    let options = Options::default().env("PALAVRA__MEMORY__RECALL_TIMEOUT", "500ms");
    let server = Palavra::start_with(&sim.base_url(), options).await?;
    let user = server.session("ana").await?;
    user.post("/memories", &json!({"text": "Moro em Recife"})).await?.expect(201)?;
    let prompt = "O que você sabe de mim em Recife?";
    assert_eq!(user.ask("", prompt, "").await?.memories.len(), 1);
    for fault in [Fault::status(500), Fault::HangBeforeHeaders, Fault::Garbage, Fault::Dimensions { n: 8 }] {
        // For whatever embeds during this prompt, tries again included; what is left over is for the next fault.
        sim.fault(FaultRule::new(fault.clone()).path(SimPath::Embeddings).times(3));
        let begun = std::time::Instant::now();
        let reply = user.ask("", prompt, "").await.with_context(|| format!("{fault:?}"))?;
        // By its words it may be recalled all the same.
        assert!(reply.memories.iter().all(|memory| memory == "Moro em Recife"), "{fault:?}: {:?}", reply.memories);
        assert!(begun.elapsed().as_secs() < 5, "{fault:?}: {:?}", begun.elapsed());
    }
    sim.fault(FaultRule::new(Fault::status(401)).path(SimPath::Embeddings).times(20));
    let refused = user.post("/memories", &json!({"text": "Gosto de café"})).await?;
    assert!(refused.status >= 400, "{}", refused.text());
    assert_eq!(user.memories().await?.len(), 1, "what was refused is not saved");
    Ok(())
}
