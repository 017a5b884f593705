//! U+0000 is refused in every text.

use crate::server::{PASSWORD, Server, problem, wrong_fields};
use serde_json::json;

const ID: &str = "00000000-0000-7000-8000-000000000001";

#[tokio::test]
async fn in_bodies() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let nul = "abcdefgh\0i";
    let refused = [
        ("POST", "/register", json!({"username": "e\0va", "password": PASSWORD}), "username"),
        ("POST", "/register", json!({"username": "eva", "password": nul}), "password"),
        (
            "POST",
            "/register",
            json!({"username": "eva", "password": PASSWORD, "openrouter_api_key": nul}),
            "openrouter_api_key",
        ),
        ("PUT", "/user/profile", json!({"display_name": nul}), "display_name"),
        ("PUT", "/user/profile", json!({"default_model": nul}), "default_model"),
        ("PUT", "/user/profile", json!({"openrouter_api_key": nul}), "openrouter_api_key"),
        ("PUT", "/user/profile", json!({"password": nul, "current_password": PASSWORD}), "password"),
        ("PUT", "/user/profile", json!({"password": PASSWORD, "current_password": nul}), "current_password"),
        ("POST", "/chat", json!({"prompt": nul}), "prompt"),
        ("POST", "/chat", json!({"prompt": "x", "model": nul}), "model"),
        ("POST", "/chat", json!({"prompt": "x", "chat_id": "\0"}), "chat_id"),
        ("POST", "/memories", json!({"text": nul}), "text"),
        ("POST", "/memories", json!({"text": "x", "kind": "fact\0"}), "kind"),
        ("PATCH", &format!("/memories/{ID}"), json!({"text": nul}), "text"),
        ("PATCH", &format!("/chat?chat_id={ID}"), json!({"title": nul}), "title"),
        ("POST", "/login", json!({"username": "ana", "password": PASSWORD, "grant_type": "password\0"}), "grant_type"),
        ("POST", "/chat", json!({"prompt": "x", "\0": nul}), "body"),
    ];
    for (method, path, body, field) in refused {
        let told = problem(server.send(method, path, &ana, &body).await, 422, "validation_failed").await;
        assert_eq!(wrong_fields(&told), [field], "{body}");
    }
    for body in [
        json!({"username": "ana\0", "password": PASSWORD}),
        json!({"username": "ana", "password": "correct horse battery\0"}),
    ] {
        problem(server.send("POST", "/login", "", &body).await, 401, "invalid_credentials").await;
    }
    let refresh = json!({"refresh_token": "x\0"});
    problem(server.send("POST", "/token/refresh", "", &refresh).await, 401, "unauthenticated").await;
    server.nothing_stored(&ana).await;
}

#[tokio::test]
async fn in_addresses() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for path in [
        "/chat?chat_id=%00".to_owned(),
        format!("/chat?chat_id={ID}%00"),
        format!("/chat?chat_id={ID}&cursor=%00"),
        format!("/chat?chat_id={ID}&limit=1%00"),
        "/chats?cursor=%00".into(),
        "/chats?%00=1".into(),
        "/memories?cursor=a%00".into(),
    ] {
        problem(server.get(&path, &ana).await, 400, "invalid_parameter").await;
    }
    problem(server.delete("/memories/%00", &ana).await, 400, "invalid_parameter").await;
}
