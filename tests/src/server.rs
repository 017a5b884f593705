//! Starts and ends the binary.

use crate::{Client, Session, process, session::key_of};
use anyhow::{Context, Result, bail, ensure};
use palavra_openrouter_sim::Simulator;
use reqwest::Method;
use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long ending may take when it was told to, and how long refusing to start.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked whether a process has ended.
const POLL: Duration = Duration::from_millis(10);
const LISTENS: &str = "palavra listens on ";
const LOG_FILE: &str = "palavra.log";

/// The settings a server is started with: those of the harness, and what a test sets over them.
#[derive(Clone, Debug)]
pub struct Options {
    env: Vec<(String, String)>,
    data_dir: Option<PathBuf>,
}

impl Default for Options {
    /// A free port, vectors of 256 dimensions, the model `sim/fast`, and the floor that fits the simulator's embeddings.
    fn default() -> Self {
        let options = Self { env: Vec::new(), data_dir: None };
        options
            .env("PALAVRA__HTTP__LISTEN", "127.0.0.1:0")
            .env("PALAVRA__EMBEDDINGS__DIMENSIONS", "256")
            .env("PALAVRA__CHAT__DEFAULT_MODEL", "sim/fast")
            .env("PALAVRA__MEMORY__MIN_SCORE", "0.2")
    }
}

impl Options {
    /// Sets an environment variable of the server, such as `PALAVRA__LOG__LEVEL`, in place of any earlier value.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Uses this data folder, which stays when the server is dropped, in place of a temporary one.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// As the settings of one side of `palavra copy`: variables that begin with `prefix` in place of `PALAVRA__`.
    #[must_use]
    pub fn side(&self, prefix: &str) -> Vec<(String, String)> {
        let folder =
            self.data_dir.iter().map(|path| (format!("{prefix}DATA_DIR"), path.to_string_lossy().into_owned()));
        let renamed = |(name, value): &(String, String)| (name.replacen("PALAVRA__", prefix, 1), value.clone());
        self.env.iter().map(renamed).chain(folder).collect()
    }
}

/// How a server that would not start ended.
#[derive(Debug)]
pub struct Refusal {
    /// The exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub message: String,
}

/// Memory of a process, in MiB.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// All of it.
    pub mib: u64,
    /// Without the pages of the binary and of other files, which the system takes back when it needs them.
    pub anonymous_mib: u64,
}

/// A running server, or one that was ended and can be started again on the same data. Dropping it kills it and removes its
/// temporary folder.
#[derive(Debug)]
pub struct Palavra {
    child: Option<Child>,
    options: Options,
    data_dir: PathBuf,
    logs: PathBuf,
    address: Arc<Mutex<String>>,
    // Removed last, when the child is gone.
    _folder: TempDir,
}

impl Palavra {
    /// Starts a server whose provider is this simulator.
    ///
    /// # Errors
    /// As [`Palavra::start_with`].
    pub async fn start(simulator: &Simulator) -> Result<Self> {
        Self::start_with(&simulator.base_url(), Options::default()).await
    }

    /// Starts a server whose provider is at `upstream` (a simulator's `base_url`).
    ///
    /// # Errors
    /// When the binary is missing or refuses to start; its log is in the message.
    pub async fn start_with(upstream: &str, options: Options) -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let data_dir = options.data_dir.clone().unwrap_or_else(|| folder.path().join("data"));
        let logs = folder.path().join(LOG_FILE);
        let options = options.env("PALAVRA__OPENROUTER__BASE_URL", upstream);
        let mut server = Self { child: None, options, data_dir, logs, address: Arc::default(), _folder: folder };
        server.resume().await?;
        Ok(server)
    }

    /// Runs a server that is expected not to start.
    ///
    /// # Errors
    /// When it goes on running.
    pub async fn refused(upstream: &str, options: Options) -> Result<Refusal> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let data_dir = options.data_dir.clone().unwrap_or_else(|| folder.path().join("data"));
        let logs = folder.path().join(LOG_FILE);
        let options = options.env("PALAVRA__OPENROUTER__BASE_URL", upstream);
        let mut command = command(&options, &data_dir, &logs)?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("no process")?;
        let status = exit_status(&mut child, STOP_TIMEOUT).await;
        end(&mut child);
        Ok(Refusal { code: status?.code(), message: read(&logs)? })
    }

    /// Runs a command such as `["doctor", "--json"]` to its end: its exit status, and what it wrote to standard output.
    ///
    /// # Errors
    /// When it does not end by itself.
    pub async fn command(arguments: &[&str], options: &Options) -> Result<(Option<i32>, String)> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let data_dir = options.data_dir.clone().unwrap_or_else(|| folder.path().join("data"));
        let mut command = command(options, &data_dir, &folder.path().join(LOG_FILE))?;
        command.args(arguments).stdin(Stdio::null());
        let running = tokio::task::spawn_blocking(move || command.output());
        let output = tokio::time::timeout(STOP_TIMEOUT, running)
            .await
            .context("the command does not end")?
            .context("the command was lost")?
            .context("the command does not start")?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// A client of this server, which finds it again after a restart.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::following(Arc::clone(&self.address))
    }

    /// A client of a new user with this name, a key and a login.
    ///
    /// # Errors
    /// When one of these is refused.
    pub async fn user(&self, name: &str) -> Result<Client> {
        Ok(self.session(name).await?.client().clone())
    }

    /// As [`Palavra::user`], with the tokens.
    ///
    /// # Errors
    /// When one of these is refused.
    pub async fn session(&self, name: &str) -> Result<Session> {
        self.client().sign_up(name, &format!("password of {name}"), &key_of(name)).await
    }

    /// Where it listens, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> String {
        self.address.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The memory it holds.
    ///
    /// # Errors
    /// When it does not run, or the system does not tell.
    pub fn resident(&self) -> Result<Resident> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?)).context("no /proc")?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kib = line.with_context(|| format!("no {name}"))?.trim().trim_end_matches(" kB").parse::<u64>();
            Ok::<_, anyhow::Error>(kib.with_context(|| format!("{name} is no number"))? / 1024)
        };
        Ok(Resident { mib: mib("VmRSS")?, anonymous_mib: mib("RssAnon")? })
    }

    /// How many prompts wait to be remembered from, or are being so.
    ///
    /// # Errors
    /// When the server does not tell.
    pub async fn backlog(&self) -> Result<u64> {
        let metrics = self.client().call(Method::GET, "/metrics", None).await?.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("palavra_memory_backlog "));
        line.context("/metrics does not tell the backlog")?.trim().parse().context("the backlog is no number")
    }

    /// Its data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.child.as_ref().context("the server does not run")?.id())
    }

    /// What it has logged since its first start.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        read(&self.logs)
    }

    /// Changes a setting for the next start.
    pub fn set_env(&mut self, name: &str, value: impl Into<String>) {
        self.options = self.options.clone().env(name, value);
    }

    /// Ends it at once, as a crash would (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        child.kill().context("the server cannot be killed")?;
        child.wait().context("the server cannot be waited for")?;
        Ok(())
    }

    /// Tells it to stop (SIGTERM), without waiting.
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> Result<()> {
        let pid = self.pid()?.to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status().context("there is no command `kill`")?;
        ensure!(status.success(), "the server cannot be told to stop");
        Ok(())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let child = self.child.as_mut().context("the server does not run")?;
        let status = exit_status(child, STOP_TIMEOUT).await?;
        self.child = None;
        Ok(status)
    }

    /// Tells it to stop and waits until it has.
    ///
    /// # Errors
    /// When it does not stop in time, or with a failure.
    pub async fn stop(&mut self) -> Result<()> {
        self.terminate()?;
        let status = self.wait().await?;
        ensure!(status.success(), "the server stopped with {status}: {}", self.log()?);
        Ok(())
    }

    /// Starts it again on its data, after it was ended.
    ///
    /// # Errors
    /// When it refuses to start; its log is in the message.
    pub async fn resume(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the server still runs");
        let mut command = command(&self.options, &self.data_dir, &self.logs)?;
        let started = tokio::task::spawn_blocking(move || process::start(&mut command, LISTENS)).await?;
        match started {
            Ok((child, address)) => {
                *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
                self.child = Some(child);
                Ok(())
            }
            Err(error) => bail!("{error:#}: {}", self.log()?),
        }
    }

    /// Stops it and starts it again.
    ///
    /// # Errors
    /// As [`Palavra::stop`] and [`Palavra::resume`].
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.resume().await
    }
}

impl Drop for Palavra {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself; then there is nothing to do.
    let _ = child.kill();
    let _ = child.wait();
}

fn read(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path).context("the server's log cannot be read")?).into_owned())
}

/// The binary with its settings; its log is appended to `logs`.
fn command(options: &Options, data_dir: &Path, logs: &Path) -> Result<Command> {
    let log = OpenOptions::new().create(true).append(true).open(logs).context("the log cannot be written")?;
    let mut command = Command::new(process::program("palavra")?);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command
        .env("NO_PROXY", "127.0.0.1")
        .env("PALAVRA__DATA_DIR", data_dir)
        .envs(options.env.iter().map(|(name, value)| (name, value)))
        .stderr(log);
    Ok(command)
}

fn is_setting(name: &OsStr) -> bool {
    name.to_string_lossy().to_uppercase().starts_with("PALAVRA__")
}

async fn exit_status(child: &mut Child, timeout: Duration) -> Result<ExitStatus> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait().context("the server cannot be waited for")? {
            return Ok(status);
        }
        ensure!(Instant::now() < deadline, "the server did not end within {timeout:?}");
        tokio::time::sleep(POLL).await;
    }
}
