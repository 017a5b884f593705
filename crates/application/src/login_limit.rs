//! Limits guesses of passwords.

use crate::policy::{LoginPolicy, Ports};
use palavra_domain::{StoreError, Username, ports::Decision};
use std::{net::IpAddr, time::Duration};

/// Takes one guess from each of the buckets that a login from `address` as `name` counts against. Guesses are taken before
/// the password is looked at, so that many at once gain nothing.
///
/// Returns how long to wait when one of them is empty.
pub(crate) async fn take_guess(
    ports: &Ports,
    policy: &LoginPolicy,
    name: Option<&Username>,
    address: Option<IpAddr>,
) -> Result<Option<Duration>, StoreError> {
    let mut buckets = vec![(pair_key(name, address), policy.per_name_and_address)];
    if let Some(name) = name {
        buckets.push((format!("login:name:{}", name.folded()), policy.per_name));
    }
    if let Some(address) = address {
        buckets.push((format!("login:address:{address}"), policy.per_address));
    }
    for (key, quota) in buckets {
        if let Decision::Limited { retry_after } = ports.limiter.take(&key, quota).await? {
            return Ok(Some(retry_after));
        }
    }
    Ok(None)
}

/// Forgets the wrong guesses of somebody who then knew the password. Those of the wider buckets stay counted: others may
/// have made them.
pub(crate) async fn forgive(ports: &Ports, name: &Username, address: Option<IpAddr>) -> Result<(), StoreError> {
    ports.limiter.reset(&pair_key(Some(name), address)).await
}

fn pair_key(name: Option<&Username>, address: Option<IpAddr>) -> String {
    let name = name.map(Username::folded).unwrap_or_default();
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    format!("login:pair:{name}:{address}")
}
