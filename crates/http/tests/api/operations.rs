//! What whoever runs the server, or writes a client of it, looks at.

use crate::server::{Server, ok, problem};
use serde_json::json;
use std::{collections::BTreeSet, sync::atomic::Ordering};

const CALLS: [&str; 22] = [
    "post /register",
    "post /login",
    "post /token/refresh",
    "post /logout",
    "get /user/profile",
    "put /user/profile",
    "post /chat",
    "get /chat",
    "patch /chat",
    "delete /chat",
    "get /chats",
    "get /memories",
    "get /memories/export",
    "get /memories/{id}/history",
    "post /memories",
    "delete /memories",
    "patch /memories/{id}",
    "delete /memories/{id}",
    "get /models",
    "get /livez",
    "get /readyz",
    "get /metrics",
];

#[tokio::test]
async fn the_description_lists_every_call() {
    let server = Server::start();
    let described = ok(server.get("/openapi.json", "").await).await;
    assert!(described["openapi"].as_str().unwrap().starts_with("3."));
    let mut calls = BTreeSet::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            calls.insert(format!("{method} {path}"));
            let open =
                ["/register", "/login", "/token/refresh", "/livez", "/readyz", "/metrics"].contains(&path.as_str());
            assert_eq!(call["security"], if open { json!(null) } else { json!([{"login": []}]) }, "{method} {path}");
            assert!(call["summary"].is_string() || call["description"].is_string(), "{method} {path}");
        }
    }
    assert_eq!(calls, CALLS.map(str::to_owned).into());
    // Each is there: neither 404 nor 405.
    for call in CALLS {
        let (method, path) = call.split_once(' ').unwrap();
        let response = server.request(&method.to_uppercase(), path, "").send().await.unwrap();
        assert!(![404, 405].contains(&response.status().as_u16()), "{call}: {}", response.status());
    }
    let flow = &described["components"]["securitySchemes"]["login"];
    assert_eq!((&flow["type"], &flow["flows"]["password"]["tokenUrl"]), (&json!("oauth2"), &json!("/login")));
    let login = &described["paths"]["/login"]["post"]["requestBody"]["content"];
    assert!(login["application/json"].is_object() && login["application/x-www-form-urlencoded"].is_object());
}

#[tokio::test]
async fn the_documentation_is_a_page() {
    let server = Server::start();
    let response = server.get("/docs", "").await;
    assert!(response.status().is_redirection());
    assert_eq!(response.headers().get("location").unwrap(), "/docs/");
    let response = server.get("/docs/", "").await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().get("content-type").unwrap().to_str().unwrap().starts_with("text/html"));
    assert!(response.text().await.unwrap().contains("swagger-ui"));
    let script = server.get("/docs/swagger-initializer.js", "").await.text().await.unwrap();
    assert!(script.contains("/openapi.json"), "{script}");
    problem(server.get("/docs/nowhere", "").await, 404, "not_found").await;
}

#[tokio::test]
async fn liveness_and_readiness() {
    let server = Server::start();
    assert_eq!(ok(server.get("/livez", "").await).await, json!({"status": "ok"}));
    assert_eq!(ok(server.get("/readyz", "").await).await, json!({"status": "ready", "stores": ["users", "chats"]}));
    server.stores_down.store(true, Ordering::SeqCst);
    let told = problem(server.get("/readyz", "").await, 503, "store_unavailable").await;
    assert!(told["detail"].as_str().unwrap().contains("users") && !told["detail"].as_str().unwrap().contains("chats"));
    assert_eq!(server.get("/livez", "").await.status(), 200);
}

#[tokio::test]
async fn metrics_are_text() {
    let server = Server::start();
    let response = server.get("/metrics", "").await;
    assert_eq!(response.headers().get("content-type").unwrap(), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(response.text().await.unwrap(), "palavra_test 1\n");
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let server = Server::start();
    let mut ids = BTreeSet::new();
    for path in ["/livez", "/nowhere", "/chats", "/docs/", "/openapi.json", "/metrics"] {
        let response = server.get(path, "").await;
        ids.insert(response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 6);
}
