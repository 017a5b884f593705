//! What a [`KeyVault`] must do.

use crate::{
    Make,
    harness::{self, cases},
    samples::user_id,
    support::assert_form,
};
use libtest_mimic::Trial;
use palavra_domain::{ApiKey, SealedKey, UserId, VaultError, ports::KeyVault};
use std::sync::Arc;

type Vault = Arc<dyn KeyVault>;

const KEY: &str = "sk-or-v1-canary-0123456789abcdef";

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn KeyVault>) -> Vec<Trial> {
    let cases = cases![
        what_is_sealed_opens,
        two_seals_of_one_key_differ,
        the_key_is_not_in_what_is_sealed,
        what_is_sealed_for_one_user_does_not_open_for_another,
        a_changed_byte_does_not_open,
        a_cut_or_longer_seal_does_not_open,
    ];
    harness::trials(adapter, "vault", make, cases)
}

fn key(text: &str) -> ApiKey {
    ApiKey::parse(text.into()).unwrap()
}

/// Asserts that something that is not as the vault wrote it does not open. Where the name of the master key was hit, the
/// vault cannot tell that from one it does not have.
fn assert_closed(port: &Vault, owner: UserId, sealed: Vec<u8>, what: &str) {
    let sealed = SealedKey { sealed, hint: "cdef".into() };
    match port.open(owner, &sealed) {
        Err(VaultError::Tampered | VaultError::UnknownMasterKey(_)) => (),
        Err(other) => panic!("{what}: expected Tampered, got {other:?}"),
        Ok(_) => panic!("{what}: it opened"),
    }
}

async fn what_is_sealed_opens(port: Vault) {
    let printable: String = ('!'..='~').collect();
    for text in [KEY, "k", &printable, &"x".repeat(512)] {
        let owner = user_id();
        let sealed = port.seal(owner, &key(text)).unwrap();
        assert_eq!(sealed.hint, key(text).hint());
        for _ in 0..2 {
            assert_eq!(port.open(owner, &sealed).unwrap().expose(), text);
        }
    }
}

async fn two_seals_of_one_key_differ(port: Vault) {
    let owner = user_id();
    let (one, two) = (port.seal(owner, &key(KEY)).unwrap(), port.seal(owner, &key(KEY)).unwrap());
    assert_ne!(one.sealed, two.sealed);
    for sealed in [one, two] {
        assert_eq!(port.open(owner, &sealed).unwrap().expose(), KEY);
    }
}

async fn the_key_is_not_in_what_is_sealed(port: Vault) {
    let sealed = port.seal(user_id(), &key(KEY)).unwrap();
    for part in KEY.as_bytes().windows(8) {
        assert!(sealed.sealed.windows(8).all(|bytes| bytes != part), "a part of the key is in the clear");
    }
}

async fn what_is_sealed_for_one_user_does_not_open_for_another(port: Vault) {
    let sealed = port.seal(user_id(), &key(KEY)).unwrap();
    assert_form!(port.open(user_id(), &sealed).map(|_| ()), Err(VaultError::Tampered));
}

async fn a_changed_byte_does_not_open(port: Vault) {
    let owner = user_id();
    let sealed = port.seal(owner, &key(KEY)).unwrap();
    for index in 0..sealed.sealed.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bytes = sealed.sealed.clone();
            bytes[index] ^= mask;
            assert_closed(&port, owner, bytes, &format!("byte {index} xor {mask:#x}"));
        }
    }
    let mut last = sealed;
    *last.sealed.last_mut().unwrap() ^= 1;
    assert_form!(port.open(owner, &last).map(|_| ()), Err(VaultError::Tampered));
}

async fn a_cut_or_longer_seal_does_not_open(port: Vault) {
    let owner = user_id();
    let sealed = port.seal(owner, &key(KEY)).unwrap();
    for length in 0..sealed.sealed.len() {
        assert_closed(&port, owner, sealed.sealed[..length].to_vec(), &format!("the first {length} bytes"));
    }
    for bytes in [&sealed.sealed[..sealed.sealed.len() - 1], &[], &[sealed.sealed.as_slice(), &[0]].concat()] {
        let changed = SealedKey { sealed: bytes.to_vec(), hint: sealed.hint.clone() };
        assert_form!(port.open(owner, &changed).map(|_| ()), Err(VaultError::Tampered));
    }
}
