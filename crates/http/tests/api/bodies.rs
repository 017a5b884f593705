//! Requests that are not what they should be: told as problems, and nothing is stored.

use crate::server::{BODY_LIMIT, PASSWORD, Server, fields, ok, problem, text, wrong_fields};
use futures::stream;
use serde_json::{Value, json};
use std::{collections::BTreeSet, convert::Infallible};

/// Every call with a JSON body, and a body that it takes.
fn calls(memory: &str, chat: &str) -> Vec<(&'static str, String, Value)> {
    vec![
        ("POST", "/register".into(), json!({"username": "eva", "password": PASSWORD})),
        ("POST", "/login".into(), json!({"username": "ana", "password": PASSWORD})),
        ("POST", "/token/refresh".into(), json!({"refresh_token": "x"})),
        ("PUT", "/user/profile".into(), json!({"display_name": "Ana"})),
        ("POST", "/chat".into(), json!({"prompt": "Olá"})),
        ("PATCH", format!("/chat?chat_id={chat}"), json!({"title": "x"})),
        ("POST", "/memories".into(), json!({"text": "x"})),
        ("PATCH", format!("/memories/{memory}"), json!({"text": "x"})),
    ]
}

const ID: &str = "00000000-0000-7000-8000-000000000001";

async fn raw(server: &Server, method: &str, path: &str, token: &str, body: Vec<u8>) -> reqwest::Response {
    let request = server.request(method, path, token).header("Content-Type", "application/json");
    request.body(body).send().await.unwrap()
}

#[tokio::test]
async fn what_is_not_json_is_malformed() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for (method, path, body) in calls(ID, ID) {
        let mut bad: Vec<Vec<u8>> = [
            "",
            " ",
            "{",
            "x",
            "{}x",
            "{'a':1}",
            "{\"a\":}",
            "\u{feff}{}",
            "{\"prompt\":\"\\ud800\"}",
            "a=b&c=d",
            "<x/>",
            "{\"a\":1,}",
        ]
        .into_iter()
        .map(Into::into)
        .collect();
        bad.push(b"{\"prompt\":\"\xff\"}".to_vec());
        bad.push(b"{\"prompt\":\"a\0b\"}".to_vec());
        bad.push(vec![b'['; 100_000]);
        bad.push([b"{\"a\":".repeat(20_000), b"1".to_vec()].concat());
        bad.push(format!("{body}{body}").into_bytes());
        for body in bad {
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let response = raw(&server, method, &path, &ana, body).await;
            let status = response.status().as_u16();
            // A letter that is none, in a field that this call does not have: the field is told.
            let odd_letter = shown.starts_with("{\"prompt\"") && path != "/chat";
            let code = if odd_letter && status == 422 { "validation_failed" } else { "malformed_json" };
            assert!(status == 400 || code == "validation_failed", "{path} {shown}: {status}");
            problem(response, status, code).await;
        }
    }
    server.nothing_stored(&ana).await;
}

#[tokio::test]
async fn what_is_no_object_is_not_valid() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let positional = [
        json!(["eva", PASSWORD, null]),
        json!(["ana", PASSWORD, null, null, null, null]),
        json!(["x"]),
        json!(["Ana", null, null, null, null, null]),
        json!(["", "Olá", null, null]),
        json!(["x", null]),
    ];
    for (method, path, _) in calls(ID, ID) {
        let others = [json!([]), json!([{}]), json!("x"), json!(1), json!(null), json!(true)];
        for body in others.iter().chain(&positional) {
            let told = problem(server.send(method, &path, &ana, body).await, 422, "validation_failed").await;
            assert_eq!(
                (wrong_fields(&told), &told["errors"][0]["message"]),
                (vec!["body".into()], &json!("must be a JSON object")),
                "{body}"
            );
        }
    }
    server.nothing_stored(&ana).await;
    problem(
        server.send("POST", "/login", "", &json!({"username": "eva", "password": PASSWORD})).await,
        401,
        "invalid_credentials",
    )
    .await;
}

#[tokio::test]
async fn unknown_fields_are_refused() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for (method, path, body) in calls(ID, ID) {
        for unknown in ["user_id", "nope", "$set", "__proto__"] {
            let mut body = body.clone();
            body[unknown] = json!("x");
            let told = problem(server.send(method, &path, &ana, &body).await, 422, "validation_failed").await;
            assert_eq!(wrong_fields(&told), [unknown], "{path}");
        }
    }
    server.nothing_stored(&ana).await;
}

#[tokio::test]
async fn fields_that_are_missing_or_of_another_type_are_named() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for (method, path, body) in calls(ID, ID) {
        let optional = ["/user/profile", "/memories/"].iter().any(|start| path.starts_with(start));
        for name in fields(&body) {
            if !optional {
                let mut less = body.clone();
                less.as_object_mut().unwrap().remove(name);
                let told = problem(server.send(method, &path, &ana, &less).await, 422, "validation_failed").await;
                assert_eq!(
                    (wrong_fields(&told), &told["errors"][0]["message"]),
                    (vec![name.into()], &json!("is required"))
                );
            }
            for value in [json!(1), json!(1.5), json!(true), json!(["x"]), json!({"x": "y"}), json!({"$gt": ""})] {
                let mut odd = body.clone();
                odd[name] = value;
                let told = problem(server.send(method, &path, &ana, &odd).await, 422, "validation_failed").await;
                assert_eq!(wrong_fields(&told), [name], "{path} {odd}");
            }
            let twice = format!("{{\"{name}\":\"x\",{}", &body.to_string()[1..]);
            let told = problem(raw(&server, method, &path, &ana, twice.into()).await, 422, "validation_failed").await;
            assert_eq!(wrong_fields(&told), [name], "{path}");
        }
    }
    let odd = json!({"prompt": "Olá", "stream": "true"});
    let told = problem(server.send("POST", "/chat", &ana, &odd).await, 422, "validation_failed").await;
    assert_eq!(
        (wrong_fields(&told), &told["errors"][0]["message"]),
        (vec!["stream".into()], &json!("must be true or false"))
    );
    server.nothing_stored(&ana).await;
}

#[tokio::test]
async fn values_that_do_not_keep_to_their_rules_are_refused() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let long = |count: usize| "é".repeat(count);
    let refused = [
        ("POST", "/register", json!({"username": "ab", "password": PASSWORD}), "username"),
        ("POST", "/register", json!({"username": "a".repeat(33), "password": PASSWORD}), "username"),
        ("POST", "/register", json!({"username": "joão", "password": PASSWORD}), "username"),
        ("POST", "/register", json!({"username": "", "password": PASSWORD}), "username"),
        ("POST", "/register", json!({"username": "eva", "password": "1234567"}), "password"),
        ("POST", "/register", json!({"username": "eva", "password": long(257)}), "password"),
        (
            "POST",
            "/register",
            json!({"username": "eva", "password": PASSWORD, "openrouter_api_key": "a b"}),
            "openrouter_api_key",
        ),
        (
            "POST",
            "/register",
            json!({"username": "eva", "password": PASSWORD, "openrouter_api_key": "a".repeat(513)}),
            "openrouter_api_key",
        ),
        ("POST", "/chat", json!({"prompt": ""}), "prompt"),
        ("POST", "/chat", json!({"prompt": " \n\t "}), "prompt"),
        ("POST", "/chat", json!({"prompt": long(100_001)}), "prompt"),
        ("POST", "/chat", json!({"prompt": "x", "model": "a b"}), "model"),
        ("POST", "/chat", json!({"prompt": "x", "model": "a".repeat(201)}), "model"),
        ("POST", "/chat", json!({"prompt": "x", "chat_id": "nope"}), "chat_id"),
        ("POST", "/memories", json!({"text": ""}), "text"),
        ("POST", "/memories", json!({"text": long(1_001)}), "text"),
        ("POST", "/memories", json!({"text": "x", "kind": "secret"}), "kind"),
        ("PATCH", &format!("/memories/{ID}"), json!({"text": " "}), "text"),
        ("PATCH", &format!("/memories/{ID}"), json!({"kind": ""}), "kind"),
        ("PATCH", &format!("/chat?chat_id={ID}"), json!({"title": ""}), "title"),
        ("PATCH", &format!("/chat?chat_id={ID}"), json!({"title": long(201)}), "title"),
    ];
    for (method, path, body, field) in refused {
        let told = problem(server.send(method, path, &ana, &body).await, 422, "validation_failed").await;
        assert_eq!(wrong_fields(&told), [field], "{body}");
    }
    let both = json!({"username": "x", "password": "x"});
    let told = problem(server.send("POST", "/register", "", &both).await, 422, "validation_failed").await;
    assert_eq!(wrong_fields(&told), ["username", "password"]);
    server.nothing_stored(&ana).await;
    problem(
        server.send("POST", "/login", "", &json!({"username": "eva", "password": PASSWORD})).await,
        401,
        "invalid_credentials",
    )
    .await;
    // At their limits they are taken.
    ok(server.send("POST", "/chat", &ana, &json!({"prompt": long(100_000)})).await).await;
    ok(server.send("POST", "/memories", &ana, &json!({"text": long(1_000)})).await).await;
    let eva = json!({"username": "e".repeat(32), "password": long(256)});
    assert_eq!(server.send("POST", "/register", "", &eva).await.status(), 201);
}

#[tokio::test]
async fn secrets_are_never_repeated() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let canaries = [
        json!(["canary-1"]),
        json!({"canary-2": 1}),
        json!(9_007_199_254_740_993_u64),
        json!("canary\u{0}"),
        json!("cnry 3"),
    ];
    let marks = ["canary", "9007199254740993", "cnry"];
    let calls = [
        ("POST", "/register", "password", json!({"username": "eva"})),
        ("POST", "/register", "openrouter_api_key", json!({"username": "eva", "password": PASSWORD})),
        ("POST", "/login", "password", json!({"username": "ana"})),
        ("POST", "/token/refresh", "refresh_token", json!({})),
        ("PUT", "/user/profile", "openrouter_api_key", json!({})),
        ("PUT", "/user/profile", "password", json!({})),
        ("PUT", "/user/profile", "current_password", json!({"password": "another password"})),
    ];
    for (method, path, field, body) in calls {
        for canary in &canaries {
            let mut body = body.clone();
            body[field] = canary.clone();
            let response = server.send(method, path, &ana, &body).await;
            assert!(response.status().is_client_error(), "{path} {body}");
            let headers = format!("{:?}", response.headers());
            let told = headers + &response.text().await.unwrap();
            assert!(marks.iter().all(|mark| !told.contains(mark)), "{path} {body}: {told}");
        }
    }
    let broken = br#"{"username": "ana", "password": "canary-4", "#.to_vec();
    let told = problem(raw(&server, "POST", "/login", "", broken).await, 400, "malformed_json").await;
    assert!(!told.to_string().contains("canary"), "{told}");
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let server = Server::start();
    let ana = server.user("ana").await;
    for size in [BODY_LIMIT + 1, 3 * BODY_LIMIT] {
        for (method, path, _) in calls(ID, ID) {
            let response = raw(&server, method, &path, &ana, vec![b' '; size]).await;
            problem(response, 413, "body_too_large").await;
        }
        // In pieces, without saying how much will come.
        let pieces = (0..size.div_ceil(1_000)).map(|_| Ok::<_, Infallible>(vec![b' '; 1_000]));
        let body = reqwest::Body::wrap_stream(stream::iter(pieces));
        let response = server.request("POST", "/chat", &ana).body(body).send().await.unwrap();
        problem(response, 413, "body_too_large").await;
    }
    let mut largest = json!({"prompt": "Olá"}).to_string();
    largest.push_str(&" ".repeat(BODY_LIMIT - largest.len()));
    server.nothing_stored(&ana).await;
    ok(raw(&server, "POST", "/chat", &ana, largest.into()).await).await;
}

#[tokio::test]
async fn addresses_have_a_limit_and_a_form() {
    let server = Server::start();
    let ana = server.user("ana").await;
    let long = "a".repeat(9_000);
    for path in [
        format!("/memories/{long}"),
        format!("/{long}"),
        format!("/chat?chat_id={long}"),
        format!("/chats?cursor={long}"),
    ] {
        problem(server.get(&path, &ana).await, 400, "invalid_parameter").await;
    }
    for id in ["nope", "1", "%00", "%ff", "..%2f", "0", &format!("{ID}0"), "%7B%24gt%3A''%7D"] {
        let told = problem(server.delete(&format!("/memories/{id}"), &ana).await, 400, "invalid_parameter").await;
        assert_eq!(wrong_fields(&told), ["id"], "{id}");
        for method in ["GET", "DELETE"] {
            let response = server.request(method, &format!("/chat?chat_id={id}"), &ana).send().await.unwrap();
            problem(response, 400, "invalid_parameter").await;
        }
    }
    for query in ["", "?chat_id=", &format!("?chat_id={ID}&nope=1"), &format!("?chat_id={ID}&chat_id={ID}"), "?limit=1"]
    {
        problem(server.get(&format!("/chat{query}"), &ana).await, 400, "invalid_parameter").await;
    }
    problem(server.get("/chats?nope=1", &ana).await, 400, "invalid_parameter").await;
}

#[tokio::test]
async fn what_is_not_http_is_refused_by_the_parser() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start();
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000));
    let header = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(200_000));
    for request in [long.as_str(), header.as_str(), "nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = tokio::net::TcpStream::connect(server.base.trim_start_matches("http://")).await.unwrap();
        // The server may answer and hang up before it has read all.
        drop(stream.write_all(request.as_bytes()).await);
        let mut answer = [0; 12];
        crate::server::soon(stream.read_exact(&mut answer)).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(server.get("/livez", "").await.status(), 200);
}

#[tokio::test]
async fn other_methods_and_addresses_are_told() {
    let server = Server::start();
    let methods = [
        ("/register", "POST"),
        ("/login", "POST"),
        ("/token/refresh", "POST"),
        ("/logout", "POST"),
        ("/user/profile", "GET PUT"),
        ("/chat", "GET POST PATCH DELETE"),
        ("/chats", "GET"),
        ("/memories", "GET POST DELETE"),
        ("/memories/x", "PATCH DELETE"),
        ("/models", "GET"),
        ("/livez", "GET"),
        ("/readyz", "GET"),
        ("/metrics", "GET"),
        ("/openapi.json", "GET"),
        ("/docs/", "GET"),
        ("/docs/index.css", "GET"),
    ];
    for (path, allowed) in methods {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
            if allowed.split(' ').any(|allowed| allowed == method) {
                continue;
            }
            let response = server.request(method, path, "").send().await.unwrap();
            let told = response
                .headers()
                .get("allow")
                .unwrap_or_else(|| panic!("{method} {path}"))
                .to_str()
                .unwrap()
                .to_owned();
            assert_eq!(told.split(", ").collect::<BTreeSet<_>>(), allowed.split(' ').collect(), "{method} {path}");
            problem(response, 405, "method_not_allowed").await;
        }
    }
    for path in ["/", "/nowhere", "/chat/", "/chats/x", "/memories/", "/memories/x/y", "/user", "/.env", "/chat%00"] {
        problem(server.get(path, "").await, 404, "not_found").await;
    }
    let ids: BTreeSet<String> = [
        problem(server.get("/x", "").await, 404, "not_found").await,
        problem(server.get("/x", "").await, 404, "not_found").await,
    ]
    .iter()
    .map(|told| text(&told["request_id"]))
    .collect();
    assert_eq!(ids.len(), 2);
}
