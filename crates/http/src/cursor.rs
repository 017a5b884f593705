//! Cursors as clients see them: opaque words.

use crate::problem::Problem;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use palavra_domain::{ChatId, MemoryCursor, MemoryId, Timestamp};
use uuid::Uuid;

/// Something a list can go on from.
pub(crate) trait Cursor: Sized {
    /// Its bytes, which begin with a letter of its own, so that a cursor of another list is recognised.
    fn bytes(&self) -> Vec<u8>;
    /// Reads the bytes back.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// The word for a cursor.
pub(crate) fn encode(cursor: &impl Cursor) -> String {
    URL_SAFE_NO_PAD.encode(cursor.bytes())
}

/// The cursor of a word that came as the parameter `cursor`; an empty one is none.
pub(crate) fn decode<C: Cursor>(word: Option<&str>) -> Result<Option<C>, Problem> {
    let Some(word) = word.filter(|word| !word.is_empty()) else {
        return Ok(None);
    };
    let bytes = URL_SAFE_NO_PAD.decode(word).ok();
    match bytes.as_deref().and_then(C::from_bytes) {
        Some(cursor) => Ok(Some(cursor)),
        None => Err(Problem::parameter("cursor", "must be a next_cursor of this list")),
    }
}

impl Cursor for u32 {
    fn bytes(&self) -> Vec<u8> {
        [b"t".as_slice(), &self.to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_be_bytes(bytes.strip_prefix(b"t")?.try_into().ok()?))
    }
}

impl Cursor for ChatId {
    fn bytes(&self) -> Vec<u8> {
        [b"c".as_slice(), self.uuid().as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(Uuid::from_slice(bytes.strip_prefix(b"c")?).ok()?))
    }
}

impl Cursor for MemoryCursor {
    fn bytes(&self) -> Vec<u8> {
        [b"m".as_slice(), &self.created_at.as_millis().to_be_bytes(), self.id.uuid().as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (millis, id) = bytes.strip_prefix(b"m")?.split_at_checked(8)?;
        Some(Self {
            created_at: Timestamp::from_millis(i64::from_be_bytes(millis.try_into().ok()?)),
            id: MemoryId::new(Uuid::from_slice(id).ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_are_not_taken_for_each_other() {
        let memory = MemoryCursor {
            created_at: Timestamp::from_millis(1_700_000_000_123),
            id: MemoryId::new(Uuid::from_u128(7)),
        };
        assert_eq!(decode(Some(&encode(&memory))).unwrap(), Some(memory));
        assert_eq!(decode(Some(&encode(&9_u32))).unwrap(), Some(9_u32));
        assert_eq!(decode::<u32>(Some("")).unwrap(), None);
        for word in [encode(&memory), "~".into(), "dA".into(), "é".into()] {
            assert!(decode::<u32>(Some(&word)).is_err(), "{word}");
            assert!(decode::<ChatId>(Some(&word)).is_err(), "{word}");
        }
    }
}
