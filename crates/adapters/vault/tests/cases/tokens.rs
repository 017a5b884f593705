use super::Rotation;
use crate::issuer;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use palavra_contracts::samples::{at, session_id, user_id};
use palavra_domain::{Claims, RefreshToken, Timestamp, ports::TokenIssuer as _};
use palavra_vault::KeyRing;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "0aVuhvsmKrBDKhZWAjYmDZQgKXC7hfBi6Lq2Yx1h1rM=";

fn ring() -> KeyRing {
    KeyRing::parse("keys", &format!("k1:{SECRET}").into()).unwrap()
}

fn claims() -> Claims {
    Claims { user: user_id(), session: session_id() }
}

fn header(algorithm: Algorithm) -> Header {
    let mut header = Header::new(algorithm);
    header.kid = Some("k1".into());
    header
}

/// A token that somebody signs who has the key.
fn signed(header: &Header, payload: &Value) -> String {
    encode(header, payload, &EncodingKey::from_base64_secret(SECRET).unwrap()).unwrap()
}

fn payload(claims: Claims, now: Timestamp) -> Value {
    json!({
        "iss": "palavra", "aud": "palavra-api", "sub": claims.user, "sid": claims.session,
        "iat": now.as_secs(), "exp": now.as_secs() + 60,
    })
}

pub(crate) async fn an_old_key_still_verifies() {
    let rotation = Rotation::new();
    let claims = claims();
    let old = issuer(rotation.before).issue_access(claims, at(0)).unwrap();
    let during = issuer(rotation.during);
    assert_eq!(during.verify_access(&old, at(0)), Some(claims));
    let new = during.issue_access(claims, at(0)).unwrap();
    let after = issuer(rotation.after);
    assert_eq!(after.verify_access(&new, at(0)), Some(claims));
    assert_eq!(after.verify_access(&old, at(0)), None);
}

pub(crate) async fn other_algorithms_are_refused() {
    let (issuer, claims) = (issuer(ring()), claims());
    let payload = payload(claims, at(0));
    assert_eq!(issuer.verify_access(&signed(&header(Algorithm::HS256), &payload), at(0)), Some(claims));
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        assert_eq!(issuer.verify_access(&signed(&header(algorithm), &payload), at(0)), None, "{algorithm:?}");
    }
}

pub(crate) async fn other_claims_are_refused() {
    let (issuer, claims) = (issuer(ring()), claims());
    let verify = |payload: &Value| issuer.verify_access(&signed(&header(Algorithm::HS256), payload), at(0));
    let good = payload(claims, at(0));
    assert_eq!(verify(&good), Some(claims));
    for name in ["iss", "aud", "sub", "sid", "iat", "exp"] {
        for wrong in [None, Some(Value::Null), Some(json!("other")), Some(json!(["palavra", "palavra-api"]))] {
            let mut payload = good.clone();
            match &wrong {
                None => drop(payload.as_object_mut().unwrap().remove(name)),
                Some(value) => payload[name] = value.clone(),
            }
            assert_eq!(verify(&payload), None, "{name} {wrong:?}");
        }
    }
    for (name, wrong) in [("exp", json!(at(0).as_secs())), ("exp", json!(-1)), ("nbf", json!(at(0).as_secs() + 1))] {
        let mut payload = good.clone();
        payload[name] = wrong.clone();
        assert_eq!(verify(&payload), None, "{name} {wrong}");
    }
}

pub(crate) async fn headers_that_are_not_ours_are_refused() {
    let (issuer, claims) = (issuer(ring()), claims());
    let payload = payload(claims, at(0));
    for kid in [None, Some("k2"), Some(""), Some("../k1")] {
        let header = Header { kid: kid.map(str::to_owned), ..header(Algorithm::HS256) };
        assert_eq!(issuer.verify_access(&signed(&header, &payload), at(0)), None, "{kid:?}");
    }
    let critical = Header { crit: Some(vec!["b64".into()]), ..header(Algorithm::HS256) };
    assert_eq!(issuer.verify_access(&signed(&critical, &payload), at(0)), None);
    let other_key = KeyRing::generate("k1").unwrap();
    let token = crate::issuer(other_key).issue_access(claims, at(0)).unwrap();
    assert_eq!(issuer.verify_access(&token, at(0)), None);
}

pub(crate) async fn a_token_is_good_until_its_last_millisecond() {
    let (issuer, claims) = (issuer(ring()), claims());
    let ttl = issuer.access_ttl();
    let millisecond = Duration::from_millis(1);
    let whole = Timestamp::from_millis(1_800_000_000_000);
    let token = issuer.issue_access(claims, whole).unwrap();
    assert_eq!(issuer.verify_access(&token, whole.plus(ttl - millisecond)), Some(claims));
    assert_eq!(issuer.verify_access(&token, whole.plus(ttl)), None);
    // Tokens count in seconds: of a part of one the user gets the whole.
    let part = whole.plus(millisecond);
    let token = issuer.issue_access(claims, part).unwrap();
    assert_eq!(issuer.verify_access(&token, whole.plus(ttl + Duration::from_millis(999))), Some(claims));
    assert_eq!(issuer.verify_access(&token, whole.plus(ttl + Duration::from_secs(1))), None);
}

pub(crate) async fn refresh_tokens_have_one_spelling() {
    let issuer = issuer(ring());
    let issued = issuer.issue_refresh(user_id(), session_id()).unwrap();
    let token = issued.token.expose();
    assert_eq!(token.len(), 86);
    let read = |text: String| issuer.read_refresh(&RefreshToken::new(text));
    assert_eq!(read(token.to_owned()).unwrap().hash, issued.hash);
    // The last character carries two bits; the others of it must be zero.
    let last = token.chars().last().unwrap();
    for other in ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).filter(|c| *c != last) {
        let changed = format!("{}{other}", &token[..85]);
        assert!(read(changed).is_none_or(|read| read.hash != issued.hash), "{other}");
    }
    for odd in [format!("{token}=="), format!("{token}="), format!("{token}\n"), token.replace(['-', '_'], "+") + "A"] {
        assert!(read(odd.clone()).is_none(), "{odd}");
    }
    let shown = format!("{issuer:?}");
    assert!(!shown.contains(SECRET) && !format!("{:?}", ring().to_settings()).contains(&SECRET[..6]), "{shown}");
    assert!(ring().to_settings().expose_secret().contains(SECRET));
}
