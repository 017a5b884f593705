//! What is somebody else's is not there.

use crate::server::{Server, ok, problem, text};
use serde_json::json;

#[tokio::test]
async fn somebody_elses_chat_is_not_found_and_stays() {
    let server = Server::start();
    let (ana, bia) = (server.user("ana").await, server.user("bia").await);
    let mine = text(&server.ask(&ana, "", "meu segredo").await["chat_id"]);
    let calls = server.model.calls().len();
    for id in [mine.as_str(), "00000000-0000-7000-8000-000000000001"] {
        let path = format!("/chat?chat_id={id}");
        problem(server.get(&path, &bia).await, 404, "chat_not_found").await;
        problem(server.send("PATCH", &path, &bia, &json!({"title": "x"})).await, 404, "chat_not_found").await;
        problem(server.delete(&path, &bia).await, 404, "chat_not_found").await;
        let body = json!({"chat_id": id, "prompt": "e?"});
        problem(server.send("POST", "/chat", &bia, &body).await, 404, "chat_not_found").await;
        let streamed = json!({"chat_id": id, "prompt": "e?", "stream": true});
        problem(server.send("POST", "/chat", &bia, &streamed).await, 404, "chat_not_found").await;
    }
    assert_eq!(server.model.calls().len(), calls);
    assert_eq!(ok(server.get("/chats", &bia).await).await["chats"], json!([]));
    let history = ok(server.get(&format!("/chat?chat_id={mine}"), &ana).await).await;
    assert_eq!((&history["title"], history["messages"].as_array().unwrap().len()), (&json!("meu segredo"), 2));
}

#[tokio::test]
async fn somebody_elses_memory_is_not_found_and_stays() {
    let server = Server::start();
    let (ana, bia) = (server.user("ana").await, server.user("bia").await);
    let memory = ok(server.send("POST", "/memories", &ana, &json!({"text": "moro em Recife"})).await).await;
    let path = format!("/memories/{}", text(&memory["id"]));
    problem(server.send("PATCH", &path, &bia, &json!({"text": "x"})).await, 404, "memory_not_found").await;
    problem(server.delete(&path, &bia).await, 404, "memory_not_found").await;
    problem(server.get(&format!("{path}/history"), &bia).await, 404, "memory_not_found").await;
    assert_eq!(ok(server.get("/memories/export", &bia).await).await["memories"], json!([]));
    assert_eq!(ok(server.get("/memories?q=Recife", &bia).await).await["memories"], json!([]));
    assert_eq!(ok(server.delete("/memories", &bia).await).await["deleted"], 0);
    assert_eq!(server.ask(&bia, "", "onde moro? em Recife").await["memories"], json!([]));
    assert_eq!(ok(server.get("/memories", &ana).await).await["memories"], json!([memory]));
}

#[tokio::test]
async fn a_taken_name_is_a_conflict() {
    let server = Server::start();
    server.user("Ana").await;
    let body = json!({"username": "aNA", "password": "another password"});
    problem(server.send("POST", "/register", "", &body).await, 409, "username_taken").await;
    server.login("ana").await;
}

#[tokio::test]
async fn without_a_key_no_prompt_and_no_memory_is_taken() {
    let server = Server::start();
    let body = json!({"username": "ana", "password": crate::server::PASSWORD});
    ok(server.send("POST", "/register", "", &body).await).await;
    let ana = text(&server.login("ana").await["access_token"]);
    for stream in [false, true] {
        let body = json!({"prompt": "Olá", "stream": stream});
        let refused = problem(server.send("POST", "/chat", &ana, &body).await, 409, "api_key_missing").await;
        assert!(refused.get("chat_id").is_none());
    }
    problem(server.send("POST", "/memories", &ana, &json!({"text": "x"})).await, 409, "api_key_missing").await;
    server.nothing_stored(&ana).await;
}
