//! The rows of the measured table: the same ones each time, made of their numbers.

use palavra_contracts::samples;
use palavra_domain::{EmbeddedMemory, Memory, MemoryId, MemoryKind, Timestamp, UserId};
use uuid::Uuid;

/// Numbers of a vector.
pub(crate) const DIMENSIONS: usize = 384;
/// Memories of a user who is measured.
pub(crate) const MEASURED_MEMORIES: usize = 200;
/// Vectors lie around so many points, as sentences lie around subjects.
const SUBJECTS: u64 = 1_000;
/// How far a vector is from its subject, and a query from the memory it is after, in lengths of a vector.
const SPREAD: f32 = 1.0;
const DOUBT: f32 = 0.7;
/// In front of users' and memories' numbers, to tell one from the other.
const USERS: u128 = 0x0198_0000_0000_7000_8000_0000_0000_0000;
const MEMORIES: u128 = 0x0199_0000_0000_7000_8000_0000_0000_0000;

const VERBS: [&str; 8] =
    ["Trabalha com", "Works on", "Gosta de", "Is allergic to", "Estuda", "Moved to", "Prefere", "Has"];
const OBJECTS: [&str; 10] = [
    "enfermagem no turno da noite em Recife",
    "a Kubernetes cluster for a bank",
    "café sem açúcar pela manhã",
    "peanuts and shellfish since childhood",
    "japonês com uma professora particular",
    "Lisbon with two cats and a dog",
    "programação em Rust e bancos de dados",
    "the violin in an amateur orchestra",
    "trilhas na serra aos fins de semana",
    "a daughter called Beatriz, born in 2019",
];

/// How the rows are shared out: the first users have [`MEASURED_MEMORIES`] each, the others share the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corpus {
    pub(crate) rows: usize,
    pub(crate) users: usize,
    pub(crate) measured: usize,
}

impl Corpus {
    /// The rows of a user, by number.
    pub(crate) fn rows_of(&self, user: usize) -> std::ops::Range<usize> {
        let first = |user: usize| {
            if user <= self.measured {
                return user * MEASURED_MEMORIES;
            }
            let before = self.measured * MEASURED_MEMORIES;
            before + (user - self.measured) * (self.rows - before) / (self.users - self.measured)
        };
        first(user)..first(user + 1)
    }

    pub(crate) fn user(number: usize) -> UserId {
        UserId::new(Uuid::from_u128(USERS | number as u128))
    }

    /// A row with its vector.
    pub(crate) fn memory(user: usize, row: usize) -> EmbeddedMemory {
        let text = format!("{} {}, {row}", VERBS[row % VERBS.len()], OBJECTS[row / 3 % OBJECTS.len()]);
        let at = Timestamp::from_millis(1_700_000_000_000 + i64::try_from(row).unwrap_or_default());
        let kind = if row.is_multiple_of(40) { MemoryKind::Instruction } else { MemoryKind::Fact };
        let memory = Memory {
            id: MemoryId::new(Uuid::from_u128(MEMORIES | row as u128)),
            kind,
            valid_from: at,
            created_at: at,
            updated_at: at,
            ..samples::memory(Self::user(user), &text)
        };
        EmbeddedMemory { memory, vector: vector(row as u64) }
    }
}

/// The vector of a row.
pub(crate) fn vector(row: u64) -> Vec<f32> {
    let subject = direction(mixed(row) % SUBJECTS);
    unit(subject.iter().zip(direction(SUBJECTS + row)).map(|(one, other)| one + SPREAD * other).collect())
}

/// A question about what a row says.
pub(crate) fn query(row: u64) -> Vec<f32> {
    unit(vector(row).iter().zip(direction(!row)).map(|(one, other)| one + DOUBT * other).collect())
}

/// Of length 1, the same for the same seed.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "32 bits of chance")]
fn direction(seed: u64) -> Vec<f32> {
    let part = |at: u64| mixed(mixed(seed).wrapping_add(at)) as i32 as f32;
    unit((0..DIMENSIONS as u64).map(part).collect())
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|part| *part /= length);
    vector
}

/// `SplitMix64`.
const fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
