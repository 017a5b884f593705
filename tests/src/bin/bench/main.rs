//! Measures the server over HTTP against a simulated provider without delay, on several sets of stores. Server, stores,
//! provider and load share this machine.

mod load;
mod profiles;
mod report;
mod rows;
mod spans;
mod storage;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use palavra_e2e::SimProcess;
use profiles::{Profile, Stores};
use report::say;
use std::time::Duration;

/// Benchmarks the server. What fails is told, and the rest is measured all the same.
#[derive(Parser)]
struct Arguments {
    /// Seconds for each row.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Turns of the long chat, as far as they are written within three minutes.
    #[arg(long, default_value_t = 10_000)]
    turns: usize,
    /// Memories that are saved one by one.
    #[arg(long, default_value_t = 5_000)]
    memories: usize,
    /// Which stores, such as "embedded,mixed"; all when not given. What is not embedded needs servers, which
    /// `tests/with-servers` starts.
    #[arg(long, value_enum, value_delimiter = ',')]
    profile: Vec<Profile>,
    /// Which parts, such as "chat,login"; all when not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Prompts: whole and streamed, with memory on and off.
    Chat,
    /// Recall without the extraction that goes with it.
    Recall,
    Login,
    /// The first page of a long chat.
    History,
    /// What one prompt spends its time on.
    Spans,
    /// The files of memories that are saved one by one (embedded only).
    Storage,
}

impl Arguments {
    fn profiles(&self) -> &[Profile] {
        if self.profile.is_empty() { &Profile::ALL } else { &self.profile }
    }

    fn wants(&self, section: Section) -> bool {
        self.only.is_empty() || self.only.contains(&section)
    }

    fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let sim = SimProcess::start().await?;
    let mut failures = 0;
    for &profile in arguments.profiles() {
        say(&format!("## {}\n", profile.name()));
        let rows = rows::measure(profile, &sim, &arguments).await;
        let spans = if arguments.wants(Section::Spans) { spans::measure(profile, &sim).await } else { Ok(()) };
        let storage = if arguments.wants(Section::Storage) && profile == Profile::Embedded {
            storage::measure(&sim, arguments.memories).await
        } else {
            Ok(())
        };
        for (what, outcome) in [("rows", rows), ("spans", spans), ("storage", storage)] {
            if let Err(error) = outcome {
                failures += 1;
                say(&format!("**{what} ended early: {error:#}**\n"));
            }
        }
    }
    ensure!(failures == 0, "{failures} parts ended early");
    Ok(())
}
