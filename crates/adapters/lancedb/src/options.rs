//! How the repository is opened, and why it may not be.

use crate::{S3Options, schema::TABLE};
use palavra_domain::{BoxError, EmbeddingSpace};
use std::time::Duration;
use thiserror::Error;

/// Where the memories are and how they are kept.
#[derive(Clone, Debug)]
pub struct LanceDbOptions {
    /// The folder of the database, which is made when it is not there; or `s3://bucket/path`, with the feature `s3`.
    pub uri: String,
    /// How object storage is reached.
    pub s3: S3Options,
    /// The table of the memories; there may be others.
    pub table: String,
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
    /// versions are kept for the reads and writes that still use them: this long where one process writes, eight times as
    /// long where several do, all of which must have the same timeout.
    pub timeout: Duration,
    /// Whether this process is the only one that writes to the folder. If not, reads look for versions that others made,
    /// nothing about users is kept in memory, and commits that meet another process's are tried again.
    pub sole_writer: bool,
    /// The longest that a read does not look for what other processes wrote. What this process wrote is always read at
    /// once. Zero looks every time. Not used by a sole writer.
    pub others_within: Duration,
    /// Files that no version names, left by a write that failed, are removed when they have been there this long: between
    /// once and twice as long. At least ten times the timeout.
    pub leftovers_after: Duration,
}

impl LanceDbOptions {
    /// The usual options for a folder that only this process writes to.
    #[must_use]
    pub fn new(uri: impl Into<String>, space: EmbeddingSpace) -> Self {
        Self {
            uri: uri.into(),
            s3: S3Options::default(),
            table: TABLE.to_owned(),
            space,
            write_batch_wait: Duration::from_millis(5),
            compact_after_writes: 20,
            compact_when_idle: Duration::from_secs(30),
            cache_bytes: 64 * 1024 * 1024,
            timeout: Duration::from_secs(5),
            sole_writer: true,
            others_within: Duration::from_millis(250),
            leftovers_after: Duration::from_secs(120),
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
         compared. Set embeddings.model = {:?} and embeddings.dimensions = {} (and embeddings.provider, if that was changed \
         with them); to change the model, let `palavra reembed --model … --dimensions …` embed the memories anew. Or move \
         the folder away to start with no memories", .stored.model, .stored.dimensions
    )]
    OtherSpace {
        /// The folder.
        uri: String,
        /// The space of the table.
        stored: EmbeddingSpace,
        /// The space of the settings.
        wanted: EmbeddingSpace,
    },
    /// A newer release made the table, or has changed it.
    #[error(
        "the memories in {uri} have layout {layout}, which a newer release of Palavra wrote; this one knows layouts up to \
         {known}. Start that release or a later one, or restore the backup that was made before the upgrade"
    )]
    Newer {
        /// The folder.
        uri: String,
        /// The layout of the table.
        layout: u32,
        /// The newest layout that this release knows.
        known: u32,
    },
    /// There is a table of this name that Palavra did not make.
    #[error(
        "the table `memories` in {uri} is not one that Palavra can read: {reason}. Name another folder, or move this one \
         away to start with no memories"
    )]
    Foreign {
        /// The folder.
        uri: String,
        /// What is wrong with the table.
        reason: String,
    },
    /// The URI is of a kind that cannot be opened.
    #[error("the memories cannot be kept in {uri}: name a folder, or s3://bucket/path")]
    Place {
        /// What was named.
        uri: String,
    },
    /// This build has no object storage.
    #[error(
        "the memories cannot be kept in {uri}: this build of Palavra has no object storage. Build it with the feature `s3`, \
         or name a folder"
    )]
    WithoutS3 {
        /// What was named.
        uri: String,
    },
    /// There is no such bucket.
    #[error(
        "there is no bucket for {uri}, or no access to it. Make the bucket first; if it is there, check the name, the region \
         and the endpoint (AWS_REGION, AWS_ENDPOINT)"
    )]
    NoBucket {
        /// What was named.
        uri: String,
        /// What the storage said.
        source: BoxError,
    },
    /// The storage does not let us in.
    #[error(
        "the object storage refuses access to {uri}. Check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the \
         role of this machine), and that they may list, read, write and delete there"
    )]
    Refused {
        /// What was named.
        uri: String,
        /// What the storage said.
        source: BoxError,
    },
    /// The storage could not be reached, or failed.
    #[error(
        "the object storage of {uri} does not answer as it should. Check the endpoint and the region (AWS_ENDPOINT, \
         AWS_REGION; for http:// also AWS_ALLOW_HTTP=true), and that it can be reached from here"
    )]
    Storage {
        /// What was named.
        uri: String,
        /// What LanceDB said.
        source: BoxError,
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
