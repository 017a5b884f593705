//! Memories to test with.

use crate::{
    ChatId, EmbeddedMemory, Memory, MemoryId, MemoryKind, MemoryOrigin, MemorySource, MemoryState, MemoryText,
    Timestamp, TurnId, UserId,
};
use std::time::Duration;
use uuid::Uuid;

pub(super) const NOW: Timestamp = Timestamp::MAX;
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The `number`-th memory of one user, made and last changed `days` before [`NOW`].
pub(super) fn memory(number: u128, kind: MemoryKind, text: &str, days: u32) -> Memory {
    let at = NOW.minus(DAY * days);
    let (chat, turn) = (ChatId::new(Uuid::from_u128(1)), TurnId::new(Uuid::from_u128(number)));
    Memory {
        id: MemoryId::new(Uuid::from_u128(number)),
        user_id: UserId::new(Uuid::from_u128(1)),
        revision: 1,
        text: MemoryText::parse(text).unwrap(),
        kind,
        origin: MemoryOrigin::Extracted,
        source: Some(MemorySource { chat, turn, span: None }),
        state: MemoryState::Active,
        valid_from: at,
        valid_to: None,
        superseded_by: None,
        created_at: at,
        updated_at: at,
    }
}

/// Facts of the same age, numbered from 1, with vectors.
pub(super) fn facts(texts: &[(&str, &[f32])]) -> Vec<EmbeddedMemory> {
    let numbered = (1..).zip(texts);
    let fact = |(number, (text, vector)): (u128, &(&str, &[f32]))| EmbeddedMemory {
        memory: memory(number, MemoryKind::Fact, text, 0),
        vector: vector.to_vec(),
    };
    numbered.map(fact).collect()
}
