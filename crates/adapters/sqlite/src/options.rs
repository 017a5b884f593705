//! What can be chosen about a database.

use std::time::Duration;

/// What an acknowledged write survives. The file stays consistent either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// A loss of power: the disk has confirmed the write before the caller is answered.
    #[default]
    Full,
    /// A crash of the process. A loss of power may take the last writes back.
    Normal,
}

impl Synchronous {
    pub(crate) const fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// What an acknowledged write survives. Default: a loss of power.
    pub synchronous: Synchronous,
    /// How many connections read; at least 1. Default: 4.
    pub readers: usize,
    /// Bytes of page cache in all, shared evenly by the connections. Default: 64 MiB.
    pub cache_bytes: usize,
    /// How long a call waits for a connection, a lock and the disk, all together. Default: 5 s.
    pub timeout: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { synchronous: Synchronous::Full, readers: 4, cache_bytes: 64 << 20, timeout: Duration::from_secs(5) }
    }
}
