//! PUT /user/profile: absent stays, null clears.

use crate::server::{KEY, NOW, PASSWORD, Server, ok, problem, text, wrong_fields};
use palavra_domain::{ModelError, ports::KeyStatus};
use palavra_inmem::fakes::Mood;
use serde_json::{Value, json};
use std::time::Duration;

async fn put(server: &Server, token: &str, body: Value) -> Value {
    ok(server.send("PUT", "/user/profile", token, &body).await).await
}

#[tokio::test]
async fn absent_fields_stay_and_null_ones_are_cleared() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let before = ok(server.get("/user/profile", &ana).await).await;
    server.clock.advance(Duration::from_millis(994));
    let set = json!({"display_name": "Ana C.", "default_model": "vendor/mine", "memory_enabled": false});
    let after = put(&server, &ana, set).await;
    let mut whole = before.clone();
    whole["display_name"] = json!("Ana C.");
    whole["default_model"] = json!("vendor/mine");
    whole["memory_enabled"] = json!(false);
    whole["updated_at"] = json!("2026-01-02T03:04:06.000Z");
    assert_eq!(after, whole);
    assert_eq!(after["created_at"], NOW);

    assert_eq!(put(&server, &ana, json!({})).await, whole);
    let after = put(&server, &ana, json!({"display_name": null})).await;
    whole["display_name"] = Value::Null;
    assert_eq!(after, whole);
    let after = put(&server, &ana, json!({"openrouter_api_key": null, "default_model": null})).await;
    assert_eq!((&after["has_api_key"], &after["api_key_hint"]), (&json!(false), &Value::Null));
    assert_eq!((&after["default_model"], &after["memory_enabled"]), (&Value::Null, &json!(false)));
    let after = put(&server, &ana, json!({"openrouter_api_key": "sk-or-v1-another-wxyz"})).await;
    assert_eq!((&after["has_api_key"], &after["api_key_hint"]), (&json!(true), &json!("wxyz")));
    assert_eq!(ok(server.get("/user/profile", &ana).await).await, after);
    server.ask(&ana, "", "Olá").await;
    assert_eq!(server.model.calls()[0].key.expose(), "sk-or-v1-another-wxyz");
}

#[tokio::test]
async fn what_cannot_be_set_is_told_field_by_field_and_nothing_is_changed() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let before = ok(server.get("/user/profile", &ana).await).await;
    let refused: [(Value, &[&str]); 14] = [
        (json!({"display_name": ""}), &["display_name"]),
        (json!({"display_name": "x".repeat(101)}), &["display_name"]),
        (json!({"display_name": 1}), &["display_name"]),
        (json!({"default_model": "a b"}), &["default_model"]),
        (json!({"memory_enabled": null}), &["memory_enabled"]),
        (json!({"memory_enabled": "false"}), &["memory_enabled"]),
        (json!({"openrouter_api_key": ""}), &["openrouter_api_key"]),
        (json!({"openrouter_api_key": "a b"}), &["openrouter_api_key"]),
        (json!({"password": null}), &["password"]),
        (json!({"password": "another password"}), &["current_password"]),
        (json!({"current_password": PASSWORD}), &["password"]),
        (json!({"password": "short", "current_password": PASSWORD}), &["password"]),
        (json!({"username": "eva"}), &["username"]),
        (
            json!({"display_name": " ", "default_model": "", "password": null}),
            &["display_name", "default_model", "password"],
        ),
    ];
    for (mut body, fields) in refused {
        if body.get("username").is_none() && body.get("display_name").is_none() {
            body["display_name"] = json!("must not be saved");
        }
        let told = problem(server.send("PUT", "/user/profile", &ana, &body).await, 422, "validation_failed").await;
        assert_eq!(wrong_fields(&told), fields, "{body}");
    }
    let body = json!({"display_name": "x", "password": "another password", "current_password": "canary password"});
    let told = problem(server.send("PUT", "/user/profile", &ana, &body).await, 422, "validation_failed").await;
    assert_eq!(wrong_fields(&told), ["current_password"]);
    assert!(!told.to_string().contains("canary"));
    assert_eq!(ok(server.get("/user/profile", &ana).await).await, before);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let server = Server::start();
    let here = server.user("ana").await;
    let there = text(&server.login("ana").await["access_token"]);
    let body = json!({"password": "another password", "current_password": PASSWORD});
    put(&server, &here, body).await;
    assert_eq!(server.get("/chats", &here).await.status(), 200);
    problem(server.get("/chats", &there).await, 401, "unauthenticated").await;
    let old = json!({"username": "ana", "password": PASSWORD});
    problem(server.send("POST", "/login", "", &old).await, 401, "invalid_credentials").await;
    let new = json!({"username": "ana", "password": "another password"});
    ok(server.send("POST", "/login", "", &new).await).await;
}

#[tokio::test]
async fn keys_that_openrouter_refuses_are_not_kept() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let body = json!({"openrouter_api_key": "sk-or-v1-refused-0000"});
    let register = json!({"username": "eva", "password": PASSWORD, "openrouter_api_key": "sk-or-v1-refused-0000"});
    server.inspector.set(KeyStatus::Rejected);
    problem(server.send("PUT", "/user/profile", &ana, &body).await, 424, "api_key_rejected").await;
    problem(server.send("POST", "/register", "", &register).await, 424, "api_key_rejected").await;
    server.inspector.set(KeyStatus::Management);
    let told = problem(server.send("PUT", "/user/profile", &ana, &body).await, 422, "validation_failed").await;
    assert_eq!(wrong_fields(&told), ["openrouter_api_key"]);
    assert!(!told.to_string().contains("refused-0000"));
    assert_eq!(ok(server.get("/user/profile", &ana).await).await["api_key_hint"], KEY[KEY.len() - 4..]);
    // One that cannot be asked about is kept.
    server.inspector.set_mood(Mood::Fails(|| ModelError::Timeout));
    assert_eq!(put(&server, &ana, body).await["api_key_hint"], "0000");
}
