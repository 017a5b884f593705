//! The binary `palavra`: settings, composition, start-up.
// The futures of LanceDB are nested deeper than the compiler looks by itself.
#![recursion_limit = "256"]

mod compose;
mod copy;
mod data_dir;
mod doctor;
mod environment;
mod readiness;
mod reembed;
mod serve;
mod settings;
mod telemetry;

use anyhow::Result;
use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use settings::{ENVIRONMENT, Settings};
use std::{path::PathBuf, process::ExitCode};

/// The system's allocator keeps what many threads once used: hundreds of MiB after some logins.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A self-hosted, multi-user chat API with memory over every model that `OpenRouter` serves.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// A settings file over the defaults; config/default.toml explains every key.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (what happens when no command is given).
    Serve,
    /// Look at every store and every record in it: versions, indexes, and what does not fit together. The exit status tells
    /// whether all is well. Embedded stores have to be stopped; shared ones may be in use.
    Doctor {
        /// Mend what can be derived again: totals, turns of dead instances, memories of users who are gone.
        #[arg(long)]
        repair: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy users with their sealed keys, chats and memories from the stores of one settings file to those of another, and
    /// compare both in the end. Stop what serves from either first. Sessions are not copied: everybody logs in again. A copy
    /// that was cut off goes on when it is started again. The environment is read as `PALAVRA_FROM__…` and `PALAVRA_TO__…` in
    /// place of `PALAVRA__…`.
    Copy {
        /// The settings of what is copied.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The settings of where it is copied to.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Change the embedding model: embed all memories anew beside those that are served, switch, and remove the old ones. A
    /// running server does it and goes on serving; where none runs, it is done here. Run it again to watch, or to go on with
    /// what was cut off.
    Reembed(reembed::Wanted),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Several drivers speak TLS, and two providers of its cryptography are linked: the choice must not be left open. It fails
    // only when it was made before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let done = run(arguments).await;
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "whoever starts the server reads why it does not start")]
            {
                eprintln!("palavra: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

/// `false` when the command did its work, and what it found is not well.
async fn run(arguments: Arguments) -> Result<bool> {
    let settings = || Settings::load(arguments.config.as_deref(), ENVIRONMENT);
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(settings()?).await.map(|()| true),
        Command::Doctor { repair, json } => doctor::doctor(settings()?, repair, json).await,
        Command::Copy { from, to } => copy::copy(&from, &to).await,
        Command::Reembed(wanted) => reembed::reembed(settings()?, wanted).await,
    }
}
