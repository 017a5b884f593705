//! Embeddings that rank texts by the words they share.

use crate::{
    synonyms::meaning,
    words::{fold, is_stop, stem, words},
};

/// How many places of the vector a word moves: few enough to be quick, enough that two words seldom look alike.
const PLACES: u64 = 4;

/// The vector of a text: unit length, always the same. Texts are near when they share words that are no stop words,
/// whatever their case, accents or endings, and a few dozen everyday words are the same in Portuguese and English.
///
/// `dimensions` must be at least 1; an empty vector otherwise.
#[must_use]
pub fn embedding(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    if dimensions == 0 {
        return vector;
    }
    let folded = fold(text);
    let mut any = false;
    for word in words(&folded).filter(|word| !is_stop(word)) {
        any = true;
        let stem = stem(word);
        match meaning(&stem) {
            Some(meaning) => add(&mut vector, format!("\u{1}{meaning}").as_bytes()),
            None => add(&mut vector, stem.as_bytes()),
        }
    }
    if !any {
        // Nothing but stop words (or none at all): the text as it is, so that it is at least like itself.
        add(&mut vector, folded.as_bytes());
    }
    let mut length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length == 0.0 {
        // In very few dimensions the places can cancel out.
        vector[0] = 1.0;
        length = 1.0;
    }
    for x in &mut vector {
        *x /= length;
    }
    vector
}

fn add(vector: &mut [f32], word: &[u8]) {
    let length = vector.len() as u64;
    for place in 0..PLACES {
        let hash = hash(word, place);
        // The modulus keeps it within a usize.
        let at = usize::try_from(hash % length).unwrap_or(0);
        vector[at] += if hash >> 63 == 0 { 1.0 } else { -1.0 };
    }
}

/// FNV-1a with a finisher: the same on every machine and in every version.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut hash = bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(a: &str, b: &str) -> f32 {
        embedding(a, 1536).iter().zip(embedding(b, 1536)).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn vectors_have_unit_length_and_are_always_the_same() {
        for text in ["", "o que é isso", "Moro em Recife", "日本語", "a"] {
            for dimensions in [1, 3, 384, 1536] {
                let vector = embedding(text, dimensions);
                assert_eq!(vector.len(), dimensions);
                let length: f32 = vector.iter().map(|x| x * x).sum();
                assert!((length - 1.0).abs() < 1e-4, "{text:?} {dimensions} {length}");
                assert_eq!(vector, embedding(text, dimensions));
            }
        }
    }

    #[test]
    fn shared_words_rank_in_and_across_languages() {
        let memories =
            ["Moro em Recife", "Prefiro respostas formais", "I have two dogs", "Sou desenvolvedor de software"];
        for (question, nearest) in [
            ("Onde eu moro?", 0),
            ("Where do I live?", 0),
            ("Que tipo de RESPOSTA eu prefiro?", 1),
            ("Do I prefer formal answers?", 1),
            ("Quantos cachorros eu tenho?", 2),
            ("Am I a developer?", 3),
        ] {
            let scores: Vec<f32> = memories.iter().map(|memory| likeness(question, memory)).collect();
            let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(at, _)| at);
            assert_eq!(best, Some(nearest), "{question}: {scores:?}");
            assert!(scores[nearest] > 0.4, "{question}: {scores:?}");
        }
        assert!(likeness("Qual é a capital da França?", "Moro em Recife").abs() < 0.3);
    }
}
