//! The servers that are measured: addresses that were given, or the local ones, started by their scripts when they are needed.

use crate::answers::Ready;
use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use std::{
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{process::Command, sync::OnceCell};

/// How long a port may take to take a connection.
const CONNECT: Duration = Duration::from_millis(500);
const CHAT_PORT: (&str, u16) = ("UPSTREAM_LLM_PORT", 18_180);
const EMBEDDINGS_PORT: (&str, u16) = ("UPSTREAM_EMB_PORT", 18_181);

/// Local servers with `start.sh` and `stop.sh`.
pub struct Upstream {
    scripts: PathBuf,
    ports: [u16; 2],
    /// Whether they were started here.
    started: OnceCell<bool>,
}

impl Upstream {
    /// The servers whose scripts are in this folder; nothing is started yet.
    ///
    /// # Errors
    /// When `UPSTREAM_LLM_PORT` or `UPSTREAM_EMB_PORT` is set to no port.
    pub fn new(scripts: &Path) -> Result<Self> {
        let port = |(name, usual): (&str, u16)| match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name} is no port")),
            Err(_) => Ok(usual),
        };
        let ports = [port(CHAT_PORT)?, port(EMBEDDINGS_PORT)?];
        Ok(Self { scripts: scripts.to_owned(), ports, started: OnceCell::new() })
    }

    /// The address of the chat server, up to and without `/chat/completions`.
    #[must_use]
    pub fn chat_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.ports[0])
    }

    /// The address of the embeddings server, up to and without `/embeddings`.
    #[must_use]
    pub fn embeddings_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.ports[1])
    }

    /// Starts what does not run, and tells whether it is ours to stop: not when one of them ran before.
    async fn start(&self) -> Result<bool> {
        let running: Vec<bool> = self.ports.iter().map(|port| listens(*port)).collect();
        if running.iter().all(|runs| *runs) {
            return Ok(false);
        }
        let script = self.scripts.join("start.sh");
        if !script.exists() {
            bail!(
                "no model answers at {} and {}, and there is no {}: start them, name the folder of their scripts \
                 (--upstream), or name other servers (--chat-url, --embeddings-url)",
                self.chat_url(),
                self.embeddings_url(),
                script.display()
            );
        }
        self.run("start.sh").await?;
        Ok(!running.contains(&true))
    }

    /// Stops the servers if they were started here.
    ///
    /// # Errors
    /// When the script fails.
    pub async fn stop(&self) -> Result<()> {
        if self.started.get() == Some(&true) { self.run("stop.sh").await } else { Ok(()) }
    }

    async fn run(&self, script: &str) -> Result<()> {
        // What it says belongs to the progress, not to the tables.
        let path = std::path::absolute(self.scripts.join(script))?;
        let mut command = Command::new(&path);
        // A group of its own: Ctrl-C is for us to act on.
        command.stdin(Stdio::null()).stdout(std::io::stderr()).process_group(0);
        let status = command.status().await.with_context(|| format!("{} cannot be run", path.display()))?;
        ensure!(status.success(), "{} failed", path.display());
        Ok(())
    }
}

#[async_trait]
impl Ready for Upstream {
    async fn ready(&self) -> Result<()> {
        self.started.get_or_try_init(|| self.start()).await?;
        Ok(())
    }
}

/// Servers that somebody else takes care of.
pub struct Elsewhere;

#[async_trait]
impl Ready for Elsewhere {
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), CONNECT).is_ok()
}
