//! Child processes.

use anyhow::{Context, Result, bail, ensure};
use palavra_openrouter_sim::FaultRule;
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// How long a program may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The path of a program of ours, in the target folder that this code runs from.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("the own path is not known")?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: run `make test`, `make demo` or `make bench`, which build it"))
}

/// Starts a program and waits for the line of its standard output that has `marker`; returns what follows the marker, up
/// to the next space. `Err` with its exit status and standard error's whereabouts when it ends before.
pub(crate) fn start(command: &mut Command, marker: &str) -> Result<(Child, String)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("a program does not start")?;
    let stdout = child.stdout.take().context("no standard output")?;
    let (said, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Read on when nobody listens any more: a full pipe would stop the program.
            drop(said.send(line));
        }
    });
    loop {
        match lines.recv_timeout(READY_WITHIN) {
            Ok(line) => {
                if let Some((_, rest)) = line.split_once(marker) {
                    let word = rest.split_whitespace().next().unwrap_or_default().to_owned();
                    return Ok((child, word));
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill().context("a program that does not get ready cannot be killed")?;
                bail!("the program does not get ready");
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = child.wait().context("a program's end is not known")?;
                bail!("the program ended with {status} before it was ready");
            }
        }
    }
}

/// A simulated provider in a process of its own, so that its work is not counted as the server's.
pub struct SimProcess {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl SimProcess {
    /// Starts one without delays that keeps no record.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(&["--no-record"]).await
    }

    /// Starts one with these arguments.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub async fn start_with(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(program("openrouter-sim")?);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let (child, url) = tokio::task::spawn_blocking(move || start(&mut command, "listening on ")).await??;
        ensure!(url.starts_with("http://"), "the simulator does not tell its address");
        let http = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
        Ok(Self { child, url, http })
    }

    /// Queues a fault.
    ///
    /// # Errors
    /// When the simulator does not take it.
    pub async fn fault(&self, rule: &FaultRule) -> Result<()> {
        let taken = self.http.post(self.faults()).json(rule).send().await.context("the simulator does not answer")?;
        ensure!(taken.status().is_success(), "the simulator does not take a fault: {}", taken.status());
        Ok(())
    }

    /// Forgets the faults that are still queued.
    ///
    /// # Errors
    /// When the simulator does not do so.
    pub async fn clear_faults(&self) -> Result<()> {
        let cleared = self.http.delete(self.faults()).send().await.context("the simulator does not answer")?;
        ensure!(cleared.status().is_success(), "the simulator keeps its faults: {}", cleared.status());
        Ok(())
    }

    fn faults(&self) -> String {
        format!("{}/sim/faults", self.url)
    }

    /// What `openrouter.base_url` is to be.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/api/v1", self.url)
    }
}

impl Drop for SimProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
