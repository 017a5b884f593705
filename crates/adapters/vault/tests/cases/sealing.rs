use super::Rotation;
use palavra_contracts::samples::user_id;
use palavra_domain::{ApiKey, SealedKey, VaultError, ports::KeyVault as _};
use palavra_vault::{KeyRing, XChaChaVault};

fn key() -> ApiKey {
    ApiKey::parse("sk-or-v1-canary-0123456789".into()).unwrap()
}

pub(crate) async fn an_old_master_key_still_opens() {
    let rotation = Rotation::new();
    let owner = user_id();
    let old = XChaChaVault::new(rotation.before).seal(owner, &key()).unwrap();
    let during = XChaChaVault::new(rotation.during);
    assert_eq!(during.open(owner, &old).unwrap().expose(), key().expose());
    let new = during.seal(owner, &key()).unwrap();
    let after = XChaChaVault::new(rotation.after);
    assert_eq!(after.open(owner, &new).unwrap().expose(), key().expose());
    assert!(matches!(after.open(owner, &old), Err(VaultError::UnknownMasterKey(id)) if id == "old"));
}

pub(crate) async fn a_lost_master_key_is_named() {
    let owner = user_id();
    let sealed = XChaChaVault::new(KeyRing::generate("2025-a_B").unwrap()).seal(owner, &key()).unwrap();
    let other = XChaChaVault::new(KeyRing::generate("2026").unwrap());
    assert!(matches!(other.open(owner, &sealed), Err(VaultError::UnknownMasterKey(id)) if id == "2025-a_B"));
    // Another key of the same name is not the same key.
    let impostor = XChaChaVault::new(KeyRing::generate("2025-a_B").unwrap());
    assert!(matches!(impostor.open(owner, &sealed), Err(VaultError::Tampered)));
}

pub(crate) async fn the_layout_is_as_documented() {
    let owner = user_id();
    let sealed = XChaChaVault::new(KeyRing::generate("k1").unwrap()).seal(owner, &key()).unwrap();
    assert_eq!(sealed.sealed[..4], *b"\x01\x02k1");
    assert_eq!(sealed.sealed.len(), 2 + 2 + 24 + key().expose().len() + 16);
}

pub(crate) async fn other_layouts_do_not_open() {
    let vault = XChaChaVault::new(KeyRing::generate("k1").unwrap());
    let owner = user_id();
    let sealed = vault.seal(owner, &key()).unwrap();
    let patched = |index: usize, byte: u8| {
        let mut bytes = sealed.sealed.clone();
        bytes[index] = byte;
        SealedKey { sealed: bytes, hint: sealed.hint.clone() }
    };
    // Another version, no key id, one that reaches past the end, one that is no id.
    for changed in [patched(0, 2), patched(1, 0), patched(1, 255), patched(2, b'\n'), patched(2, 0xff)] {
        assert!(matches!(vault.open(owner, &changed), Err(VaultError::Tampered)), "{:?}", &changed.sealed[..4]);
    }
}
