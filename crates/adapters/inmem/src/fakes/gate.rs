//! Points at which a script waits for the test.

use std::sync::Arc;
use tokio::sync::watch;

/// A gate that a script stands at until the test opens it. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    open: Arc<watch::Sender<bool>>,
    reached: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)), reached: Arc::new(watch::Sender::new(false)) }
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until something has come to it.
    pub async fn reached(&self) {
        wait(&self.reached).await;
    }

    /// Stands at it until it is open.
    pub async fn pass(&self) {
        self.reached.send_replace(true);
        wait(&self.open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

async fn wait(flag: &watch::Sender<bool>) {
    // It cannot be closed: its sender is borrowed.
    let _ = flag.subscribe().wait_for(|set| *set).await;
}
