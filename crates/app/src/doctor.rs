//! `palavra doctor`: how the stores are, in plain words or as JSON.

use crate::{
    compose::{Stores, open_stores},
    environment::SystemClock,
    settings::Settings,
    telemetry,
};
use anyhow::{Context, Result};
use palavra_application::{Doctor, Report};
use palavra_domain::ports::MemoryArchive;
use std::{fmt::Write as _, sync::Arc};

/// Examines the stores of the settings. `false` when something is not as it should be.
#[allow(clippy::print_stdout, reason = "the report is what whoever asks waits for")]
pub(crate) async fn doctor(settings: Settings, repair: bool, json: bool) -> Result<bool> {
    telemetry::log(&settings.log)?;
    let Stores { users, chats, memories, tables, inspected, data: _data, .. } = open_stores(&settings).await?;
    let doctor = Doctor {
        users,
        chats,
        memories: memories as Arc<dyn MemoryArchive>,
        stores: inspected,
        clock: Arc::new(SystemClock),
    };
    let report = doctor.examine(repair).await.context("a store failed while it was examined; run it again")?;
    tables.close_all().await;
    if json {
        println!("{}", serde_json::to_string_pretty(&report).context("the report cannot be written")?);
    } else {
        println!("{}", words(&report));
    }
    Ok(report.is_healthy())
}

fn words(report: &Report) -> String {
    let mut words = String::new();
    let mark = |ok: bool| if ok { "ok     " } else { "PROBLEM" };
    for store in &report.stores {
        let product = store.product.as_deref().unwrap_or("not reachable");
        let _ = writeln!(
            words,
            "{} {}: {product}, answered in {:.1} ms",
            mark(store.product.is_some()),
            store.name,
            store.latency_ms
        );
        for check in &store.checks {
            let _ = writeln!(words, "{}   {}: {}", mark(check.ok), check.name, check.told);
        }
    }
    match report.looked_at {
        Some(looked_at) => {
            let _ = writeln!(
                words,
                "looked at {} users, {} chats, {} turns, {} memories",
                looked_at.users, looked_at.chats, looked_at.turns, looked_at.memories
            );
        }
        None => words.push_str("no record was looked at, because a store cannot be reached\n"),
    }
    for finding in &report.findings {
        let left = finding.count - finding.repaired;
        let _ = writeln!(
            words,
            "{} {} ({}, {} repaired): {}",
            if finding.note { "note   " } else { mark(left == 0) },
            finding.told,
            finding.count,
            finding.repaired,
            finding.ids.join(", ")
        );
    }
    words.push_str(if report.is_healthy() { "all is well" } else { "not all is well" });
    words
}
