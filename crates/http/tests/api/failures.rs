//! Upstream failures and their statuses.

use crate::server::{Server, ok, problem, text};
use palavra_domain::ModelError;
use palavra_inmem::fakes::{Gate, Mood, Script};
use serde_json::{Value, json};
use std::{sync::atomic::Ordering, time::Duration};

pub(crate) type Failure = (fn() -> ModelError, u16, &'static str, Option<&'static str>);

const WAIT: Option<Duration> = Some(Duration::from_millis(6_001));

pub(crate) const FAILURES: [Failure; 12] = [
    (|| ModelError::Credentials, 424, "api_key_rejected", None),
    (|| ModelError::OutOfCredits, 402, "out_of_credits", None),
    (|| ModelError::Refused, 403, "content_refused", None),
    (|| ModelError::ModelNotFound, 404, "model_not_found", None),
    (|| ModelError::ContextTooLong, 422, "context_too_long", None),
    (|| ModelError::RateLimited { retry_after: WAIT }, 429, "rate_limited", Some("7")),
    (|| ModelError::RateLimited { retry_after: None }, 429, "rate_limited", Some("10")),
    (|| ModelError::Rejected { status: 400, reason: "canary".into() }, 502, "upstream_invalid", None),
    (|| ModelError::Malformed { source: "canary".into() }, 502, "upstream_invalid", None),
    (|| ModelError::Interrupted, 502, "upstream_interrupted", None),
    (|| ModelError::Unavailable { retry_after: None, source: "canary".into() }, 503, "upstream_unavailable", Some("5")),
    (|| ModelError::Timeout, 504, "upstream_timeout", None),
];

#[tokio::test]
async fn each_failure_has_its_status_and_names_the_turn() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let chat = text(&server.ask(&ana, "", "Olá").await["chat_id"]);
    for (turn, (error, status, code, retry_after)) in (2..).zip(FAILURES) {
        server.model.script(Script::refused(error()));
        let response = server.send("POST", "/chat", &ana, &json!({"chat_id": chat, "prompt": "E agora?"})).await;
        let waits = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
        assert_eq!(waits.as_deref(), retry_after, "{code}");
        let told = problem(response, status, code).await;
        assert_eq!((&told["chat_id"], &told["turn"]), (&json!(chat), &json!(turn)));
        assert!(!told.to_string().contains("canary"), "{told}");

        let history = ok(server.get(&format!("/chat?chat_id={chat}&limit=1"), &ana).await).await;
        let [prompt, answer] = history["messages"].as_array().unwrap().as_slice() else { panic!("{history}") };
        assert_eq!((&prompt["content"], &prompt["turn"]), (&json!("E agora?"), &json!(turn)));
        let parts = (&answer["status"], &answer["error"], &answer["content"]);
        assert_eq!(parts, (&json!("failed"), &json!(code), &json!("")));
        assert_eq!(answer["usage"]["cost"], Value::Null);
    }
    // The chat goes on.
    assert_eq!(server.ask(&ana, &chat, "E agora?").await["turn"], 2 + FAILURES.len());
}

#[tokio::test]
async fn what_came_of_an_answer_is_in_the_history() {
    let server = Server::start();
    let ana = server.user("ana").await;
    server.model.script(Script::new().say("Metade").fail(ModelError::Interrupted));
    let response = server.send("POST", "/chat", &ana, &json!({"prompt": "Olá"})).await;
    let told = problem(response, 502, "upstream_interrupted").await;
    let history = ok(server.get(&format!("/chat?chat_id={}", text(&told["chat_id"])), &ana).await).await;
    assert_eq!(history["messages"][1]["content"], "Metade");
}

#[tokio::test]
async fn a_busy_chat_is_a_conflict() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let chat = text(&server.ask(&ana, "", "Olá").await["chat_id"]);
    let gate = Gate::new();
    server.model.script(Script::reply("late").opened_by(&gate));
    let body = json!({"chat_id": chat, "prompt": "um"});
    let first = tokio::spawn(server.request("POST", "/chat", &ana).json(&body).send());
    crate::server::soon(gate.reached()).await;
    for stream in [false, true] {
        let body = json!({"chat_id": chat, "prompt": "dois", "stream": stream});
        problem(server.send("POST", "/chat", &ana, &body).await, 409, "chat_busy").await;
    }
    let history = ok(server.get(&format!("/chat?chat_id={chat}"), &ana).await).await;
    let pending = &history["messages"][3];
    assert_eq!((&pending["status"], &pending["content"], &pending["turn"]), (&json!("pending"), &json!(""), &json!(2)));
    gate.open();
    assert_eq!(ok(first.await.unwrap().unwrap()).await["reply"], "late");
}

#[tokio::test]
async fn failures_outside_a_turn_have_the_same_codes_and_no_turn() {
    let server = Server::start();
    let ana = server.user("ana").await;
    server.catalog.set_mood(Mood::Fails(|| ModelError::Unavailable { retry_after: None, source: "canary".into() }));
    let told = problem(server.get("/models", &ana).await, 503, "upstream_unavailable").await;
    assert!(told.get("chat_id").is_none() && told.get("turn").is_none());
    server.embedder.set_mood(Mood::Fails(|| ModelError::Credentials));
    let told =
        problem(server.send("POST", "/memories", &ana, &json!({"text": "x"})).await, 424, "api_key_rejected").await;
    assert!(told.get("chat_id").is_none());
}

#[tokio::test]
async fn a_store_that_is_down_is_told_with_a_time_to_wait() {
    let server = Server::start();
    let ana = server.user("ana").await;
    server.stores_down.store(true, Ordering::SeqCst);
    let register = json!({"username": "eva", "password": crate::server::PASSWORD});
    let responses = [
        server.get("/user/profile", &ana).await,
        server.send("POST", "/chat", &ana, &json!({"prompt": "Olá"})).await,
        server.send("POST", "/chat", &ana, &json!({"prompt": "Olá", "stream": true})).await,
        server.send("POST", "/register", "", &register).await,
        server.send("POST", "/login", "", &register).await,
        server.send("PUT", "/user/profile", &ana, &json!({"display_name": "x"})).await,
    ];
    for response in responses {
        let told = problem(response, 503, "store_unavailable").await;
        assert!(!told.to_string().contains("canary"), "{told}");
    }
    server.stores_down.store(false, Ordering::SeqCst);
    server.nothing_stored(&ana).await;
}

#[tokio::test]
async fn a_server_that_stops_takes_no_prompts() {
    let server = Server::start();
    let ana = server.user("ana").await;
    server.tasks.finish().await;
    let response = server.send("POST", "/chat", &ana, &json!({"prompt": "Olá"})).await;
    problem(response, 503, "overloaded").await;
    server.nothing_stored(&ana).await;
}
