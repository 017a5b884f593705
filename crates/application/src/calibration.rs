//! What cosine similarities mean: each embedding model has its own scale.

use palavra_domain::{Embedding, SpaceTable};

/// Where the scale of an embedding model has its marks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// From here on a memory bears on a prompt.
    pub floor: f32,
    /// From here on two memories that share words may say the same in part.
    pub same: f32,
}

/// Parts of models' names, in lower case, and their marks. The first that fits counts. E5's are measured (docs/memory.md).
const MODELS: [(&str, Calibration); 6] = [
    ("e5", Calibration { floor: 0.78, same: 0.90 }),
    ("text-embedding-3", Calibration { floor: 0.30, same: 0.70 }),
    ("ada-002", Calibration { floor: 0.78, same: 0.90 }),
    ("minilm", Calibration { floor: 0.30, same: 0.70 }),
    ("bge", Calibration { floor: 0.55, same: 0.80 }),
    ("gemini-embedding", Calibration { floor: 0.60, same: 0.85 }),
];

impl Calibration {
    /// Of a model that is not known: cautious, so that little comes back that does not belong.
    pub const UNKNOWN: Self = Self { floor: 0.45, same: 0.80 };

    /// The marks of an embedding model, by its name.
    #[must_use]
    pub fn of(model: &str) -> Self {
        let model = model.to_lowercase();
        MODELS.iter().find(|(name, _)| model.contains(name)).map_or(Self::UNKNOWN, |(_, marks)| *marks)
    }

    /// The marks of a table: as whoever asked for it told, else those of its model.
    #[must_use]
    pub fn of_table(table: &SpaceTable) -> Self {
        let known = Self::of(&table.space.model);
        let told = |mark: fn(&Embedding) -> Option<f32>| table.embedding.as_ref().and_then(mark);
        Self {
            floor: told(|embedding| embedding.min_score).unwrap_or(known.floor),
            same: told(|embedding| embedding.same_score).unwrap_or(known.same),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_a_part_of_their_name() {
        assert_eq!(Calibration::of("openai/text-embedding-3-small").floor, 0.30);
        assert_eq!(Calibration::of("intfloat/Multilingual-E5-small").floor, 0.78);
        assert_eq!(Calibration::of("some/other"), Calibration::UNKNOWN);
        assert!(MODELS.iter().all(|(name, marks)| *name == name.to_lowercase() && marks.floor < marks.same));
    }
}
