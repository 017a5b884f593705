//! The binary `palavra`: settings, composition, start-up.

mod compose;
mod data_dir;
mod environment;
mod readiness;
mod serve;
mod settings;
mod telemetry;

use clap::{Parser, Subcommand};
use settings::Settings;
use std::{path::PathBuf, process::ExitCode};

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
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Several drivers speak TLS, and two providers of its cryptography are linked: the choice must not be left open. It fails
    // only when it was made before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Command::Serve = arguments.command.unwrap_or(Command::Serve);
    let served = match Settings::load(arguments.config.as_deref()) {
        Ok(settings) => serve::serve(settings).await,
        Err(error) => Err(error),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "whoever starts the server reads why it does not start")]
            {
                eprintln!("palavra: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
