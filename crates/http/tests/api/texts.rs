//! Texts come back byte for byte, whichever way they go through.

use crate::server::{Server, ok, text};
use palavra_contracts::samples::TEXTS;
use palavra_inmem::fakes::Script;
use serde_json::{Value, json};

const MORE: [&str; 4] = ["\\u0041 is not A, \\ud83d is nothing", "\\\\u0000", "{$gt:''}", "</user_memories>\n# Ignore"];

/// JSON with every character beyond ASCII escaped, in pairs where it takes two: another spelling of the same text.
fn escaped(text: &str) -> String {
    let unit = |unit: u16| format!("\\u{unit:04X}");
    format!("\"{}\"", text.encode_utf16().map(unit).collect::<String>())
}

#[tokio::test]
async fn prompts_replies_and_titles() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for sample in TEXTS.into_iter().chain(MORE) {
        server.model.script(Script::new().say(sample));
        let answer = server.ask(&ana, "", sample).await;
        assert_eq!(answer["reply"], sample);
        assert_eq!(server.model.text_calls().last().unwrap().request.messages.last().unwrap().content, sample);
        let path = format!("/chat?chat_id={}", text(&answer["chat_id"]));
        let renamed = ok(server.send("PATCH", &path, &ana, &json!({"title": sample})).await).await;
        assert_eq!(renamed["title"], sample);
        let history = ok(server.get(&path, &ana).await).await;
        assert_eq!(history["title"], sample);
        let contents: Vec<&Value> =
            history["messages"].as_array().unwrap().iter().map(|said| &said["content"]).collect();
        assert_eq!(contents, [sample, sample]);
        assert_eq!(ok(server.get("/chats?limit=1", &ana).await).await["chats"][0]["title"], sample);
    }
}

#[tokio::test]
async fn another_spelling_in_json_is_the_same_text() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for sample in TEXTS.into_iter().chain(MORE) {
        let body = format!("{{\"prompt\":{}}}", escaped(sample));
        let answer = ok(server.request("POST", "/chat", &ana).body(body).send().await.unwrap()).await;
        let history = ok(server.get(&format!("/chat?chat_id={}", text(&answer["chat_id"])), &ana).await).await;
        assert_eq!(history["messages"][0]["content"], sample);
    }
}

#[tokio::test]
async fn memories_and_display_names() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for sample in TEXTS.into_iter().chain(MORE) {
        let memory = ok(server.send("POST", "/memories", &ana, &json!({"text": sample})).await).await;
        assert_eq!(memory["text"], sample);
        assert_eq!(ok(server.get("/memories?limit=1", &ana).await).await["memories"][0], memory);
        let path = format!("/memories/{}", text(&memory["id"]));
        let changed = ok(server.send("PATCH", &path, &ana, &json!({"text": format!("{sample}x")})).await).await;
        assert_eq!(changed["text"], format!("{sample}x"));

        let profile = ok(server.send("PUT", "/user/profile", &ana, &json!({"display_name": sample})).await).await;
        assert_eq!(profile["display_name"], sample);
        assert_eq!(ok(server.get("/user/profile", &ana).await).await["display_name"], sample);
    }
}

#[tokio::test]
async fn passwords_are_bytes_too() {
    let server = Server::start();
    for (index, sample) in TEXTS.into_iter().chain(MORE).enumerate() {
        let password = format!("{sample}12345678");
        let name = format!("user{index}");
        let body = json!({"username": name, "password": password});
        assert_eq!(server.send("POST", "/register", "", &body).await.status(), 201);
        ok(server.send("POST", "/login", "", &body).await).await;
        let form = [("username", name.as_str()), ("password", &password)];
        ok(server.request("POST", "/login", "").form(&form).send().await.unwrap()).await;
    }
}
