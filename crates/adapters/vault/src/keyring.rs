//! Keys from settings.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use palavra_domain::VaultError;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString, zeroize::Zeroizing};
use std::fmt;
use thiserror::Error;

/// The shortest key that is accepted, in bytes.
const MIN_BYTES: usize = 32;
/// The longest id that is accepted, in characters.
const MAX_ID: usize = 32;
/// Random keys of 32 bytes have about 30 different ones; fewer than this is never chance.
const MIN_DISTINCT: usize = 12;
/// How many bytes have to repeat before a key counts as periodic: fewer could be chance.
const REPEATED: usize = 8;

/// Words that stand in keys nobody meant to keep. Only looked for in keys that are text from end to end.
const EXAMPLE_WORDS: [&str; 10] = [
    "changeme",
    "change-me",
    "change_me",
    "change me",
    "secret",
    "example",
    "password",
    "placeholder",
    "insecure",
    "test",
];

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Named keys of one purpose. The first makes what is new, all accept what is old; so a key is changed by putting a new
/// one in front, and taking the old one away once nothing needs it.
pub struct KeyRing {
    first: Key,
    older: Vec<Key>,
}

/// One key and its name.
pub(crate) struct Key {
    /// 1–32 of `[A-Za-z0-9_-]`.
    pub(crate) id: String,
    /// At least 32 bytes.
    pub(crate) secret: SecretSlice<u8>,
}

/// Why settings text is no key ring. Never shows any of the text, whose parts may have changed places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "{setting}: {problem}. Write it as id:base64,id:base64 (the first is used, all are accepted), and make a key with: openssl rand -base64 32"
)]
pub struct KeyRingError {
    /// The setting, such as `security.jwt_keys`.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: KeyProblem,
}

/// What is wrong with a list of keys. Entries count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyProblem {
    /// There is no key at all.
    #[error("there is no key in it")]
    Empty,
    /// An entry is not `id:base64`.
    #[error("entry {entry} has no id and colon before its key")]
    NoId {
        /// Which.
        entry: usize,
    },
    /// An id has other characters than it may, or too many.
    #[error("the id of entry {entry} is not 1 to 32 letters, digits, hyphens and underscores")]
    BadId {
        /// Which.
        entry: usize,
    },
    /// Two keys have one id.
    #[error("entries {first} and {entry} have the same id")]
    DuplicateId {
        /// The earlier.
        first: usize,
        /// The later.
        entry: usize,
    },
    /// A key is not base64.
    #[error("the key of entry {entry} is not base64")]
    NotBase64 {
        /// Which.
        entry: usize,
    },
    /// A key has too few bytes.
    #[error("the key of entry {entry} has {bytes} bytes, and at least 32 are needed")]
    TooShort {
        /// Which.
        entry: usize,
        /// How many it has.
        bytes: usize,
    },
    /// A key is an example or a pattern that anybody could guess.
    #[error("the key of entry {entry} is a known example or a pattern, not a random key")]
    Guessable {
        /// Which.
        entry: usize,
    },
}

impl KeyRing {
    /// Reads `id:base64,id2:base64`; spaces around entries are ignored. `setting` is named in errors.
    ///
    /// # Errors
    /// When there is no key, an id or a key has not the right form, two ids are the same, or a key has fewer than 32 bytes
    /// or could be guessed.
    pub fn parse(setting: &'static str, text: &SecretString) -> Result<Self, KeyRingError> {
        Self::read(text.expose_secret()).map_err(|problem| KeyRingError { setting, problem })
    }

    fn read(text: &str) -> Result<Self, KeyProblem> {
        if text.trim().is_empty() {
            return Err(KeyProblem::Empty);
        }
        let mut keys: Vec<Key> = Vec::new();
        for (index, text) in text.split(',').enumerate() {
            let entry = index + 1;
            let (id, encoded) = text.trim().split_once(':').ok_or(KeyProblem::NoId { entry })?;
            if !is_id(id) {
                return Err(KeyProblem::BadId { entry });
            }
            if let Some(first) = keys.iter().position(|key| key.id == id) {
                return Err(KeyProblem::DuplicateId { first: first + 1, entry });
            }
            let secret = BASE64.decode(encoded).map(Zeroizing::new).map_err(|_| KeyProblem::NotBase64 { entry })?;
            if secret.len() < MIN_BYTES {
                return Err(KeyProblem::TooShort { entry, bytes: secret.len() });
            }
            if is_guessable(&secret) {
                return Err(KeyProblem::Guessable { entry });
            }
            keys.push(Key { id: id.to_owned(), secret: secret.to_vec().into() });
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyProblem::Empty)?;
        Ok(Self { first, older: keys.collect() })
    }

    /// A ring with one new random key of 32 bytes. Characters that an id may not have become hyphens.
    ///
    /// # Errors
    /// `Failed` when the operating system gives no randomness.
    pub fn generate(id: &str) -> Result<Self, VaultError> {
        let mut secret = Zeroizing::new([0; MIN_BYTES]);
        getrandom::fill(&mut *secret).map_err(|error| VaultError::Failed { source: error.into() })?;
        let mut id: String = id.chars().take(MAX_ID).map(|c| if is_id_char(c) { c } else { '-' }).collect();
        if id.is_empty() {
            id.push('1');
        }
        Ok(Self { first: Key { id, secret: secret.to_vec().into() }, older: Vec::new() })
    }

    /// The ring as settings text, which [`KeyRing::parse`] reads back.
    #[must_use]
    pub fn to_settings(&self) -> SecretString {
        let mut text = Zeroizing::new(String::new());
        for key in self.keys() {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&key.id);
            text.push(':');
            BASE64.encode_string(key.secret.expose_secret(), &mut text);
        }
        text.as_str().into()
    }

    /// The key for what is new.
    /// Whether every key of `other` is among these, under its id.
    #[must_use]
    pub fn has_all_of(&self, other: &Self) -> bool {
        other
            .keys()
            .all(|key| self.find(&key.id).is_some_and(|own| own.secret.expose_secret() == key.secret.expose_secret()))
    }

    pub(crate) fn first(&self) -> &Key {
        &self.first
    }

    /// All keys, the first first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.older)
    }

    /// The key of this name.
    pub(crate) fn find(&self, id: &str) -> Option<&Key> {
        self.keys().find(|key| key.id == id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().map(|key| &key.id)).finish()
    }
}

fn is_id_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Whether this is a key's name: 1–32 of `[A-Za-z0-9_-]`.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID && id.chars().all(is_id_char)
}

/// Whether a key is one that people write in examples, or a pattern. No random key is, but for less than one in 2^50.
fn is_guessable(key: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in key {
        seen[usize::from(*byte)] = true;
    }
    let few = seen.iter().filter(|seen| **seen).count() < MIN_DISTINCT;
    let even_steps = key.windows(3).all(|w| w[1].wrapping_sub(w[0]) == w[2].wrapping_sub(w[1]));
    let periodic = (1..=key.len().saturating_sub(REPEATED)).any(|period| key.iter().eq_shifted(period));
    few || even_steps || periodic || has_example_word(key)
}

fn has_example_word(key: &[u8]) -> bool {
    match std::str::from_utf8(key) {
        Ok(text) if !text.chars().any(char::is_control) => {
            let text = Zeroizing::new(text.to_ascii_lowercase());
            EXAMPLE_WORDS.iter().any(|word| text.contains(word))
        }
        Ok(_) | Err(_) => false,
    }
}

trait EqShifted {
    /// Whether the sequence is the same from its start as from `by` places on.
    fn eq_shifted(self, by: usize) -> bool;
}

impl EqShifted for std::slice::Iter<'_, u8> {
    fn eq_shifted(self, by: usize) -> bool {
        let shifted = self.clone().skip(by);
        shifted.zip(self).all(|(later, earlier)| later == earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "0aVuhvsmKrBDKhZWAjYmDZQgKXC7hfBi6Lq2Yx1h1rM=";

    fn problem(text: &str) -> KeyProblem {
        KeyRing::read(text).map(|_| ()).unwrap_err()
    }

    #[test]
    fn reads_what_it_writes() {
        let text = format!(" k1:{GOOD} , older_2:{}", BASE64.encode(b"q8#Lw0!zN7vR2%yT5^uI9&oP3*aS6(dF1)gH4"));
        let ring = KeyRing::parse("s", &text.as_str().into()).unwrap();
        assert_eq!(ring.keys().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["k1", "older_2"]);
        let again = KeyRing::parse("s", &ring.to_settings()).unwrap();
        assert_eq!(again.to_settings().expose_secret(), ring.to_settings().expose_secret());
        assert_eq!(again.find("older_2").unwrap().secret.expose_secret().len(), 37);
        assert!(again.find("k3").is_none());
    }

    #[test]
    fn generated_keys_are_good_and_differ() {
        let ring = KeyRing::generate("2026-11").unwrap();
        assert_eq!(KeyRing::parse("s", &ring.to_settings()).unwrap().first().id, "2026-11");
        let other = KeyRing::generate("2026-11").unwrap();
        assert_ne!(ring.to_settings().expose_secret(), other.to_settings().expose_secret());
        assert_eq!(KeyRing::generate("ação:1").unwrap().first().id, "a--o-1");
        assert_eq!(KeyRing::generate("").unwrap().first().id, "1");
        for _ in 0..10_000 {
            let key = KeyRing::generate("k").unwrap();
            assert!(!is_guessable(key.first().secret.expose_secret()));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(problem(""), KeyProblem::Empty);
        assert_eq!(problem(" \n"), KeyProblem::Empty);
        assert_eq!(problem(GOOD), KeyProblem::NoId { entry: 1 });
        assert_eq!(problem(&format!("a:{GOOD},")), KeyProblem::NoId { entry: 2 });
        for id in ["", "a b", "é", &"x".repeat(33), GOOD] {
            assert_eq!(problem(&format!("{id}:{GOOD}")), KeyProblem::BadId { entry: 1 }, "{id}");
        }
        assert_eq!(problem(&format!("a:{GOOD},b:{GOOD},a:{GOOD}")), KeyProblem::DuplicateId { first: 1, entry: 3 });
        for key in ["", "AAAA", &BASE64.encode([1; 31])] {
            assert!(matches!(problem(&format!("a:{key}")), KeyProblem::TooShort { entry: 1, .. }), "{key}");
        }
        for key in ["%%%", "0aVuhvsmKrBDKhZWAjYmDZQgKXC7hfBi6Lq2Yx1h1r_=", "0aVu hvsm"] {
            assert_eq!(problem(&format!("a:{key}")), KeyProblem::NotBase64 { entry: 1 }, "{key}");
        }
    }

    #[test]
    fn refuses_examples_and_patterns() {
        let count_up: Vec<u8> = (0..32).collect();
        let count_down: Vec<u8> = (1..=40).rev().collect();
        let mut patterns = vec![vec![0; 32], vec![255; 48], vec![b'x'; 33], count_up, count_down];
        for text in ["changeme", "secret", "example", "password", "0123456789abcdef", "abcdefghijklmnopqrstuvwx"] {
            patterns.push(text.bytes().cycle().take(32).collect());
        }
        patterns.push(b"please-CHANGEME-before-production!".to_vec());
        patterns.push(b"my very own and special secret, 42".to_vec());
        for pattern in patterns {
            let text = format!("a:{}", BASE64.encode(&pattern));
            assert_eq!(problem(&text), KeyProblem::Guessable { entry: 1 }, "{pattern:?}");
        }
        // Examples that are base64 as they stand, and the one in our documentation.
        for text in [
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "changemechangemechangemechangemechangemechangeme",
            "examplee".repeat(6).as_str(),
            "secretsecretsecretsecretsecretsecretsecretsecret",
        ] {
            assert_eq!(problem(&format!("a:{GOOD},b:{text}").replace(",b", ",b")), KeyProblem::Guessable { entry: 2 });
        }
    }

    #[test]
    fn a_ring_has_the_keys_of_another_under_their_ids() {
        let (one, two) = (KeyRing::generate("k1").unwrap(), KeyRing::generate("k2").unwrap());
        let text = |rings: &[&KeyRing]| -> SecretString {
            rings.iter().map(|ring| ring.to_settings().expose_secret().to_owned()).collect::<Vec<_>>().join(",").into()
        };
        let both = KeyRing::parse("test", &text(&[&two, &one])).unwrap();
        assert!(both.has_all_of(&one) && both.has_all_of(&two) && both.has_all_of(&both));
        assert!(!one.has_all_of(&both));
        assert!(!one.has_all_of(&KeyRing::generate("k1").unwrap()), "another key of the same name");
    }

    #[test]
    fn errors_give_the_command_and_never_the_value() {
        let setting = "security.jwt_keys";
        for text in [format!("{GOOD}:k1"), GOOD.to_owned(), format!("k1:{}", &GOOD[..20]), "canary:canary!".to_owned()]
        {
            let error = KeyRing::parse(setting, &text.as_str().into()).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("openssl rand -base64 32") && shown.contains(setting), "{shown}");
            assert!(!shown.contains(&GOOD[..8]) && !shown.contains("canary"), "{shown}");
        }
        let ring = KeyRing::parse(setting, &format!("k1:{GOOD}").as_str().into()).unwrap();
        assert_eq!(format!("{ring:?}"), r#"["k1"]"#);
    }
}
