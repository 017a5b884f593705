//! Answers as they come.

use crate::{
    failures::FAILURES,
    server::{MODEL, Server, check_problem, fields, ok, soon, text},
};
use palavra_domain::{ModelError, ports::ChatRepository};
use palavra_inmem::fakes::{Gate, Script};
use reqwest::Response;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// One server-sent event.
#[derive(Debug)]
struct Event {
    name: String,
    id: usize,
    data: Value,
}

/// Takes a stream apart. Nothing but events of three lines, and comments, may be in it.
fn events(stream: &str) -> (Vec<Event>, usize) {
    assert!(stream.ends_with("\n\n"), "{stream:?}");
    let (mut events, mut comments) = (Vec::new(), 0);
    for block in stream.trim_end_matches("\n\n").split("\n\n") {
        if block.starts_with(':') {
            comments += 1;
            continue;
        }
        let [name, id, data] = block.lines().collect::<Vec<_>>()[..] else { panic!("{block:?}") };
        events.push(Event {
            name: name.strip_prefix("event: ").unwrap().to_owned(),
            id: id.strip_prefix("id: ").unwrap().parse().unwrap(),
            data: serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap(),
        });
    }
    (events, comments)
}

async fn open(server: &Server, token: &str, chat: &str, prompt: &str) -> Response {
    let body = json!({"chat_id": chat, "prompt": prompt, "stream": true});
    let response = server.send("POST", "/chat", token, &body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("content-type").unwrap(), "text/event-stream");
    assert_eq!(response.headers().get("cache-control").unwrap(), "no-cache");
    assert!(response.headers().contains_key("x-request-id"));
    response
}

/// Waits until the chat's last turn has ended, and returns its answer.
async fn ended(server: &Server, token: &str, chat: &str) -> Value {
    soon(async {
        loop {
            let history = ok(server.get(&format!("/chat?chat_id={chat}&limit=1"), token).await).await;
            if history["messages"][1]["status"] != "pending" {
                return history["messages"][1].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_stream_is_turn_deltas_and_the_whole_answer() {
    let server = Server::start();
    let ana = server.user("ana").await;
    ok(server.send("POST", "/memories", &ana, &json!({"text": "moro em Recife"})).await).await;
    let parts = ["Olá\r\n", "\n\ndata: x\n\n", "👩‍👩‍👧", "‍👦", " 日本", "\u{2028}fim"];
    let script = |script, part: &&str| Script::wait(Script::say(script, part), Duration::from_millis(3));
    server.model.script(parts.iter().fold(Script::new(), script).answered_by("vendor/other"));
    let (events, _) = events(&open(&server, &ana, "", "onde moro em geral").await.text().await.unwrap());

    let (first, last) = (events.first().unwrap(), events.last().unwrap());
    assert_eq!((first.name.as_str(), first.id), ("turn", 0));
    assert_eq!(fields(&first.data), BTreeSet::from(["chat_id", "turn", "model", "memories"]));
    assert_eq!((&first.data["turn"], &first.data["model"]), (&json!(1), &json!(MODEL)));
    assert_eq!(first.data["memories"][0]["text"], "moro em Recife");

    let mut reply = String::new();
    for delta in &events[1..events.len() - 1] {
        assert_eq!((delta.name.as_str(), fields(&delta.data)), ("delta", BTreeSet::from(["text"])));
        reply.push_str(&text(&delta.data["text"]));
        assert_eq!(delta.id, reply.len());
    }
    assert!(events.len() > 4, "it all came at once: {events:?}");
    assert_eq!(reply, parts.concat());
    assert_eq!((last.name.as_str(), last.id), ("done", reply.len() + 1));

    // The same object as the unstreamed answer, and what is stored.
    server.model.script(Script::new().say(&reply).answered_by("vendor/other"));
    let mut unstreamed = server.ask(&ana, "", "onde moro em geral").await;
    assert_ne!(unstreamed["chat_id"], last.data["chat_id"]);
    unstreamed["chat_id"] = first.data["chat_id"].clone();
    assert_eq!(last.data, unstreamed);
    let history = ok(server.get(&format!("/chat?chat_id={}", text(&first.data["chat_id"])), &ana).await).await;
    assert_eq!(history["messages"][1]["content"], reply);
}

#[tokio::test]
async fn the_accept_header_alone_asks_for_a_stream() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let send = async |accept: &str, body: Value| {
        let request = server.request("POST", "/chat", &ana).header("Accept", accept).json(&body);
        text(&json!(request.send().await.unwrap().headers().get("content-type").unwrap().to_str().unwrap()))
    };
    assert_eq!(send("text/event-stream", json!({"prompt": "Olá"})).await, "text/event-stream");
    assert_eq!(send("text/event-stream, */*;q=0.1", json!({"prompt": "Olá"})).await, "text/event-stream");
    assert_eq!(send("*/*", json!({"prompt": "Olá"})).await, "application/json");
    assert_eq!(send("application/json", json!({"prompt": "Olá", "stream": true})).await, "text/event-stream");
    // What the body says counts.
    assert_eq!(send("text/event-stream", json!({"prompt": "Olá", "stream": false})).await, "application/json");
}

#[tokio::test]
async fn a_failure_ends_a_stream_with_a_problem() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for (error, status, code, _) in FAILURES {
        for said in ["", "Métade"] {
            server.model.script(Script::new().say(said).fail(error()));
            let response = open(&server, &ana, "", "Olá").await;
            let request_id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
            let stream = response.text().await.unwrap();
            assert!(!stream.contains("canary"), "{stream}");
            let (events, _) = events(&stream);
            let (first, last) = (events.first().unwrap(), events.last().unwrap());
            assert_eq!((last.name.as_str(), last.id), ("error", said.len() + 1));
            check_problem(&last.data, status, code);
            assert_eq!(last.data["request_id"], request_id);
            assert_eq!((&last.data["chat_id"], &last.data["turn"]), (&first.data["chat_id"], &json!(1)));
            let answer = ended(&server, &ana, &text(&first.data["chat_id"])).await;
            assert_eq!(
                (&answer["status"], &answer["error"], &answer["content"]),
                (&json!("failed"), &json!(code), &json!(said))
            );
        }
    }
}

#[tokio::test]
async fn a_call_that_is_refused_fails_within_the_stream_too() {
    let server = Server::start();
    let ana = server.user("ana").await;
    server.model.script(Script::refused(ModelError::Credentials));
    let (events, _) = events(&open(&server, &ana, "", "Olá").await.text().await.unwrap());
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["turn", "error"]);
    assert_eq!(events[1].id, 1);
    check_problem(&events[1].data, 424, "api_key_rejected");
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_alive() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let gate = Gate::new();
    server.model.script(Script::new().say("Um ").gate(&gate).say("dois"));
    let response = open(&server, &ana, "", "Olá").await;
    let opening = tokio::spawn({
        let gate = gate.clone();
        async move {
            gate.reached().await;
            tokio::time::sleep(Duration::from_millis(330)).await;
            gate.open();
        }
    });
    let (events, comments) = events(&soon(response.text()).await.unwrap());
    opening.await.unwrap();
    // Every 50 ms, on a machine that may be busy.
    assert!((2..=7).contains(&comments), "{comments}");
    assert_eq!(events.last().unwrap().data["reply"], "Um dois");
}

#[tokio::test]
async fn an_empty_answer_is_turn_and_done() {
    let server = Server::start();
    let ana = server.user("ana").await;
    server.model.script(Script::new());
    let (events, _) = events(&open(&server, &ana, "", "Olá").await.text().await.unwrap());
    assert_eq!(events.len(), 2);
    assert_eq!((events[1].name.as_str(), events[1].id, &events[1].data["reply"]), ("done", 1, &json!("")));
}

#[tokio::test]
async fn a_client_that_goes_away_loses_nothing() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for stream in [true, false] {
        let gate = Gate::new();
        server.model.script(Script::new().say("Um ").gate(&gate).say("dois"));
        if stream {
            let mut response = open(&server, &ana, "", "Sou médica").await;
            let head = soon(response.chunk()).await.unwrap().unwrap();
            assert!(head.starts_with(b"event: turn\n"));
            soon(gate.reached()).await;
        } else {
            let body = json!({"prompt": "Sou médica"});
            let request = tokio::spawn(server.request("POST", "/chat", &ana).json(&body).send());
            soon(gate.reached()).await;
            request.abort();
            drop(request.await);
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
        let chats = ok(server.get("/chats?limit=1", &ana).await).await;
        let chat = text(&chats["chats"][0]["chat_id"]);
        assert_eq!(
            ok(server.get(&format!("/chat?chat_id={chat}"), &ana).await).await["messages"][1]["status"],
            "pending"
        );
        gate.open();
        let answer = ended(&server, &ana, &chat).await;
        assert_eq!((&answer["status"], &answer["content"]), (&json!("complete"), &json!("Um dois")));
        assert_eq!(answer["usage"]["total_tokens"], 15);
    }
    assert_eq!(server.model.cut_off(), 0);
    assert_eq!(server.chats.memory_backlog().await.unwrap(), 2);
}

#[tokio::test]
async fn a_long_answer_streams_whole_to_a_slow_reader() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let part = "palavra por palavra é que se diz ".repeat(1_000);
    server.model.script((0..60).fold(Script::new(), |script, _| script.say(&part)));
    let mut response = open(&server, &ana, "", "Olá").await;
    let mut stream = Vec::new();
    while let Some(chunk) = soon(response.chunk()).await.unwrap() {
        stream.extend_from_slice(&chunk);
        if stream.len() < 1 << 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let (events, _) = events(std::str::from_utf8(&stream).unwrap());
    let deltas = events.iter().filter(|event| event.name == "delta").map(|event| text(&event.data["text"]));
    assert_eq!(deltas.collect::<String>(), part.repeat(60));
    assert_eq!(events.last().unwrap().id, part.len() * 60 + 1);
}

/// On one connection, each part of an answer is written as it comes, without waiting for the client's acknowledgement of the
/// part before, which takes 40 ms.
#[tokio::test]
async fn parts_do_not_wait_for_each_other() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let mut spans = Vec::new();
    for _ in 0..21 {
        let parts = ["um", " dois", " três"];
        let script = |script, part: &&str| Script::wait(Script::say(script, part), Duration::from_millis(1));
        server.model.script(parts.iter().fold(Script::new(), script));
        let begun = Instant::now();
        open(&server, &ana, "", "conta").await.bytes().await.unwrap();
        spans.push(begun.elapsed());
    }
    spans.sort_unstable();
    assert!(spans[10] < Duration::from_millis(35), "{spans:?}");
}
