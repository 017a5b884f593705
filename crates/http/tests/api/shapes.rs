//! What each call answers: names, types and nulls, exactly.

use crate::server::{MODEL, NOW, PASSWORD, Server, fields, ok, text};
use palavra_domain::{ModelId, Usage};
use palavra_inmem::fakes::{Script, model_info};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

fn is_id(value: &Value) -> bool {
    let text = text(value);
    text.parse::<uuid::Uuid>().is_ok_and(|id| id.get_version_num() == 7 && id.hyphenated().to_string() == text)
}

#[tokio::test]
async fn register_answers_the_profile_and_never_the_key() {
    let server = Server::start();
    let body = json!({"username": "Ana", "password": PASSWORD, "openrouter_api_key": "sk-or-v1-canary-4567"});
    let response = server.send("POST", "/register", "", &body).await;
    assert_eq!(response.status(), 201);
    let profile = ok(response).await;
    assert!(is_id(&profile["id"]));
    let whole = json!({
        "id": profile["id"], "username": "Ana", "display_name": null, "default_model": null, "memory_enabled": true,
        "has_api_key": true, "api_key_hint": "4567", "created_at": NOW, "updated_at": NOW,
    });
    assert_eq!(profile, whole);

    let without =
        ok(server.send("POST", "/register", "", &json!({"username": "bia", "password": PASSWORD})).await).await;
    assert_eq!((&without["has_api_key"], &without["api_key_hint"]), (&json!(false), &Value::Null));
    let body = json!({"username": "caio", "password": PASSWORD, "openrouter_api_key": null});
    assert_eq!(server.send("POST", "/register", "", &body).await.status(), 201);
    assert_eq!(ok(server.get("/user/profile", &text(&server.login("Ana").await["access_token"])).await).await, whole);
}

#[tokio::test]
async fn login_and_refresh_answer_a_pair_of_tokens() {
    let server = Server::start();
    server.user("ana").await;
    let first = server.login("ana").await;
    let second =
        ok(server.send("POST", "/token/refresh", "", &json!({"refresh_token": first["refresh_token"]})).await).await;
    for tokens in [&first, &second] {
        assert_eq!(fields(tokens), BTreeSet::from(["access_token", "token_type", "expires_in", "refresh_token"]));
        assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("bearer"), &json!(3600)));
        assert_eq!(text(&tokens["access_token"]).split('.').count(), 3);
    }
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let gone = server.request("POST", "/logout", &text(&second["access_token"])).send().await.unwrap();
    assert_eq!((gone.status().as_u16(), gone.text().await.unwrap().as_str()), (204, ""));
}

#[tokio::test]
async fn chat_answers_the_reply_and_what_it_used() {
    let server = Server::start();
    let ana = server.user("ana").await;
    ok(server.send("POST", "/memories", &ana, &json!({"text": "moro em Recife"})).await).await;
    server.model.script(Script::reply("Em Recife.").answered_by("vendor/other"));
    let answer = server.ask(&ana, "", "onde moro? em").await;
    assert!(is_id(&answer["chat_id"]));
    let memory = &answer["memories"][0];
    assert_eq!((fields(memory), &memory["text"]), (BTreeSet::from(["id", "text", "score"]), &json!("moro em Recife")));
    assert!(is_id(&memory["id"]) && memory["score"].as_f64().unwrap() > 0.3);
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": "0.000015"});
    let whole = json!({
        "chat_id": answer["chat_id"], "turn": 1, "status": "complete", "reply": "Em Recife.", "model": "vendor/other",
        "usage": usage, "memories": [memory], "created_at": NOW, "finished_at": NOW,
    });
    assert_eq!(answer, whole);

    let history = ok(server.get(&format!("/chat?chat_id={}", text(&answer["chat_id"])), &ana).await).await;
    let whole = json!({
        "chat_id": answer["chat_id"], "title": "onde moro? em", "tokens_used": usage, "created_at": NOW, "updated_at": NOW,
        "messages": [
            {"role": "user", "content": "onde moro? em", "turn": 1, "created_at": NOW},
            {"role": "assistant", "content": "Em Recife.", "turn": 1, "model": "vendor/other", "status": "complete",
             "usage": usage, "created_at": NOW},
        ],
        "next_cursor": null,
    });
    assert_eq!(history, whole);

    let chats = ok(server.get("/chats", &ana).await).await;
    let summary = json!({
        "chat_id": answer["chat_id"], "title": "onde moro? em", "tokens_used": usage, "created_at": NOW, "updated_at": NOW,
    });
    assert_eq!(chats, json!({"chats": [summary], "next_cursor": null}));
}

#[tokio::test]
async fn an_empty_null_or_absent_chat_or_model_is_the_usual_one() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let bodies = [
        json!({"chat_id": "", "prompt": "Olá", "model": ""}),
        json!({"chat_id": null, "prompt": "Olá", "model": null, "stream": null}),
        json!({"prompt": "Olá", "stream": false}),
    ];
    for (index, body) in bodies.iter().enumerate() {
        let answer = ok(server.send("POST", "/chat", &ana, body).await).await;
        assert_eq!((&answer["turn"], &answer["model"]), (&json!(1), &json!(MODEL)));
        let chats = ok(server.get("/chats", &ana).await).await;
        assert_eq!(chats["chats"].as_array().unwrap().len(), index + 1);
    }
    ok(server.send("PUT", "/user/profile", &ana, &json!({"default_model": "vendor/mine"})).await).await;
    assert_eq!(server.ask(&ana, "", "Olá").await["model"], "vendor/mine");
    let body = json!({"prompt": "Olá", "model": "vendor/this"});
    assert_eq!(ok(server.send("POST", "/chat", &ana, &body).await).await["model"], "vendor/this");
}

#[tokio::test]
async fn what_nobody_reported_is_null_and_zero_is_zero() {
    let server = Server::start();
    let ana = server.user("ana").await;
    server.model.script(Script::reply("x").using(Usage::default()));
    let answer = server.ask(&ana, "", "Olá").await;
    let nothing = json!({"prompt_tokens": null, "completion_tokens": null, "total_tokens": null, "cost": null});
    assert_eq!(answer["usage"], nothing);
    let chat = text(&answer["chat_id"]);
    let tokens_used =
        async || ok(server.get(&format!("/chat?chat_id={chat}"), &ana).await).await["tokens_used"].clone();
    assert_eq!(tokens_used().await, nothing);
    let free = Usage { cost: "0".parse().ok(), total_tokens: Some(0), ..Usage::default() };
    server.model.script(Script::reply("x").using(free));
    let free = server.ask(&ana, &chat, "Olá").await["usage"].clone();
    assert_eq!((&free["cost"], &free["total_tokens"]), (&json!("0"), &json!(0)));
    // Exactly: as floats, these have no such sum.
    for cost in ["0.1", "0.2", "0.0000000000000000000001"] {
        server.model.script(Script::reply("x").using(Usage { cost: cost.parse().ok(), ..Usage::default() }));
        assert_eq!(server.ask(&ana, &chat, "Olá").await["usage"]["cost"], cost);
    }
    assert_eq!(tokens_used().await["cost"], "0.3000000000000000000001");
}

#[tokio::test]
async fn chats_are_renamed_and_deleted() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let answer = server.ask(&ana, "", "Olá").await;
    let path = format!("/chat?chat_id={}", text(&answer["chat_id"]));
    server.clock.advance(Duration::from_millis(994));
    let renamed = ok(server.send("PATCH", &path, &ana, &json!({"title": "Viagem"})).await).await;
    let whole = json!({
        "chat_id": answer["chat_id"], "title": "Viagem", "tokens_used": answer["usage"], "created_at": NOW,
        "updated_at": "2026-01-02T03:04:06.000Z",
    });
    assert_eq!(renamed, whole);
    let gone = server.delete(&path, &ana).await;
    assert_eq!((gone.status().as_u16(), gone.text().await.unwrap().as_str()), (204, ""));
    assert_eq!(server.get(&path, &ana).await.status(), 404);
}

#[tokio::test]
async fn memories_are_saved_changed_and_deleted() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let body = json!({"text": "Prefiro respostas formais", "kind": "preference"});
    let response = server.send("POST", "/memories", &ana, &body).await;
    assert_eq!(response.status(), 201);
    let memory = ok(response).await;
    assert!(is_id(&memory["id"]));
    let whole = json!({
        "id": memory["id"], "text": "Prefiro respostas formais", "kind": "preference", "created_at": NOW, "updated_at": NOW,
    });
    assert_eq!(memory, whole);
    assert_eq!(ok(server.get("/memories", &ana).await).await, json!({"memories": [whole], "next_cursor": null}));

    server.clock.advance(Duration::from_millis(994));
    let path = format!("/memories/{}", text(&memory["id"]));
    let changed = ok(server.send("PATCH", &path, &ana, &json!({"text": "Prefiro o tu"})).await).await;
    let whole = json!({
        "id": memory["id"], "text": "Prefiro o tu", "kind": "preference", "created_at": NOW,
        "updated_at": "2026-01-02T03:04:06.000Z",
    });
    assert_eq!(changed, whole);
    let changed = ok(server.send("PATCH", &path, &ana, &json!({"kind": "instruction"})).await).await;
    assert_eq!((&changed["kind"], &changed["text"]), (&json!("instruction"), &json!("Prefiro o tu")));
    assert_eq!(server.delete(&path, &ana).await.status(), 204);
    assert_eq!(server.delete(&path, &ana).await.status(), 404);

    for kind in ["profile", "preference", "instruction", "fact"] {
        let memory = ok(server.send("POST", "/memories", &ana, &json!({"text": kind, "kind": kind})).await).await;
        assert_eq!(memory["kind"], kind);
    }
    let usual = ok(server.send("POST", "/memories", &ana, &json!({"text": "x", "kind": null})).await).await;
    assert_eq!(usual["kind"], "fact");
    assert_eq!(ok(server.delete("/memories", &ana).await).await, json!({"deleted": 5}));
    assert_eq!(ok(server.delete("/memories", &ana).await).await, json!({"deleted": 0}));
}

#[tokio::test]
async fn models_have_prices_as_text() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let mut priced = model_info(ModelId::parse("vendor/priced").unwrap(), Some(8_000));
    priced.name = "Priced".into();
    priced.max_completion_tokens = Some(1_000);
    priced.prompt_price = "0.00000015".parse().ok();
    priced.completion_price = "0".parse().ok();
    let mut unknown = model_info(ModelId::parse("vendor/unknown:free").unwrap(), None);
    unknown.structured_outputs = false;
    server.catalog.set(vec![priced, unknown]);
    let whole = json!({"models": [
        {"id": "vendor/priced", "name": "Priced", "context_length": 8000, "max_completion_tokens": 1000,
         "pricing": {"prompt": "0.00000015", "completion": "0"}, "structured_outputs": true},
        {"id": "vendor/unknown:free", "name": "vendor/unknown:free", "context_length": null,
         "max_completion_tokens": null, "pricing": {"prompt": null, "completion": null}, "structured_outputs": false},
    ]});
    assert_eq!(ok(server.get("/models", &ana).await).await, whole);
}
