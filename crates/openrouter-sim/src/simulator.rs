//! Starting and stopping.

use crate::{FaultRule, RequestRecord, routes, state::State};
use actix_web::{App, HttpServer, dev::ServerHandle, rt, web};
use anyhow::{Context as _, anyhow};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

/// The largest request body that is taken.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// How a simulator behaves when no fault is asked of it.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The wait before the first part of an answer.
    pub first_delay: Duration,
    /// The wait before each further part.
    pub chunk_delay: Duration,
    /// Words in each part of a streamed answer; at least 1.
    pub words_per_chunk: usize,
    /// Threads that serve; at least 1.
    pub workers: usize,
    /// Whether requests and generations are kept to be looked at: the last 10,000.
    pub record: bool,
    /// Whether a call needs a key. Without, it is a plain OpenAI-compatible server.
    pub require_auth: bool,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            first_delay: Duration::ZERO,
            chunk_delay: Duration::ZERO,
            words_per_chunk: 1,
            workers: 1,
            record: true,
            require_auth: true,
        }
    }
}

/// A running simulator; dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    state: web::Data<State>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts one in threads of its own; it accepts connections when this returns.
    ///
    /// # Errors
    /// When the address cannot be listened on or a thread cannot be started.
    pub fn start(options: SimOptions) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(options.listen).with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let workers = options.workers.max(1);
        let state = web::Data::new(State::new(options, address.port()));
        let (ready, started) = mpsc::channel();
        let shared = state.clone();
        let thread = thread::Builder::new().name("openrouter-sim".to_owned()).spawn(move || {
            rt::System::new().block_on(async move {
                let app = move || {
                    App::new()
                        .app_data(shared.clone())
                        .app_data(web::PayloadConfig::new(BODY_LIMIT))
                        .configure(routes::configure)
                };
                let server = HttpServer::new(app)
                    .workers(workers)
                    .tcp_nodelay(true)
                    .h1_allow_half_closed(false)
                    .disable_signals()
                    .shutdown_timeout(0)
                    .listen(listener)
                    .map(HttpServer::run);
                match server {
                    Ok(server) => {
                        // The other side is gone only when `start` was abandoned.
                        let _ = ready.send(Ok(server.handle()));
                        let _ = server.await;
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            });
        })?;
        let handle = started.recv().map_err(|_| anyhow!("the simulator's thread ended at once"))??;
        Ok(Self { address, state, handle, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client takes for `https://openrouter.ai/api/v1`; without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    /// Queues a fault.
    pub fn fault(&self, rule: FaultRule) {
        self.state.faults.push(rule);
    }

    /// How many queued rules have not been used up.
    #[must_use]
    pub fn pending_faults(&self) -> usize {
        self.state.faults.list().len()
    }

    /// The requests received, oldest first; at most the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.state.log.list(None)
    }

    /// The requests received with this bearer key.
    #[must_use]
    pub fn requests_of(&self, key: &str) -> Vec<RequestRecord> {
        self.state.log.list(Some(key))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // The command goes out with the call; the future only waits for it, which the join does too.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed; there is nothing to add in a drop.
            let _ = thread.join();
        }
    }
}
