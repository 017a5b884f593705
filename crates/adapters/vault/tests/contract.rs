//! The contract suites of the vault's ports, and what only this vault promises.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests")]

mod cases;

use palavra_contracts::{Fixture, make, passwords, run, tokens, vault};
use palavra_domain::ports::{KeyVault, PasswordHasher, TokenIssuer};
use palavra_vault::{Argon2Hasher, Argon2Options, JwtIssuer, JwtOptions, KeyRing, XChaChaVault};
use std::{num::NonZeroUsize, process::ExitCode, sync::Arc, time::Duration};

/// Settings like the usual ones, but quick.
pub(crate) fn quick() -> Argon2Options {
    Argon2Options { memory_kib: 64, passes: 1, lanes: 1, concurrent: NonZeroUsize::new(2).unwrap() }
}

/// An issuer of tokens that are good for an hour.
pub(crate) fn issuer(keys: KeyRing) -> JwtIssuer {
    let access_ttl = Duration::from_secs(3600);
    JwtIssuer::new(JwtOptions { keys, issuer: "palavra".into(), audience: "palavra-api".into(), access_ttl })
}

fn main() -> ExitCode {
    let hasher =
        make(|| async { Fixture::new(Arc::new(Argon2Hasher::new(quick()).unwrap()) as Arc<dyn PasswordHasher>, ()) });
    let keys = make(|| async {
        let vault = XChaChaVault::new(KeyRing::generate("k1").unwrap());
        Fixture::new(Arc::new(vault) as Arc<dyn KeyVault>, ())
    });
    let access =
        make(|| async { Fixture::new(Arc::new(issuer(KeyRing::generate("k1").unwrap())) as Arc<dyn TokenIssuer>, ()) });
    run([
        passwords::trials("argon2", hasher),
        vault::trials("xchacha", keys),
        tokens::trials("jwt", access),
        cases::trials(),
    ])
}
