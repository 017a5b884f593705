//! How long it takes to index and to search 200 memories of 384 dimensions: medians, of a release build.
//!
//! `cargo run --release -p palavra-domain --example recall_speed`

use palavra_domain::{
    EmbeddedMemory, InvalidValue, Memory, MemoryId, MemoryKind, MemoryOrigin, MemoryState, MemoryText, Timestamp,
    UserId,
    recall::{MemoryIndex, Mode, Rules, Sought},
};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use uuid::Uuid;

const MEMORIES: u32 = 200;
const DIMENSIONS: u32 = 384;
const SUBJECTS: [&str; 8] =
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
const PROMPTS: [(&str, &str); 2] = [
    ("a prompt of 12 words", "Que presente eu dou para a Beatriz no aniversário de sete anos?"),
    (
        "a prompt of 60 words",
        "I'm putting together a plan for the next three months: practising the violin before the orchestra's concert, \
         finishing the migration of our database to the new cluster at the bank, and hiking on weekends whenever the \
         weather allows it. How would you split the week so that none of them suffers, given my night shifts and the kids?",
    ),
];

#[allow(clippy::print_stdout, reason = "the figures are what whoever runs it waits for")]
fn main() -> Result<(), InvalidValue> {
    let memories = (0..MEMORIES).map(memory).collect::<Result<Vec<_>, _>>()?;
    let built = median(50, || MemoryIndex::new(memories.clone()).len());
    let index = MemoryIndex::new(memories);
    println!("index of {MEMORIES} memories: {built:?}, {} KiB", index.bytes() / 1024);
    let vector = vector(7);
    println!("nearest 8 by vector: {:?}", median(2_000, || index.nearest(&vector, 8, 0.05).len()));
    for (name, text) in PROMPTS {
        let sought = Sought { text, vector: Some(&vector), now: Timestamp::MAX };
        for mode in [Mode::Text, Mode::Hybrid] {
            let rules = Rules { mode, ..Rules::new(0.05, 8, 1_000) };
            println!("{name}, {mode:?}: {:?}", median(2_000, || index.search(&sought, &rules).len()));
        }
    }
    Ok(())
}

fn memory(number: u32) -> Result<EmbeddedMemory, InvalidValue> {
    let pick = |of: usize| number as usize % of;
    let text = format!("{} {}, {number}", SUBJECTS[pick(SUBJECTS.len())], OBJECTS[pick(OBJECTS.len())]);
    let at = Timestamp::from_millis(i64::from(number) * 86_400_000);
    let memory = Memory {
        id: MemoryId::new(Uuid::from_u128(number.into())),
        user_id: UserId::new(Uuid::nil()),
        revision: 1,
        text: MemoryText::parse(text)?,
        kind: if number.is_multiple_of(40) { MemoryKind::Instruction } else { MemoryKind::Fact },
        origin: MemoryOrigin::User,
        source: None,
        state: MemoryState::Active,
        valid_from: at,
        valid_to: None,
        superseded_by: None,
        created_at: at,
        updated_at: at,
    };
    Ok(EmbeddedMemory { memory, vector: vector(number) })
}

/// Parts between −1 and 1 that follow from the seed.
fn vector(seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..DIMENSIONS).map(|_| next()).collect()
}

fn median(times: usize, mut run: impl FnMut() -> usize) -> Duration {
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[times / 2]
}
