//! Limits guesses of passwords.

use crate::policy::{LoginPolicy, Ports};
use palavra_domain::{
    StoreError, Username,
    ports::{Decision, Quota},
};
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
    let buckets = std::iter::once((pair_key(name, address), policy.per_name_and_address));
    for (key, quota) in buckets.chain(wide(policy, name, address)) {
        if let Decision::Limited { retry_after } = ports.limiter.take(&key, quota).await? {
            return Ok(Some(retry_after));
        }
    }
    Ok(None)
}

/// Takes back what a login counted for, whose password was right, and forgets the wrong guesses of the same name from the
/// same address. Other guesses in the wider buckets stay counted: somebody else may have made them.
pub(crate) async fn forgive(
    ports: &Ports,
    policy: &LoginPolicy,
    name: &Username,
    address: Option<IpAddr>,
) -> Result<(), StoreError> {
    for (key, quota) in wide(policy, Some(name), address) {
        ports.limiter.give_back(&key, quota).await?;
    }
    ports.limiter.reset(&pair_key(Some(name), address)).await
}

/// The buckets that others share: of the name from anywhere, and of the address with any name.
fn wide(
    policy: &LoginPolicy,
    name: Option<&Username>,
    address: Option<IpAddr>,
) -> impl Iterator<Item = (String, Quota)> + use<> {
    let of_name = name.map(|name| (format!("login:name:{}", name.folded()), policy.per_name));
    let of_address = address.map(|address| (format!("login:address:{address}"), policy.per_address));
    of_name.into_iter().chain(of_address)
}

fn pair_key(name: Option<&Username>, address: Option<IpAddr>) -> String {
    let name = name.map(Username::folded).unwrap_or_default();
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    format!("login:pair:{name}:{address}")
}
