//! Checks the arrows between crates: what ARCHITECTURE.md says may depend on what.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;

const ADAPTERS: [&str; 9] =
    ["inmem", "sqlite", "postgres", "mongodb", "redis", "lancedb", "openrouter", "candle", "vault"];

/// What a crate of ours may depend on, of ours.
fn allowed(crate_name: &str) -> Vec<&'static str> {
    match crate_name {
        "domain" | "openrouter-sim" => vec![],
        "application" | "contracts" => vec!["domain"],
        "http" => vec!["domain", "application"],
        "app" => [&["domain", "application", "http"], ADAPTERS.as_slice()].concat(),
        "e2e" => vec!["openrouter-sim", "contracts"],
        adapter if ADAPTERS.contains(&adapter) => vec!["domain"],
        _ => vec![],
    }
}

/// What only one crate may know, and which.
const KNOWN_BY_ONE: [(&str, &[&str]); 12] = [
    ("diesel", &["sqlite", "postgres"]),
    ("diesel-async", &["sqlite", "postgres"]),
    ("mongodb", &["mongodb", "e2e"]),
    ("deadpool-redis", &["redis"]),
    ("lancedb", &["lancedb"]),
    ("arrow-array", &["lancedb"]),
    ("candle-core", &["candle"]),
    ("reqwest", &["openrouter", "e2e"]),
    ("actix-web", &["http", "openrouter-sim"]),
    ("argon2", &["vault"]),
    ("jsonwebtoken", &["vault"]),
    ("chacha20poly1305", &["vault"]),
];

#[allow(clippy::print_stdout, reason = "a command tells what it found")]
fn main() -> Result<()> {
    let output = Command::new(env!("CARGO")).args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        let name = name.strip_prefix("palavra-").with_context(|| format!("{name} is not named palavra-…"))?;
        let dependencies = package["dependencies"].as_array().context("no dependencies")?;
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"].is_null()) {
            let on = dependency["name"].as_str().context("a dependency without a name")?;
            if let Some(ours) = on.strip_prefix("palavra-") {
                arrows += 1;
                if !allowed(name).contains(&ours) {
                    wrong.push(format!("{name} must not depend on {ours}"));
                }
            }
            for (library, owners) in KNOWN_BY_ONE {
                if on == library && !owners.contains(&name) {
                    wrong.push(format!("only {} may know {library}, not {name}", owners.join(" and ")));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} crates, {arrows} arrows between them, all as ARCHITECTURE.md says", packages.len());
    Ok(())
}
