//! `palavra copy`: from the stores of one settings file to those of another.

use crate::{
    compose::{Stores, master_keys, open_both},
    environment::SystemClock,
    settings::{ENVIRONMENT, Settings},
    telemetry,
};
use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use palavra_application::{Archives, CopiedPart, CopyReport, CopyStep, Copying};
use palavra_domain::ports::{MemoryArchive, MemoryRepository as _};
use std::{fmt::Write as _, path::Path, sync::Arc};

const FROM: &str = "PALAVRA_FROM__";
const TO: &str = "PALAVRA_TO__";

/// Copies. `false` when the target does not have everything in the end.
#[allow(clippy::print_stdout, reason = "the report is what whoever copies waits for")]
pub(crate) async fn copy(from: &Path, to: &Path) -> Result<bool> {
    let from = Settings::load(Some(from), FROM).context("--from")?;
    let to = Settings::load(Some(to), TO).context("--to")?;
    telemetry::log(&from.log)?;
    if std::env::vars_os().any(|(name, _)| name.to_string_lossy().to_uppercase().starts_with(ENVIRONMENT)) {
        tracing::warn!("variables that begin with {ENVIRONMENT} are not read: begin them with {FROM} or {TO}");
    }
    let share_memories = from.shares_memories_with(&to);
    let (source, target) = open_both(&from, &to).await?;
    check_keys((&from, &source), (&to, &target))?;
    let (old, new) = (source.memories.space(), target.memories.space());
    ensure!(
        old == new,
        "memories of the source have embeddings of {} ({} dimensions), the target those of {} ({}): set [embeddings] of \
         both files alike",
        old.model,
        old.dimensions,
        new.model,
        new.dimensions
    );

    let source_is_locked = source.chats_are_ours;
    let (from_memories, to_memories) = (Arc::clone(&source.tables), Arc::clone(&target.tables));
    let copying = Copying {
        source: archives(&source),
        target: archives(&target),
        source_is_locked,
        memories: !share_memories,
        clock: Arc::new(SystemClock),
    };
    let bar = ProgressBar::new(0);
    let copied = copying.run(&|step| show(&bar, step)).await;
    bar.finish_and_clear();
    from_memories.close_all().await;
    to_memories.close_all().await;
    let report = copied?;
    println!("{}", words(&report, share_memories));
    Ok(report.is_complete())
}

fn archives(stores: &Stores) -> Archives {
    Archives {
        users: Arc::clone(&stores.users),
        chats: Arc::clone(&stores.chats),
        memories: Arc::clone(&stores.memories) as Arc<dyn MemoryArchive>,
    }
}

/// Whether sealed keys can be opened in the target too.
fn check_keys((from, source): (&Settings, &Stores), (to, target): (&Settings, &Stores)) -> Result<()> {
    let Some(needed) = master_keys(from, source.data.as_ref()).context("--from")? else {
        bail!("--from has no master keys: nothing was ever kept there, or secrets.toml is missing in its data folder");
    };
    let there = master_keys(to, target.data.as_ref()).context("--to")?;
    ensure!(
        there.is_some_and(|there| there.has_all_of(&needed)),
        "--to cannot open the API keys that --from sealed: give it the same security.master_keys (the setting, or what \
         secrets.toml in the source's data folder has), in its file or as {TO}SECURITY__MASTER_KEYS, and again when it serves"
    );
    Ok(())
}

fn show(bar: &ProgressBar, step: CopyStep) {
    match step {
        CopyStep::Begun { what, of } => {
            let template = if of.is_some() { "{msg:20} {wide_bar} {pos}/{len} ({eta})" } else { "{msg:20} {pos}" };
            bar.reset();
            bar.set_length(of.unwrap_or(0));
            // A bar of another form would do as well.
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what);
        }
        CopyStep::Done(more) => bar.inc(more),
    }
}

fn words(report: &CopyReport, share_memories: bool) -> String {
    let mut words = String::new();
    for part in &report.parts {
        let _ = writeln!(words, "{}", line(part));
        let CopiedPart { source, target, newer, unreadable, .. } = part;
        let _ = writeln!(words, "        source {} sha256 {}", source.count, source.hex());
        let _ = writeln!(words, "        target {} sha256 {}", target.count, target.hex());
        if newer.count > 0 {
            let ids = newer.ids.join(", ");
            let _ = writeln!(
                words,
                "        {} were changed in the target since, and stay as they are: {ids}",
                newer.count
            );
        }
        if *unreadable > 0 {
            let _ = writeln!(
                words,
                "        {unreadable} cannot be read in the source: restore them from a backup; the log tells what is wrong"
            );
        }
    }
    if share_memories {
        words.push_str("memories: both sides have the same table, which stays as it is\n");
    }
    words.push_str("sessions are not copied: everybody logs in again\n");
    words.push_str(if report.is_complete() {
        "everything is in the target"
    } else {
        "NOT everything is in the target as it is in the source"
    });
    words
}

fn line(part: &CopiedPart) -> String {
    let mark = if part.is_complete() { "ok     " } else { "DIFFERS" };
    let others = if part.others > 0 { format!(", {} more are only in the target", part.others) } else { String::new() };
    format!("{mark} {}: {} written now{others}", part.name, part.written)
}
