//! What is remembered, as its owner sees and governs it.

use crate::server::{Server, ok, problem, text};
use serde_json::{Value, json};

async fn saved(server: &Server, token: &str, said: &str) -> Value {
    ok(server.send("POST", "/memories", token, &json!({"text": said})).await).await
}

fn texts(list: &Value) -> Vec<&str> {
    list["memories"].as_array().unwrap().iter().map(|memory| memory["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_search_finds_what_bears_on_it() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for said in ["Tem um cachorro chamado Thor", "Mora em Recife", "Trabalha com Rust"] {
        saved(&server, &ana, said).await;
    }
    let found = ok(server.get("/memories?q=cachorro%20Thor", &ana).await).await;
    assert_eq!((texts(&found), &found["next_cursor"]), (vec!["Tem um cachorro chamado Thor"], &json!(null)));
    assert_eq!(texts(&ok(server.get("/memories?q=xadrez", &ana).await).await), [""; 0]);
    let long = "x".repeat(1_001);
    for query in ["q=", "q=%20", "q=a%00", &format!("q={long}"), "q=a&cursor=x", "q=a&limit=0"] {
        problem(server.get(&format!("/memories?{query}"), &ana).await, 400, "invalid_parameter").await;
    }
}

#[tokio::test]
async fn a_memory_tells_what_it_said_before() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let memory = saved(&server, &ana, "Gosta de chá").await;
    let path = format!("/memories/{}", text(&memory["id"]));
    ok(server.send("PATCH", &path, &ana, &json!({"text": "Gosta de café"})).await).await;
    let history = ok(server.get(&format!("{path}/history"), &ana).await).await;
    let [old, new] = &history["history"].as_array().unwrap()[..] else { panic!("{history}") };
    assert_eq!(
        (&old["text"], &old["state"], &old["origin"]),
        (&json!("Gosta de chá"), &json!("superseded"), &json!("user"))
    );
    assert_eq!((&old["superseded_by"], &new["id"]), (&memory["id"], &memory["id"]));
    assert_eq!(
        (&new["text"], &new["state"], &new["valid_to"]),
        (&json!("Gosta de café"), &json!("active"), &json!(null))
    );
    assert!(old["valid_to"].is_string() && new["source"].is_null());

    let response = server.get("/memories/export", &ana).await;
    assert!(response.headers()["content-disposition"].to_str().unwrap().contains("memories.json"));
    let export = ok(response).await;
    assert_eq!((texts(&export), &export["embedding_model"]), (vec!["Gosta de chá", "Gosta de café"], &json!("words")));

    assert_eq!(server.delete(&path, &ana).await.status(), 204);
    problem(server.get(&format!("{path}/history"), &ana).await, 404, "memory_not_found").await;
    assert_eq!(ok(server.get("/memories/export", &ana).await).await["memories"], json!([]));
    problem(server.get("/memories/x/history", &ana).await, 400, "invalid_parameter").await;
}

#[tokio::test]
async fn a_prompt_may_be_sent_without_memory() {
    let server = Server::start();
    let ana = server.user("ana").await;
    saved(&server, &ana, "moro em Recife").await;
    let ask = async |memory: Value| {
        let body = json!({"prompt": "moro em Recife", "memory": memory});
        ok(server.send("POST", "/chat", &ana, &body).await).await["memories"].as_array().unwrap().len()
    };
    assert_eq!(ask(json!(true)).await, 1);
    assert_eq!(ask(json!(null)).await, 1);
    assert_eq!(ask(json!(false)).await, 0);
    let body = json!({"prompt": "x", "memory": "no"});
    problem(server.send("POST", "/chat", &ana, &body).await, 422, "validation_failed").await;
}

#[tokio::test]
async fn deleting_a_chat_says_what_becomes_of_what_was_learnt() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let chat = text(&server.ask(&ana, "", "Olá").await["chat_id"]);
    problem(server.delete(&format!("/chat?chat_id={chat}&memories=all"), &ana).await, 400, "invalid_parameter").await;
    assert_eq!(server.delete(&format!("/chat?chat_id={chat}&memories=forget"), &ana).await.status(), 204);
    problem(server.delete(&format!("/chat?chat_id={chat}&memories=keep"), &ana).await, 404, "chat_not_found").await;
}
