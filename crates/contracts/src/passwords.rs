//! What a [`PasswordHasher`] must do.

use crate::{
    Make,
    harness::{self, cases},
    support::race,
};
use libtest_mimic::Trial;
use palavra_domain::{Password, PasswordHash, ports::PasswordHasher};
use std::sync::Arc;

type Hasher = Arc<dyn PasswordHasher>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn PasswordHasher>) -> Vec<Trial> {
    let cases = cases![
        the_password_that_was_hashed_is_verified,
        another_password_is_not,
        without_a_hash_the_answer_is_no,
        two_hashes_of_one_password_differ,
        the_password_is_not_in_its_hash,
        a_hash_that_cannot_be_read_is_an_error,
        many_at_once_are_all_answered,
    ];
    harness::trials(adapter, "passwords", make, cases)
}

async fn hash(port: &Hasher, password: &str) -> PasswordHash {
    port.hash(&Password::parse(password.into()).unwrap()).await.unwrap()
}

async fn verify(port: &Hasher, password: &str, hash: &PasswordHash) -> bool {
    port.verify(password, Some(hash)).await.unwrap()
}

async fn the_password_that_was_hashed_is_verified(port: Hasher) {
    for password in ["correct horse", " spaces around ", "senha número 1 – 日本語😀", &"é".repeat(256)] {
        let hash = hash(&port, password).await;
        assert!(verify(&port, password, &hash).await);
    }
}

async fn another_password_is_not(port: Hasher) {
    let long = "x".repeat(255);
    let hash = hash(&port, &format!("{long}y")).await;
    for other in ["", "x", &long, &format!("{long}z"), &format!("{long}Y"), &format!("{long}y "), &"x".repeat(100_000)]
    {
        assert!(!verify(&port, other, &hash).await, "{} characters", other.len());
    }
}

async fn without_a_hash_the_answer_is_no(port: Hasher) {
    for password in ["", "correct horse"] {
        assert!(!port.verify(password, None).await.unwrap());
    }
}

async fn two_hashes_of_one_password_differ(port: Hasher) {
    let (one, two) = (hash(&port, "correct horse").await, hash(&port, "correct horse").await);
    assert!(one != two);
    assert!(verify(&port, "correct horse", &one).await);
    assert!(verify(&port, "correct horse", &two).await);
}

async fn the_password_is_not_in_its_hash(port: Hasher) {
    let hash = hash(&port, "canary-password").await;
    assert!(!hash.0.contains("canary"));
}

async fn a_hash_that_cannot_be_read_is_an_error(port: Hasher) {
    for broken in ["", "plain", "$argon2id$v=19$m=19456,t=2,p=1$"] {
        assert!(port.verify("correct horse", Some(&PasswordHash(broken.into()))).await.is_err(), "{broken:?}");
    }
}

async fn many_at_once_are_all_answered(port: Hasher) {
    let hash = hash(&port, "correct horse").await;
    let answers = race(12, |index| {
        let (port, hash) = (Arc::clone(&port), hash.clone());
        let password = if index % 2 == 0 { "correct horse" } else { "wrong horse" };
        async move { verify(&port, password, &hash).await }
    })
    .await;
    assert_eq!(answers, [true, false].repeat(6));
}
