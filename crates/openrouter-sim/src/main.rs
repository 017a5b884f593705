//! Runs one simulated OpenRouter until it is interrupted.

use anyhow::Context as _;
use clap::Parser;
use palavra_openrouter_sim::{SimOptions, Simulator};
use std::{io::Write as _, net::SocketAddr, time::Duration};

/// A server that speaks the wire protocol of OpenRouter, with faults on demand.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:18090")]
    listen: SocketAddr,
    /// Milliseconds before the first part of an answer.
    #[arg(long, default_value_t = 0)]
    first_delay_ms: u64,
    /// Milliseconds between the parts of an answer.
    #[arg(long, default_value_t = 0)]
    chunk_delay_ms: u64,
    /// Words in each part of a streamed answer.
    #[arg(long, default_value_t = 1)]
    words_per_chunk: usize,
    /// Threads that serve.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Keep no log of requests and generations, for benchmarks.
    #[arg(long)]
    no_record: bool,
    /// Serve calls without a key, as a local OpenAI-compatible server does.
    #[arg(long)]
    open: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let simulator = Simulator::start(SimOptions {
        listen: arguments.listen,
        first_delay: Duration::from_millis(arguments.first_delay_ms),
        chunk_delay: Duration::from_millis(arguments.chunk_delay_ms),
        words_per_chunk: arguments.words_per_chunk,
        workers: arguments.workers,
        record: !arguments.no_record,
        require_auth: !arguments.open,
    })?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{}", simulator.address())?;
    stdout.flush()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(tokio::signal::ctrl_c())
        .context("cannot wait for the interrupt signal")?;
    Ok(())
}
