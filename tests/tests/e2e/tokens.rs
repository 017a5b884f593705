//! Tokens and guesses that admit nobody.

use crate::common::simulator;
use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use palavra_e2e::{Options, Palavra};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn part(token: &str, n: usize) -> Result<Value> {
    let part = token.split('.').nth(n).context("no JWT")?;
    Ok(serde_json::from_slice(&BASE64.decode(part)?)?)
}

#[tokio::test]
async fn forged_tokens_are_refused() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let (ana, bia) = (server.session("ana").await?, server.session("bia").await?);
    let (header, claims) = (part(&ana.access, 0)?, part(&ana.access, 1)?);
    let pieces: Vec<&str> = ana.access.split('.').collect();
    let json64 = |value: &Value| BASE64.encode(value.to_string());
    let signed = |algorithm: Algorithm, claims: &Value| {
        let mut with = Header::new(algorithm);
        with.kid = header["kid"].as_str().map(str::to_owned);
        encode(&with, claims, &EncodingKey::from_secret(&[7; 64]))
    };
    let mut later = claims.clone();
    later["exp"] = json!(claims["exp"].as_u64().context("no exp")? + 3600);
    let mut other = claims.clone();
    other["sub"] = part(&bia.access, 1)?["sub"].clone();
    let mut none = header.clone();
    none["alg"] = "none".into();
    let mut forged = vec![
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        format!("{}.{}.", json64(&none), pieces[1]),
        format!("{}.{}.{}", json64(&none), pieces[1], pieces[2]),
        format!("{}.{}.", pieces[0], pieces[1]),
        format!("{}.{}.{}", pieces[0], json64(&later), pieces[2]),
        format!("{}.{}.{}", pieces[0], json64(&other), pieces[2]),
        format!("{}.{}.{}", pieces[0], pieces[1], bia.access.split('.').nth(2).context("no signature")?),
        ana.refresh.clone(),
        format!("{}x", ana.access),
    ];
    for algorithm in [Algorithm::HS256, Algorithm::HS512] {
        forged.push(signed(algorithm, &claims)?);
    }
    for token in forged {
        let request = server.client().request(Method::GET, "/user/profile").bearer_auth(&token);
        let answer = server.client().send(request).await?;
        assert_eq!((answer.status, answer.code()), (401, "unauthenticated".to_owned()), "{token}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{:?}", answer.headers);
    }
    for authorization in ["", "Bearer", "Basic YTpi", &ana.access] {
        let request = server.client().request(Method::GET, "/user/profile").header("authorization", authorization);
        assert_eq!(server.client().send(request).await?.status, 401, "{authorization}");
    }
    // An access token is no refresh token.
    let body = json!({"refresh_token": ana.access});
    assert_eq!(server.client().call(Method::POST, "/token/refresh", Some(&body)).await?.status, 401);
    ana.get("/user/profile").await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() -> Result<()> {
    let sim = simulator()?;
    let options = Options::default().env("PALAVRA__SECURITY__LOGIN_ATTEMPTS", "1000");
    let server = Palavra::start_with(&sim.base_url(), options).await?;
    let client = server.client();
    client.register("ana", "correct horse", None).await?.expect(201)?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let mut bodies = Vec::new();
    for round in 0..9 {
        // In turn, so that what else the machine does slows both alike.
        for (name, spans) in [("ana".to_owned(), &mut known), (format!("nobody{round}"), &mut unknown)] {
            let begun = Instant::now();
            let answer = client.login(&name, "wrong password").await?;
            spans.push(begun.elapsed());
            assert_eq!((answer.status, answer.code()), (401, "invalid_credentials".to_owned()));
            let mut body = answer.json();
            body["request_id"] = Value::Null;
            bodies.push(body);
        }
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "the answers tell the names apart: {bodies:?}");
    let (known, unknown) = (median(known), median(unknown));
    let ratio = known.as_secs_f64() / unknown.as_secs_f64();
    assert!((1.0 / 3.0..3.0).contains(&ratio), "known {known:?}, unknown {unknown:?}");
    Ok(())
}

#[tokio::test]
async fn guesses_are_limited_but_not_those_of_others() -> Result<()> {
    let sim = simulator()?;
    let server = Palavra::start(&sim).await?;
    let client = server.client();
    for name in ["ana", "bia"] {
        client.register(name, "correct horse", None).await?.expect(201)?;
    }
    for _ in 0..5 {
        assert_eq!(client.login("ana", "wrong password").await?.status, 401);
    }
    for password in ["wrong password", "correct horse"] {
        let limited = client.login("Ana", password).await?;
        assert_eq!((limited.status, limited.code()), (429, "rate_limited".to_owned()));
        assert!(limited.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    }
    client.login("bia", "correct horse").await?.expect(200)?;
    Ok(())
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort();
    spans[spans.len() / 2]
}
