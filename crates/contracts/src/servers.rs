//! Real servers for the suites: named by the environment, required where the environment says so.

use libtest_mimic::Trial;
use std::env;

/// Names the servers without which a run fails, separated by commas.
const REQUIRE: &str = "CONTRACTS_REQUIRE";

/// The address of a server, from the environment variable that names it (`TEST_POSTGRES_URL`, say).
///
/// `None` when the variable is not set: the cases are then to be listed as ignored, with [`ignored`].
///
/// # Panics
/// When it is not set, and `CONTRACTS_REQUIRE` names the server.
#[must_use]
pub fn server(name: &str, variable: &str) -> Option<String> {
    let url = env::var(variable).ok().filter(|url| !url.is_empty());
    let required = env::var(REQUIRE).unwrap_or_default();
    let required = required.split(',').any(|required| required.trim() == name);
    assert!(url.is_some() || !required, "{REQUIRE} names {name}, but {variable} is not set: `make test` sets it");
    url
}

/// The same trials, shown as ignored: there is no server to run them on.
#[must_use]
pub fn ignored(trials: Vec<Trial>) -> Vec<Trial> {
    trials.into_iter().map(|trial| trial.with_ignored_flag(true)).collect()
}
