//! Tokens: which admit, and how they are got.

use crate::server::{OTHER_SECRET, PASSWORD, SECRET, Server, issuer, ok, problem, text, wrong_fields};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use palavra_domain::{
    Claims,
    ports::{Clock, TokenIssuer},
};
use serde_json::{Value, json};
use std::time::Duration;

const WITH_TOKEN: [(&str, &str); 13] = [
    ("POST", "/logout"),
    ("GET", "/user/profile"),
    ("PUT", "/user/profile"),
    ("POST", "/chat"),
    ("GET", "/chat?chat_id=x"),
    ("PATCH", "/chat?chat_id=x"),
    ("DELETE", "/chat?chat_id=x"),
    ("GET", "/chats"),
    ("GET", "/memories"),
    ("POST", "/memories"),
    ("PATCH", "/memories/x"),
    ("DELETE", "/memories"),
    ("GET", "/models"),
];

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let server = Server::start();
    for (method, path) in WITH_TOKEN {
        let response = server.request(method, path, "").send().await.unwrap();
        assert_eq!(response.headers().get("www-authenticate").unwrap(), "Bearer");
        problem(response, 401, "unauthenticated").await;
    }
}

#[tokio::test]
async fn only_our_good_tokens_admit() {
    let server = Server::start();
    let good = server.user("ana").await;
    assert_eq!(server.get("/chats", &good).await.status(), 200);
    let parts: Vec<&str> = good.split('.').collect();
    let decode = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (header, said) = (decode(parts[0]), decode(parts[1]));
    let claims = Claims { user: text(&said["sub"]).parse().unwrap(), session: text(&said["sid"]).parse().unwrap() };

    let none = encode(&json!({"alg": "none", "typ": "JWT", "kid": header["kid"]}));
    let mut other_user = said.clone();
    other_user["sub"] = json!("00000000-0000-7000-8000-000000000001");
    let no_session = Claims { session: claims.session.to_string().replace('0', "1").parse().unwrap(), ..claims };
    let bad = [
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], encode(&other_user), parts[2]),
        issuer(OTHER_SECRET).issue_access(claims, server.clock.now()).unwrap(),
        issuer(SECRET).issue_access(no_session, server.clock.now()).unwrap(),
        text(&server.login("ana").await["refresh_token"]),
        format!("{good}{}", "A".repeat(4_000)),
        format!("{good} {good}"),
    ];
    for token in &bad {
        problem(server.get("/user/profile", token).await, 401, "unauthenticated").await;
    }
    for value in
        [format!("Basic {good}"), good.clone(), format!("Bearer{good}"), "Bearer".to_owned(), "Bearer ".to_owned()]
    {
        let request = server.request("GET", "/user/profile", "").header("Authorization", &value);
        problem(request.send().await.unwrap(), 401, "unauthenticated").await;
    }
    let lower = server.request("GET", "/user/profile", "").header("Authorization", format!("bearer {good}"));
    assert_eq!(lower.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn tokens_end_with_their_time_and_with_logout() {
    let server = Server::start();
    server.user("ana").await;
    let tokens = server.login("ana").await;
    let access = text(&tokens["access_token"]);
    assert_eq!(server.request("POST", "/logout", &access).send().await.unwrap().status(), 204);
    problem(server.get("/chats", &access).await, 401, "unauthenticated").await;
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    problem(server.send("POST", "/token/refresh", "", &refresh).await, 401, "unauthenticated").await;

    let access = text(&server.login("ana").await["access_token"]);
    server.clock.advance(Duration::from_secs(3599));
    assert_eq!(server.get("/chats", &access).await.status(), 200);
    // Tokens tell whole seconds, the last of which is not cut short.
    server.clock.advance(Duration::from_secs(2));
    problem(server.get("/chats", &access).await, 401, "unauthenticated").await;
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_the_session() {
    let server = Server::start();
    server.user("ana").await;
    let first = server.login("ana").await;
    let body = json!({"refresh_token": first["refresh_token"]});
    let second = ok(server.send("POST", "/token/refresh", "", &body).await).await;
    assert_eq!(server.get("/chats", &text(&second["access_token"])).await.status(), 200);
    problem(server.send("POST", "/token/refresh", "", &body).await, 401, "unauthenticated").await;
    problem(server.get("/chats", &text(&second["access_token"])).await, 401, "unauthenticated").await;
}

#[tokio::test]
async fn login_takes_json_and_the_oauth2_form() {
    let server = Server::start();
    server.user("ana").await;
    let form: [&[(&str, &str)]; 3] = [
        &[("username", "ana"), ("password", PASSWORD)],
        &[("grant_type", "password"), ("username", "ana"), ("password", PASSWORD), ("scope", "")],
        &[
            ("grant_type", "password"),
            ("username", "ana"),
            ("password", PASSWORD),
            ("scope", "a b"),
            ("client_id", "docs"),
            ("client_secret", "x"),
        ],
    ];
    for form in form {
        let tokens = ok(server.request("POST", "/login", "").form(form).send().await.unwrap()).await;
        assert_eq!(server.get("/chats", &text(&tokens["access_token"])).await.status(), 200);
    }
    let whole = json!({"username": "ana", "password": PASSWORD, "grant_type": "password", "scope": "", "client_id": null,
        "client_secret": null});
    ok(server.send("POST", "/login", "", &whole).await).await;
    // What `curl -d` sends.
    let curl = server.request("POST", "/login", "").header("Content-Type", "application/x-www-form-urlencoded");
    ok(curl.body(whole.to_string()).send().await.unwrap()).await;
    // And without any type.
    ok(server.request("POST", "/login", "").body(whole.to_string()).send().await.unwrap()).await;
}

#[tokio::test]
async fn forms_are_checked_like_json() {
    let server = Server::start();
    server.user("ana").await;
    let send = async |body: &'static [u8]| {
        let request = server.request("POST", "/login", "").header("Content-Type", "application/x-www-form-urlencoded");
        request.body(body).send().await.unwrap()
    };
    let wrong = problem(send(b"username=ana").await, 422, "validation_failed").await;
    assert_eq!(wrong_fields(&wrong), ["password"]);
    let wrong = problem(send(b"username=ana&password=canary&nope=1").await, 422, "validation_failed").await;
    assert_eq!(wrong_fields(&wrong), ["nope"]);
    let wrong =
        problem(send(b"username=ana&password=canary-1&password=canary-2").await, 422, "validation_failed").await;
    assert!(!wrong.to_string().contains("canary"), "{wrong}");
    let wrong = problem(send(b"grant_type=code&username=ana&password=x").await, 422, "validation_failed").await;
    assert_eq!(wrong_fields(&wrong), ["grant_type"]);
    problem(send(b"username=\xff&password=x").await, 400, "invalid_parameter").await;
    problem(send(b"").await, 422, "validation_failed").await;
    problem(send(b"username=a%00a&password=x%00").await, 401, "invalid_credentials").await;
}

#[tokio::test]
async fn names_and_passwords_that_do_not_fit_are_all_the_same() {
    let server = Server::start();
    server.user("ana").await;
    let mut answers = Vec::new();
    for (name, password) in [("ana", "wrong password"), ("nobody", PASSWORD), ("not a name", "x"), ("", "")] {
        let body = json!({"username": name, "password": password});
        let mut answer = problem(server.send("POST", "/login", "", &body).await, 401, "invalid_credentials").await;
        answer["request_id"] = Value::Null;
        answers.push(answer);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn failed_logins_are_limited() {
    let server = Server::start();
    server.user("ana").await;
    server.user("bia").await;
    let wrong = json!({"username": "ana", "password": "wrong password"});
    for _ in 0..5 {
        problem(server.send("POST", "/login", "", &wrong).await, 401, "invalid_credentials").await;
    }
    let right = json!({"username": "ANA", "password": PASSWORD});
    for body in [wrong, right] {
        problem(server.send("POST", "/login", "", &body).await, 429, "rate_limited").await;
    }
    server.login("bia").await;
}
