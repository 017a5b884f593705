//! An embedder that knows words and no meanings.

use super::{Mood, digest::digest, mood::consult};
use crate::locked::locked;
use async_trait::async_trait;
use palavra_domain::{ApiKey, EmbedAs, EmbeddingSpace, Embeddings, ModelError, Usage, Usd, ports::Embedder};
use std::sync::Mutex;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// One call that was made.
#[derive(Clone, Debug)]
pub struct EmbedCall {
    /// The key it came with.
    pub key: Option<ApiKey>,
    /// What was to be embedded.
    pub texts: Vec<String>,
    /// For which side.
    pub side: EmbedAs,
}

/// Texts with the same words, whatever their order, case and accents, have the same vector; the more words two texts share,
/// the nearer they are. All vectors have length 1. With 64 dimensions or more, texts that share nothing are near 0.
///
/// A call uses one token a word, and costs nothing.
pub struct WordEmbedder {
    space: EmbeddingSpace,
    needs_user_key: bool,
    mood: Mutex<Mood>,
    calls: Mutex<Vec<EmbedCall>>,
}

impl WordEmbedder {
    /// An embedder of the space `words` with so many dimensions, at least 1, that needs no key.
    #[must_use]
    pub fn new(dimensions: usize) -> Self {
        Self {
            space: EmbeddingSpace { model: "words".into(), dimensions: dimensions.max(1) },
            needs_user_key: false,
            mood: Mutex::new(Mood::Works),
            calls: Mutex::default(),
        }
    }

    /// The same, but it needs the user's key.
    #[must_use]
    pub fn needing_user_key(self) -> Self {
        Self { needs_user_key: true, ..self }
    }

    /// What happens from now on.
    pub fn set_mood(&self, mood: Mood) {
        *locked(&self.mood) = mood;
    }

    /// All calls so far, those that failed included, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<EmbedCall> {
        locked(&self.calls).clone()
    }

    /// The vector of a text, without a call.
    #[must_use]
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; self.space.dimensions];
        for word in words(text) {
            add(&mut vector, &word);
        }
        // Words may cancel each other out, and a text may have none.
        if vector.iter().all(|part| *part == 0.0) {
            add(&mut vector, text);
        }
        let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|part| *part /= length);
        vector
    }
}

/// The words of a text in lower case and without accents.
fn words(text: &str) -> Vec<String> {
    let plain: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Adds a word, in either direction of one dimension.
fn add(vector: &mut [f32], word: &str) {
    let hash = digest(0, word.as_bytes());
    let count = vector.len() as u64;
    let index = usize::try_from((hash >> 1) % count).unwrap_or(0);
    if let Some(part) = vector.get_mut(index) {
        *part += if hash & 1 == 0 { 1.0 } else { -1.0 };
    }
}

#[async_trait]
impl Embedder for WordEmbedder {
    fn space(&self) -> &EmbeddingSpace {
        &self.space
    }

    fn needs_user_key(&self) -> bool {
        self.needs_user_key
    }

    async fn embed(&self, key: Option<&ApiKey>, texts: &[String], side: EmbedAs) -> Result<Embeddings, ModelError> {
        locked(&self.calls).push(EmbedCall { key: key.cloned(), texts: texts.to_vec(), side });
        if self.needs_user_key && key.is_none() {
            return Err(ModelError::Credentials);
        }
        consult(&self.mood).await?;
        let tokens = texts.iter().map(|text| words(text).len() as u64).sum();
        let usage = Usage {
            prompt_tokens: Some(tokens),
            completion_tokens: None,
            total_tokens: Some(tokens),
            cost: Some(Usd::ZERO),
        };
        Ok(Embeddings { vectors: texts.iter().map(|text| self.vector(text)).collect(), usage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn likeness(embedder: &WordEmbedder, one: &str, other: &str) -> f32 {
        embedder.vector(one).iter().zip(embedder.vector(other)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_that_share_words_are_near() {
        let embedder = WordEmbedder::new(256);
        let sum = |a, b| likeness(&embedder, a, b);
        assert!(sum("Gosto de açaí!", "ACAI, gosto de") > 0.999);
        let (near, far) = (sum("onde eu moro", "eu moro em Recife"), sum("onde eu moro", "talk to me formally"));
        assert!(near > 0.4 && far.abs() < 0.3, "{near} {far}");
        assert!(sum("😀", "😀") > 0.999);
        for dimensions in [0, 1, 4, 64] {
            let embedder = WordEmbedder::new(dimensions);
            for text in ["", "…", "one two three four five six", "é"] {
                let length: f32 = embedder.vector(text).iter().map(|part| part * part).sum();
                assert!((length - 1.0).abs() < 1e-5, "{text:?} has {length}");
            }
        }
    }

    #[tokio::test]
    async fn calls_are_noted_and_may_fail() {
        let embedder = WordEmbedder::new(8).needing_user_key();
        let texts = ["uma palavra".to_owned(), "duas".to_owned()];
        assert!(matches!(embedder.embed(None, &texts, EmbedAs::Query).await, Err(ModelError::Credentials)));
        let key = ApiKey::parse("sk-or-test".into()).unwrap();
        let embedded = embedder.embed(Some(&key), &texts, EmbedAs::Passage).await.unwrap();
        assert_eq!((embedded.vectors.len(), embedded.usage.total_tokens), (2, Some(3)));
        embedder.set_mood(Mood::Hangs);
        assert!(embedder.embed(Some(&key), &texts, EmbedAs::Query).now_or_never().is_none());
        assert_eq!(embedder.calls().len(), 3);
        assert_eq!(embedder.calls()[1].key.as_ref().unwrap().expose(), "sk-or-test");
    }
}
