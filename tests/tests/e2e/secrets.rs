//! Secrets appear nowhere: not in answers, not in the log at its most talkative, not in any file but their own.

use crate::{common::simulator, needles::Needles};
use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use palavra_e2e::{Answer, Client, Options, Palavra, Session};
use palavra_openrouter_sim::{Fault, FaultRule, SimPath, Simulator};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const PASSWORD: &str = "canary-password-7Qm2xV9r";
const NEW_PASSWORD: &str = "canary-changed-4Tz8wK1p";
const WRONG_PASSWORD: &str = "canary-mistyped-6Yd3sB5n";
const KEY: &str = "sk-or-v1-canary1f6b0c9d27e84a35";
const NEW_KEY: &str = "sk-or-v1-canary2a94e7d1c05b38f6";
const BAD_KEY: &str = "sk-or-bad-canary3c58f2e90ab7d461";
/// The model that prompts are for, and the one that extraction asks: faults are for one of them.
const ASKED: &str = "sim/fast";
const EXTRACTING: &str = "sim/plain";

/// An error of the provider that has the user's key in it, in several ways.
fn echo(status: u16, key: &str) -> Fault {
    let message = format!("Invalid key {key} (Authorization: Bearer {key})");
    let body = json!({"error": {"code": status, "message": message, "metadata": {"raw": key, "headers": [key]}}});
    Fault::Status { status, retry_after: None, body: Some(body), error_type: None, message: None }
}

fn once(sim: &Simulator, fault: Fault) {
    sim.fault(FaultRule::new(fault).path(SimPath::Chat).model(ASKED));
}

/// Calls that fail: bodies with secrets in the wrong places, of the wrong type, cut off.
async fn fail(client: &Client, user: &Session) -> Result<()> {
    let posts = [
        ("/register", json!({"username": PASSWORD, "password": [PASSWORD]}).to_string()),
        ("/register", json!({"username": "ana", "password": PASSWORD, "openrouter_api_key": {"key": KEY}}).to_string()),
        ("/register", json!({"username": "ana", "password": PASSWORD, "openrouter_api_key": KEY}).to_string()),
        ("/register", json!({"username": "eva", "password": PASSWORD, "api_key": KEY}).to_string()),
        ("/register", json!({"username": "eva", "password": PASSWORD, "openrouter_api_key": BAD_KEY}).to_string()),
        (
            "/register",
            format!("{{\"username\": \"eva\", \"password\": \"{PASSWORD}\", \"openrouter_api_key\": \"{KEY}"),
        ),
        ("/register", json!({"username": "eva", "password": format!("{PASSWORD}\0")}).to_string()),
        ("/login", json!({"username": "ana", "password": WRONG_PASSWORD}).to_string()),
        ("/login", json!({"username": WRONG_PASSWORD, "password": PASSWORD}).to_string()),
        ("/login", json!({"username": "ana", "password": {"is": PASSWORD}}).to_string()),
        ("/login", format!("username=ana&password={PASSWORD}&key={KEY}")),
        ("/token/refresh", json!({"refresh_token": [user.refresh]}).to_string()),
        ("/token/refresh", json!({"token": user.refresh}).to_string()),
        ("/token/refresh", json!({"refresh_token": format!("{}x", user.refresh)}).to_string()),
        ("/chat", json!({"prompt": {"key": KEY}}).to_string()),
        ("/chat", json!({"chat_id": KEY, "prompt": "Hi"}).to_string()),
        ("/chat", json!({"prompt": "Hi", "model": {"password": PASSWORD}}).to_string()),
        ("/memories", json!({"text": ["x"], "kind": PASSWORD}).to_string()),
    ];
    for (path, body) in posts {
        for kind in ["application/json", "application/x-www-form-urlencoded", "text/plain"] {
            let request = user.client().request(Method::POST, path).header("content-type", kind).body(body.clone());
            let answer = client.send(request).await?;
            assert!((400..500).contains(&answer.status), "{path} {body}: {} {}", answer.status, answer.text());
        }
    }
    for change in [
        json!({"openrouter_api_key": [KEY]}),
        json!({"openrouter_api_key": BAD_KEY}),
        json!({"openrouter_api_key": format!("{KEY}\n")}),
        json!({"password": NEW_PASSWORD, "current_password": WRONG_PASSWORD}),
        json!({"password": NEW_PASSWORD, "current_password": {"is": PASSWORD}}),
        json!({"password": NEW_PASSWORD}),
        json!({"display_name": {"x": PASSWORD}}),
    ] {
        let answer = user.call(Method::PUT, "/user/profile", Some(&change)).await?;
        assert!((400..500).contains(&answer.status), "{change}: {} {}", answer.status, answer.text());
    }
    for path in
        [format!("/chat?chat_id={KEY}"), format!("/chats?cursor={KEY}"), format!("/nowhere/{PASSWORD}?key={KEY}")]
    {
        assert!((400..500).contains(&user.get(&path).await?.status), "{path}");
    }
    let cut = user.access[..user.access.len() - 2].to_owned();
    let request = client.request(Method::GET, "/user/profile").bearer_auth(cut);
    assert_eq!(client.send(request).await?.status, 401);
    Ok(())
}

/// Every fault of the provider whose text has the key in it.
async fn fail_upstream(sim: &Simulator, user: &Session, chat: &str, key: &str) -> Result<()> {
    for status in [400, 401, 402, 403, 404, 418, 429, 500] {
        sim.fault(FaultRule::new(echo(status, key)).path(SimPath::Chat).model(ASKED).times(3));
        let answer = user.chat(chat, "Hi", "").await?;
        assert!(answer.status >= 400, "{status}: {}", answer.text());
        // What was not tried again is left over for this.
        while sim.pending_faults() > 0 {
            user.stream_to_end(chat, "Hi", "").await?;
        }
    }
    let message = Some(format!("the key {key} is at its limit"));
    let faults = [
        Fault::MidStreamError { after_chunks: 1, code: json!(502), message: message.clone() },
        Fault::MidStreamError { after_chunks: 0, code: json!(key), message: message.clone() },
        Fault::ErrorInChoice { code: Some(json!(403)), message },
        Fault::Redirect { location: format!("http://127.0.0.1:9/{key}") },
    ];
    for fault in faults {
        once(sim, fault.clone());
        user.chat(chat, "Hi", "").await?;
        once(sim, fault);
        user.stream_to_end(chat, "Hi", "").await?;
    }
    sim.fault(FaultRule::new(echo(400, key)).path(SimPath::Chat).model(EXTRACTING));
    user.ask(chat, "Gosto de chá", ASKED).await?;
    user.wait_for_memory("chá").await?;
    for path in [SimPath::Embeddings, SimPath::Key, SimPath::Models] {
        sim.fault(FaultRule::new(echo(400, key)).path(path));
    }
    user.post("/memories", &json!({"text": "Gosto de café"})).await?;
    user.call(Method::PUT, "/user/profile", Some(&json!({"openrouter_api_key": key}))).await?;
    user.get("/models").await?;
    Ok(())
}

/// All that can be called, as it should be.
async fn succeed(user: &Session) -> Result<String> {
    let reply = user.ask("", "Moro em Recife", "sim/fast").await?;
    user.wait_for_memory("Recife").await?;
    user.stream_to_end(&reply.chat, "O que você sabe de mim em Recife?", "sim/large").await?;
    let memory = user.post("/memories", &json!({"text": "Prefiro respostas formais"})).await?.expect(201)?;
    let path = format!("/memories/{}", memory["id"].as_str().context("no id")?);
    user.call(Method::PATCH, &path, Some(&json!({"kind": "preference", "text": "Prefiro respostas curtas"})))
        .await?
        .expect(200)?;
    user.call(Method::DELETE, &path, None).await?.expect(204)?;
    let chat = format!("/chat?chat_id={}", reply.chat);
    user.call(Method::PATCH, &chat, Some(&json!({"title": "Recife"}))).await?.expect(200)?;
    for path in
        [&chat, "/chats", "/memories", "/models", "/user/profile", "/livez", "/readyz", "/metrics", "/openapi.json"]
    {
        user.get(path).await?.expect(200)?;
    }
    Ok(reply.chat)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

/// The keys of `secrets.toml`, as they are written there.
fn made_keys(path: &Path) -> Result<Vec<(String, String)>> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let keys = lines.map(|(name, value)| {
        let entry = value.trim().trim_matches(['"', '\'']);
        let key = entry.split_once(':').context("no id:key")?.1;
        Ok((name.trim().to_owned(), key.to_owned()))
    });
    keys.collect()
}

/// Whether an answer hands out tokens, as it should.
fn hands_out_tokens(answer: &Answer) -> bool {
    answer.status == 200 && (answer.call == "POST /login" || answer.call == "POST /token/refresh")
}

fn without_tokens(answer: &Answer) -> Vec<u8> {
    let mut body = answer.json();
    if hands_out_tokens(answer) {
        for name in ["access_token", "refresh_token"] {
            body[name] = Value::Null;
        }
        return body.to_string().into_bytes();
    }
    answer.body.clone()
}

#[tokio::test]
async fn secrets_appear_nowhere() -> Result<()> {
    let sim = simulator()?;
    let options = Options::default()
        .env("PALAVRA__LOG__LEVEL", "trace")
        .env("PALAVRA__LOG__SPANS", "true")
        .env("PALAVRA__SECURITY__LOGIN_ATTEMPTS", "1000")
        .env("PALAVRA__MEMORY__EXTRACTION_MODEL", EXTRACTING)
        .env("PALAVRA__MEMORY__RETRY_BASE", "200ms");
    let mut server = Palavra::start_with(&sim.base_url(), options).await?;
    let client = server.client().recording();

    let first = client.sign_up("ana", PASSWORD, KEY).await?;
    let chat = succeed(&first).await?;
    fail(&client, &first).await?;
    fail_upstream(&sim, &first, &chat, KEY).await?;
    let change = json!({"openrouter_api_key": NEW_KEY, "password": NEW_PASSWORD, "current_password": PASSWORD});
    first.call(Method::PUT, "/user/profile", Some(&change)).await?.expect(200)?;
    let second = client.sign_in("ana", NEW_PASSWORD).await?;
    let third = second.renew().await?;
    assert!(second.renew().await.is_err());
    let fourth = client.sign_in("ana", NEW_PASSWORD).await?;
    server.restart().await?;
    succeed(&fourth).await?;
    fail_upstream(&sim, &fourth, &chat, NEW_KEY).await?;
    fourth.call(Method::POST, "/logout", None).await?.expect(204)?;
    server.kill()?;

    let mut needles = Needles::default();
    for (name, secret) in [
        ("the password", PASSWORD),
        ("the new password", NEW_PASSWORD),
        ("a mistyped password", WRONG_PASSWORD),
        ("the key", KEY),
        ("the new key", NEW_KEY),
        ("a bad key", BAD_KEY),
    ] {
        needles.add(name, secret.as_bytes());
    }
    for session in [&first, &second, &third, &fourth] {
        let signature = session.access.rsplit('.').next().context("no signature")?;
        needles.add("an access token's signature", signature.as_bytes());
        needles.add("an access token", session.access.as_bytes());
        // Its last part is the secret: what stands before says whose it is.
        needles.add("a refresh token", session.refresh.as_bytes());
        needles.add("a refresh token's secret", &session.refresh.as_bytes()[session.refresh.len() - 24..]);
    }
    let secrets = server.data_dir().join("secrets.toml");
    assert_eq!(fs::metadata(&secrets)?.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(server.data_dir())?.permissions().mode() & 0o077, 0, "the folder is open to others");
    let keys = made_keys(&secrets)?;
    assert_eq!(keys.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["jwt_keys", "master_keys"]);
    for (name, key) in &keys {
        needles.add(name, key.as_bytes());
        needles.add(&format!("{name}, decoded"), &STANDARD.decode(key)?);
    }

    let answers = client.recorded();
    assert!(answers.iter().filter(|answer| hands_out_tokens(answer)).count() >= 4, "the scan would see too little");
    let mut leaks: Vec<String> = Vec::new();
    for answer in &answers {
        let hay = [without_tokens(answer), format!("{:?}", answer.headers).into_bytes()].concat();
        for secret in needles.found_in(&hay) {
            leaks.push(format!("{secret}, in the answer {} to {}: {}", answer.status, answer.call, answer.text()));
        }
    }
    let log = server.log()?;
    assert!(log.contains("TRACE") && log.len() > 10_000, "the log is not at its most talkative");
    for line in log.lines() {
        for secret in needles.found_in(line.as_bytes()) {
            leaks.push(format!("{secret}, in the log: {}", line.chars().take(400).collect::<String>()));
        }
    }
    let mut scanned = 0;
    for file in files(server.data_dir())?.into_iter().filter(|file| *file != secrets) {
        let bytes = fs::read(&file)?;
        scanned += bytes.len();
        for secret in needles.found_in(&bytes) {
            leaks.push(format!("{secret}, in the file {}", file.display()));
        }
    }
    assert!(scanned > 50_000, "the stores cannot be that small: {scanned}");
    leaks.dedup();
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

#[tokio::test]
async fn a_secret_sent_as_the_name_of_a_field_is_not_repeated() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let client = server.client();
    for secret in [KEY, PASSWORD] {
        let mut body = json!({"username": "eva", "password": PASSWORD});
        body[secret] = "x".into();
        let answer = client.call(Method::POST, "/register", Some(&body)).await?;
        assert_eq!((answer.status, answer.code()), (422, "validation_failed".to_owned()));
        assert!(!answer.text().contains(secret), "{}", answer.text());
    }
    Ok(())
}
