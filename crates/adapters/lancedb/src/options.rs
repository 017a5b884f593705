//! How the repository is opened, and why it may not be.

use palavra_domain::{BoxError, EmbeddingSpace};
use std::time::Duration;
use thiserror::Error;

/// Where the memories are and how they are kept.
#[derive(Clone, Debug)]
pub struct LanceDbOptions {
    /// The folder of the database; it is made when it is not there.
    pub uri: String,
    /// The space of all vectors in it.
    pub space: EmbeddingSpace,
    /// How long a write waits for others to be committed with it. What queues up behind a running commit is committed
    /// together anyhow.
    pub write_batch_wait: Duration,
    /// After how many commits small files are merged.
    pub compact_after_writes: u32,
    /// After how long without a commit the files are put in order, if there were any commits.
    pub compact_when_idle: Duration,
    /// Memory for cached index pages and metadata, in bytes.
    pub cache_bytes: usize,
    /// The longest that a call may take; then it fails as unavailable. A write that took too long may still be done. Old
    /// versions are kept this long, for the reads that still use them.
    pub timeout: Duration,
    /// Whether this process is the only one that writes to the folder. If not, every read looks for versions that others
    /// made, and nothing about users is kept in memory.
    pub sole_writer: bool,
}

impl LanceDbOptions {
    /// The usual options for a folder that only this process writes to.
    #[must_use]
    pub fn new(uri: impl Into<String>, space: EmbeddingSpace) -> Self {
        Self {
            uri: uri.into(),
            space,
            write_batch_wait: Duration::from_millis(5),
            compact_after_writes: 20,
            compact_when_idle: Duration::from_secs(30),
            cache_bytes: 64 * 1024 * 1024,
            timeout: Duration::from_secs(5),
            sole_writer: true,
        }
    }
}

/// Why the memories could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The space cannot be stored.
    #[error("embeddings.dimensions is {dimensions}: it must be 1 to 65536")]
    Dimensions {
        /// What was asked for.
        dimensions: usize,
    },
    /// The table's vectors are of another space.
    #[error(
        "the memories in {uri} were embedded by {stored}, but the settings say {wanted}, and vectors of the two cannot be \
         compared. Set embeddings.model = {:?} and embeddings.dimensions = {} again, or move the folder away to start \
         with no memories", .stored.model, .stored.dimensions
    )]
    OtherSpace {
        /// The folder.
        uri: String,
        /// The space of the table.
        stored: EmbeddingSpace,
        /// The space of the settings.
        wanted: EmbeddingSpace,
    },
    /// There is a table of this name that Palavra did not make, or a newer version did.
    #[error(
        "the table `memories` in {uri} is not one that this version of Palavra can read: {reason}. Name another folder, or \
         move this one away to start with no memories"
    )]
    Foreign {
        /// The folder.
        uri: String,
        /// What is wrong with the table.
        reason: String,
    },
    /// LanceDB could not open or make the table.
    #[error(
        "the memories in {uri} cannot be opened. Check that the folder can be read and written and that the disk is not \
         full; if the files are damaged, restore them from a backup or move the folder away to start with no memories"
    )]
    Failed {
        /// The folder.
        uri: String,
        /// What LanceDB said.
        source: BoxError,
    },
}
