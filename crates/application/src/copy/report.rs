//! What a copy came to.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// How many ids a part names.
const NAMED: usize = 10;

/// What was copied, and how the target compares with the source now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Users, chats, turns and, unless both sides have the same table, memories.
    pub parts: Vec<CopiedPart>,
}

impl CopyReport {
    /// Whether every record of the source is in the target, as it is in the source.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.parts.iter().all(CopiedPart::is_complete)
    }
}

/// One kind of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedPart {
    /// Which.
    pub name: &'static str,
    /// How many were written now; the rest was there, or could not be copied.
    pub written: u64,
    /// What the target had in another, later state: left alone.
    pub newer: Listed,
    /// Records of the source that cannot be read.
    pub unreadable: u64,
    /// How many the source has, unreadable ones left out.
    pub source: Checksum,
    /// How many of these the target has.
    pub target: Checksum,
    /// Records of the target that the source does not have.
    pub others: u64,
}

impl CopiedPart {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            written: 0,
            newer: Listed::default(),
            unreadable: 0,
            source: Checksum::default(),
            target: Checksum::default(),
            others: 0,
        }
    }

    /// Whether every record of the source is in the target, as it is in the source.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.source == self.target
    }
}

/// How many there are, and some of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// How many.
    pub count: u64,
    /// The first ten.
    pub ids: Vec<String>,
}

impl Listed {
    pub(super) fn add(&mut self, id: &impl ToString) {
        self.count += 1;
        if self.ids.len() < NAMED {
            self.ids.push(id.to_string());
        }
    }
}

/// A count of records, and the SHA-256 of all of them in the order of their keys.
#[derive(Clone, Debug, Default)]
pub struct Checksum {
    /// How many.
    pub count: u64,
    hash: Sha256,
}

impl Checksum {
    pub(super) fn add(&mut self, record: &impl Serialize) -> Result<(), serde_json::Error> {
        let bytes = serde_json::to_vec(record)?;
        self.count += 1;
        // With its length, so that no two lists of records run together to the same bytes.
        self.hash.update(bytes.len().to_le_bytes());
        self.hash.update(&bytes);
        Ok(())
    }

    /// The SHA-256 in hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.hash.clone().finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl PartialEq for Checksum {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.hash.clone().finalize() == other.hash.clone().finalize()
    }
}

impl Eq for Checksum {}
