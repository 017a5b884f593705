//! What a [`TokenIssuer`] must do.

use crate::{
    Make,
    harness::{self, cases},
    samples::{TEXTS, at, session_id, user_id},
};
use libtest_mimic::Trial;
use palavra_domain::{Claims, RefreshToken, ports::TokenIssuer};
use std::{sync::Arc, time::Duration};

type Tokens = Arc<dyn TokenIssuer>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn TokenIssuer>) -> Vec<Trial> {
    let cases = cases![
        an_access_token_says_whose_it_is,
        an_access_token_ends_with_its_time,
        a_changed_access_token_says_nothing,
        parts_of_two_access_tokens_say_nothing,
        an_access_token_without_signature_says_nothing,
        garbage_is_no_access_token,
        a_refresh_token_says_whose_it_is,
        refresh_tokens_are_never_the_same,
        a_changed_refresh_token_has_another_hash,
        garbage_is_no_refresh_token,
        the_two_kinds_are_told_apart,
    ];
    harness::trials(adapter, "tokens", make, cases)
}

fn claims() -> Claims {
    Claims { user: user_id(), session: session_id() }
}

/// The token with one character after another replaced, but for the last of each part: bits of it may carry nothing.
fn changes(token: &str) -> impl Iterator<Item = String> {
    let bytes = token.as_bytes().to_vec();
    (0..bytes.len()).filter_map(move |index| {
        let last_of_part = bytes.get(index + 1).is_none_or(|next| !next.is_ascii_alphanumeric());
        if last_of_part || !bytes[index].is_ascii_alphanumeric() {
            return None;
        }
        let mut changed = bytes.clone();
        // Never the same letter in the other case: that may be the same digit.
        changed[index] = if changed[index].eq_ignore_ascii_case(&b'a') { b'z' } else { b'A' };
        String::from_utf8(changed).ok()
    })
}

async fn an_access_token_says_whose_it_is(port: Tokens) {
    let (one, other) = (claims(), claims());
    let (first, second) = (port.issue_access(one, at(0)).unwrap(), port.issue_access(other, at(0)).unwrap());
    assert_ne!(first, second);
    assert_eq!(port.verify_access(&first, at(0)), Some(one));
    assert_eq!(port.verify_access(&second, at(0)), Some(other));
    let same_user = Claims { session: session_id(), ..one };
    let third = port.issue_access(same_user, at(0)).unwrap();
    assert_eq!(port.verify_access(&third, at(0)), Some(same_user));
    assert!(first.bytes().all(|byte| byte.is_ascii_graphic()), "it does not fit a header");
}

async fn an_access_token_ends_with_its_time(port: Tokens) {
    let claims = claims();
    let ttl = port.access_ttl();
    assert!(ttl >= Duration::from_secs(4), "too short to be tested");
    let second = Duration::from_secs(1);
    let token = port.issue_access(claims, at(0)).unwrap();
    assert_eq!(port.verify_access(&token, at(0).plus(ttl - second * 2)), Some(claims));
    for late in [second, second * 59, ttl, Duration::from_secs(100_000_000)] {
        assert_eq!(port.verify_access(&token, at(0).plus(ttl + late)), None, "{late:?} late");
    }
}

async fn a_changed_access_token_says_nothing(port: Tokens) {
    let token = port.issue_access(claims(), at(0)).unwrap();
    for changed in changes(&token) {
        assert_eq!(port.verify_access(&changed, at(0)), None, "{changed}");
    }
    for length in 0..token.len() {
        assert_eq!(port.verify_access(&token[..length], at(0)), None, "the first {length} characters");
    }
    for longer in [format!("{token}A"), format!("{token}."), format!(" {token}"), format!("Bearer {token}")] {
        assert_eq!(port.verify_access(&longer, at(0)), None, "{longer}");
    }
}

async fn parts_of_two_access_tokens_say_nothing(port: Tokens) {
    let (one, other) = (port.issue_access(claims(), at(0)).unwrap(), port.issue_access(claims(), at(0)).unwrap());
    let (one, other): (Vec<&str>, Vec<&str>) = (one.split('.').collect(), other.split('.').collect());
    assert!(one.len() > 1, "a token has a signature of its own");
    for index in 1..one.len() {
        let mut mixed = one.clone();
        mixed[index] = other[index];
        assert_eq!(port.verify_access(&mixed.join("."), at(0)), None);
    }
}

async fn an_access_token_without_signature_says_nothing(port: Tokens) {
    let token = port.issue_access(claims(), at(0)).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let payload = parts[parts.len() - 2];
    let signature = parts[parts.len() - 1];
    // {"alg":"none","typ":"JWT"}, {"alg":"None"}, {"alg":"none"}
    for header in ["eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJOb25lIn0", "eyJhbGciOiJub25lIn0"] {
        for signature in ["", signature] {
            assert_eq!(port.verify_access(&format!("{header}.{payload}.{signature}"), at(0)), None, "{header}");
        }
        assert_eq!(port.verify_access(&format!("{header}.{payload}"), at(0)), None, "{header}");
    }
}

async fn garbage_is_no_access_token(port: Tokens) {
    let long = "A".repeat(100_000);
    for garbage in ["", ".", "..", "...", "a.b.c", "null", &long].into_iter().chain(TEXTS) {
        assert_eq!(port.verify_access(garbage, at(0)), None, "{garbage:?}");
    }
}

async fn a_refresh_token_says_whose_it_is(port: Tokens) {
    let (user, session) = (user_id(), session_id());
    let issued = port.issue_refresh(user, session).unwrap();
    let read = port.read_refresh(&issued.token).unwrap();
    assert_eq!((read.user, read.session, read.hash), (user, session, issued.hash));
    assert!(!format!("{issued:?}").contains(issued.token.expose()), "the token is printed");
}

async fn refresh_tokens_are_never_the_same(port: Tokens) {
    let (user, session) = (user_id(), session_id());
    let (one, two) = (port.issue_refresh(user, session).unwrap(), port.issue_refresh(user, session).unwrap());
    assert_ne!(one.token.expose(), two.token.expose());
    assert_ne!(one.hash, two.hash);
}

async fn a_changed_refresh_token_has_another_hash(port: Tokens) {
    let (user, session) = (user_id(), session_id());
    let issued = port.issue_refresh(user, session).unwrap();
    let token = issued.token.expose();
    let cuts = (0..token.len()).map(|length| token[..length].to_owned());
    for changed in changes(token).chain(cuts) {
        if let Some(read) = port.read_refresh(&RefreshToken::new(changed)) {
            let same = (read.user, read.session, read.hash) == (user, session, issued.hash);
            assert!(!same, "a changed token passes for the good one");
        }
    }
}

async fn garbage_is_no_refresh_token(port: Tokens) {
    let long = "A".repeat(100_000);
    for garbage in ["", ".", "..", "...", "a.b.c", "null", &long].into_iter().chain(TEXTS) {
        assert_eq!(port.read_refresh(&RefreshToken::new(garbage.into())), None, "{garbage:?}");
    }
}

async fn the_two_kinds_are_told_apart(port: Tokens) {
    let claims = claims();
    let access = port.issue_access(claims, at(0)).unwrap();
    assert_eq!(port.read_refresh(&RefreshToken::new(access)), None);
    let refresh = port.issue_refresh(claims.user, claims.session).unwrap();
    assert_eq!(port.verify_access(refresh.token.expose(), at(0)), None);
}
