//! What goes wrong at a provider, and what it is told as.

use crate::{Bench, KEY, bench, config, eventually, hear, key, prompt};
use palavra_domain::{Completion, ModelError, Usd, ports::ChatModel as _};
use palavra_openrouter::{OpenRouterChatModel, OpenRouterClient};
use palavra_openrouter_sim::Fault;
use serde_json::{Value, json};
use std::{error::Error as _, time::Duration};

impl Bench {
    /// The error of a streamed call, from before its stream or at its end.
    async fn stream_error(&self, fault: Fault) -> ModelError {
        self.fault(fault);
        match self.chat.stream(&key(KEY), &prompt("sim/fast", "Olá, tudo bem?")).await {
            Err(error) => error,
            Ok(stream) => hear(stream).await.end.expect_err("the answer should have failed"),
        }
    }

    async fn whole(&self, fault: Fault) -> Result<Completion, ModelError> {
        self.fault(fault);
        self.chat.complete(&key(KEY), &prompt("sim/fast", "Olá, tudo bem?")).await
    }

    /// Both ways of asking, with the same fault.
    async fn both(&self, fault: Fault) -> [ModelError; 2] {
        let whole = self.whole(fault.clone()).await.expect_err("the answer should have failed");
        [self.stream_error(fault).await, whole]
    }
}

fn failing(status: u16, body: Value) -> Fault {
    Fault::Status { status, retry_after: None, body: Some(body), error_type: None, message: None }
}

macro_rules! assert_both {
    ($bench:expr, $fault:expr, $pattern:pat) => {
        for error in $bench.both($fault).await {
            assert!(matches!(error, $pattern), "{error:?}");
        }
    };
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let bench = bench();
    assert_both!(bench, Fault::status(400), ModelError::Rejected { status: 400, .. });
    assert_both!(bench, Fault::status(401), ModelError::Credentials);
    assert_both!(bench, Fault::status(402), ModelError::OutOfCredits);
    assert_both!(bench, Fault::status(403), ModelError::Refused);
    assert_both!(bench, Fault::status(404), ModelError::ModelNotFound);
    assert_both!(bench, Fault::status(408), ModelError::Timeout);
    assert_both!(bench, Fault::status(413), ModelError::ContextTooLong);
    assert_both!(bench, Fault::status(422), ModelError::Rejected { status: 422, .. });
    assert_both!(bench, Fault::status(429), ModelError::RateLimited { retry_after: None });
    for status in [500, 502, 503, 529] {
        assert_both!(bench, Fault::status(status), ModelError::Unavailable { retry_after: None, .. });
    }
    assert_both!(bench, failing(524, json!("<html>A timeout occurred</html>")), ModelError::Timeout);
    let named = |error_type: &str| Fault::Status {
        status: 400,
        retry_after: None,
        body: None,
        error_type: Some(error_type.into()),
        message: None,
    };
    assert_both!(bench, named("context_length_exceeded"), ModelError::ContextTooLong);
    assert_both!(bench, named("content_policy_violation"), ModelError::Refused);
    let llama = json!({"error": {"code": 400, "message": "too large", "type": "exceed_context_size_error"}});
    assert_both!(bench, failing(400, llama), ModelError::ContextTooLong);
}

#[tokio::test]
async fn the_simulators_own_refusals_are_understood() {
    let bench = bench();
    let ask = async |key_text: &str, model: &str, text: &str| {
        bench.chat.stream(&key(key_text), &prompt(model, text)).await.map(drop).unwrap_err()
    };
    assert!(matches!(ask("sk-or-bad-1", "sim/fast", "a").await, ModelError::Credentials));
    assert!(matches!(ask("some-other-key", "sim/fast", "a").await, ModelError::Credentials));
    assert!(matches!(ask("sk-or-broke-1", "sim/fast", "a").await, ModelError::OutOfCredits));
    assert!(matches!(ask(KEY, "sim/none", "a").await, ModelError::ModelNotFound));
    assert!(matches!(ask(KEY, "sim/small", &"palavra ".repeat(3000)).await, ModelError::ContextTooLong));
}

#[tokio::test]
async fn waits_that_are_asked_for_are_kept() {
    let bench = bench();
    let limited = |status, wait: &str| Fault::Status {
        status,
        retry_after: Some(wait.into()),
        body: None,
        error_type: None,
        message: None,
    };
    for (status, wait) in [(429, "7"), (503, "7")] {
        for error in bench.both(limited(status, wait)).await {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{error:?}");
        }
    }
    let error = bench.stream_error(limited(429, "Fri, 31 Dec 2100 23:59:59 GMT")).await;
    assert!(error.retry_after().is_some_and(|wait| wait > Duration::from_secs(86_400)), "{error:?}");
    let error = bench.stream_error(limited(429, "Fri, 31 Dec 1999 23:59:59 GMT")).await;
    assert_eq!(error.retry_after(), Some(Duration::ZERO));
}

#[tokio::test]
async fn an_error_within_an_answer_interrupts_it() {
    let bench = bench();
    let mid = |after_chunks, code: Value| Fault::MidStreamError { after_chunks, code, message: None };
    for code in [json!(502), json!(429), json!("502"), json!("server_error")] {
        bench.fault(mid(2, code.clone()));
        let heard = bench.ask("Olá, tudo bem?").await;
        assert_eq!(heard.deltas.len(), 2, "{code}");
        assert!(matches!(heard.end, Err(ModelError::Interrupted)), "{code}: {:?}", heard.end);
    }
    assert!(matches!(bench.stream_error(mid(2, json!(403))).await, ModelError::Refused));
    assert!(matches!(bench.stream_error(mid(2, json!("context_length_exceeded"))).await, ModelError::ContextTooLong));
    // Before any text it is what it would have been as a status.
    assert!(matches!(bench.stream_error(mid(0, json!(429))).await, ModelError::RateLimited { .. }));
    assert!(matches!(bench.whole(mid(0, json!(502))).await, Err(ModelError::Unavailable { .. })));
}

#[tokio::test]
async fn an_error_in_the_choice_is_an_error() {
    let bench = bench();
    let in_choice = |code: Value| Fault::ErrorInChoice { code: Some(code), message: Some("upstream".into()) };
    assert!(matches!(bench.stream_error(in_choice(json!(502))).await, ModelError::Interrupted));
    assert!(matches!(bench.whole(in_choice(json!(502))).await, Err(ModelError::Unavailable { .. })));
    assert_both!(bench, in_choice(json!(403)), ModelError::Refused);
}

#[tokio::test]
async fn truncated_answers_are_interrupted() {
    let bench = bench();
    for abort in [false, true] {
        for after_chunks in [0, 3] {
            bench.fault(Fault::Truncate { after_chunks, abort });
            let heard = bench.ask("Olá, tudo bem?").await;
            assert_eq!(heard.deltas.len(), after_chunks, "abort: {abort}");
            assert!(matches!(heard.end, Err(ModelError::Interrupted)), "abort: {abort} {:?}", heard.end);
        }
        let whole = bench.whole(Fault::Truncate { after_chunks: 0, abort }).await;
        assert!(matches!(whole, Err(ModelError::Interrupted)), "abort: {abort} {whole:?}");
    }
}

#[tokio::test]
async fn garbage_is_malformed() {
    let bench = bench();
    assert_both!(bench, Fault::Garbage, ModelError::Malformed { .. });
    assert_both!(bench, Fault::Page, ModelError::Malformed { .. });
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let bench = bench();
    assert_both!(bench, Fault::HangBeforeHeaders, ModelError::Timeout);
    assert_both!(bench, Fault::HangMidStream { after_chunks: 0 }, ModelError::Timeout);
    bench.fault(Fault::HangMidStream { after_chunks: 2 });
    let heard = bench.ask("Olá, tudo bem?").await;
    assert_eq!(heard.deltas.len(), 2);
    assert!(matches!(heard.end, Err(ModelError::Timeout)), "{:?}", heard.end);
    // Nobody goes on listening to a provider that says nothing.
    eventually("all connections were given up", || bench.simulator.requests().iter().all(|call| call.client_gone))
        .await;
}

#[tokio::test]
async fn frames_may_be_cut_anywhere() {
    let bench = bench();
    let question = "Coração 日本 😀?";
    let expected = bench.ask(question).await.text();
    assert!(expected.contains(question));
    for fault in (1..=7).map(|n| Fault::SplitBytes { n }).chain([Fault::MergedFrames, Fault::OddFraming]) {
        bench.fault(fault.clone());
        let heard = bench.ask(question).await;
        assert_eq!(heard.text(), expected, "{fault:?}");
        assert!(heard.end.unwrap().usage.cost.is_some(), "{fault:?}");
    }
    assert_eq!(bench.whole(Fault::SplitBytes { n: 3 }).await.unwrap().finish.finish_reason.as_deref(), Some("stop"));
}

#[tokio::test]
async fn lines_and_bodies_have_a_limit() {
    let bench = bench();
    let error = bench.stream_error(Fault::HugeLine { bytes: 2 * 1024 * 1024 }).await;
    assert!(matches!(error, ModelError::Malformed { .. }), "{error:?}");
    bench.fault(Fault::HugeLine { bytes: 900 * 1024 });
    assert_eq!(bench.ask("Olá").await.text().len(), 900 * 1024);
    let patient = palavra_openrouter::OpenRouterConfig {
        total_timeout: Duration::from_secs(30),
        ..config(bench.simulator.base_url())
    };
    let chat = OpenRouterChatModel::new(OpenRouterClient::new(patient).unwrap());
    bench.fault(Fault::HugeLine { bytes: 17 * 1024 * 1024 });
    let whole = chat.complete(&key(KEY), &prompt("sim/fast", "Olá")).await;
    assert!(matches!(whole, Err(ModelError::Malformed { .. })), "{:?}", whole.map(|answer| answer.text.len()));
}

#[tokio::test]
async fn what_nobody_reported_is_missing_and_zero_is_zero() {
    let bench = bench();
    bench.fault(Fault::NoUsage);
    let usage = bench.ask("Olá").await.end.unwrap().usage;
    assert_eq!(usage, palavra_domain::Usage::default());
    let free = bench.chat.complete(&key(KEY), &prompt("sim/free", "Olá")).await.unwrap();
    assert_eq!(free.finish.usage.cost, Some(Usd::ZERO));

    for (written, read) in [
        ("0.30000000000000004", Some("0.30000000000000004")),
        ("1.5e-7", Some("0.00000015")),
        ("-0.1", None),
        ("null", None),
    ] {
        bench.fault(Fault::Cost { cost: written.into() });
        let usage = bench.ask("Olá").await.end.unwrap().usage;
        assert_eq!(usage.cost.map(|cost| cost.to_string()).as_deref(), read, "{written}");
        assert!(usage.total_tokens.is_some());
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_unavailable() {
    let bench = bench();
    assert_both!(bench, Fault::Disconnect, ModelError::Unavailable { .. });
    let address = bench.simulator.base_url();
    drop(bench);
    let chat = OpenRouterChatModel::new(OpenRouterClient::new(config(address)).unwrap());
    for _ in 0..2 {
        let error = chat.complete(&key(KEY), &prompt("sim/fast", "Olá")).await.unwrap_err();
        assert!(matches!(error, ModelError::Unavailable { .. }) && error.is_transient(), "{error:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_echoed_reaches_no_log() {
    let bench = bench();
    let message = format!("Incorrect key {KEY} and sk-or-v1-another***key; Bearer {KEY}");
    for status in [400, 500] {
        let body = json!({"error": {"code": status, "message": message}});
        for error in bench.both(failing(status, body)).await {
            let mut shown = format!("{error:?} {error}");
            let mut source = error.source();
            while let Some(error) = source {
                shown.push_str(&format!(" {error:?} {error}"));
                source = error.source();
            }
            assert!(shown.contains("[key]"), "{shown}");
            assert!(!shown.contains("canary") && !shown.contains("another"), "{shown}");
        }
    }
    // As an odd value, which the JSON reader would quote.
    let odd = json!({"choices": KEY}).to_string();
    let error = bench.whole(failing(200, Value::String(odd))).await.unwrap_err();
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}
