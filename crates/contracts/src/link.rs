//! A TCP connection to a server that can be frozen, cut, and counted.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Connections are taken, and nothing passes.
    Frozen,
    /// Connections are closed as soon as they are there.
    Cut,
}

/// Stands between a client and a server. Dropping it closes all connections through it.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    state: watch::Sender<State>,
    trips: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Link {
    /// A link to the server at `target`, such as `127.0.0.1:5432`, on a free port.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, watched) = watch::channel(State::Open);
        let trips = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&trips);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), watched.clone(), Arc::clone(&counted)));
            }
        });
        Self { address, state, trips, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets nothing pass any more, as a server does that hangs.
    pub fn freeze(&self) {
        self.state.send_replace(State::Frozen);
    }

    /// Closes all connections, and new ones at once, as a server does that is down.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Lets everything pass again.
    pub fn mend(&self) {
        self.state.send_replace(State::Open);
    }

    /// How often a client has begun to send since it last received something, over all connections: what is sent together
    /// is one round trip.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.trips.load(Ordering::SeqCst)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// Waits until something may pass. `false` when the connection is to be closed.
async fn may_pass(state: &mut watch::Receiver<State>) -> bool {
    state.wait_for(|state| *state != State::Frozen).await.is_ok_and(|state| *state == State::Open)
}

async fn carry(mut client: TcpStream, target: String, mut state: watch::Receiver<State>, trips: Arc<AtomicU64>) {
    if !may_pass(&mut state).await {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    // Small packets are what is measured.
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (mut up, mut down) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut asking = false;
    loop {
        let passed = tokio::select! {
            biased;
            () = async { drop(state.wait_for(|state| *state == State::Cut).await) } => return,
            read = client.read(&mut up) => match read {
                Ok(length) if length > 0 => {
                    if !asking {
                        asking = true;
                        trips.fetch_add(1, Ordering::SeqCst);
                    }
                    may_pass(&mut state).await && server.write_all(&up[..length]).await.is_ok()
                }
                Ok(_) | Err(_) => false,
            },
            read = server.read(&mut down) => match read {
                Ok(length) if length > 0 => {
                    asking = false;
                    may_pass(&mut state).await && client.write_all(&down[..length]).await.is_ok()
                }
                Ok(_) | Err(_) => false,
            },
        };
        if !passed {
            return;
        }
    }
}
