//! Texts with limits. Lengths are in Unicode scalar values; U+0000 is refused everywhere, every other text is kept byte for byte.

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// A value that does not keep to its rules; the message says what would.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} {message}")]
pub struct InvalidValue {
    /// The field as the API names it.
    pub field: &'static str,
    /// What is asked of it, to be read after the field's name. Never holds the value.
    pub message: String,
}

impl InvalidValue {
    /// A refusal of `field`.
    #[must_use]
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// Checks a length and the absence of U+0000; the rule that all texts share.
pub(crate) fn check(field: &'static str, text: &str, min: usize, max: usize) -> Result<(), InvalidValue> {
    if text.contains('\0') {
        return Err(InvalidValue::new(field, "must not contain U+0000"));
    }
    // Bytes bound characters from above, so most texts need no count.
    let too_long = text.len() > max && text.chars().count() > max;
    if too_long || text.chars().take(min).count() < min {
        return Err(InvalidValue::new(field, format!("must have {min} to {max} characters")));
    }
    Ok(())
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $field:literal, $min:literal..=$max:literal $(, $rule:expr)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is, if it keeps to the rules of the type.
            ///
            /// # Errors
            /// When it is too short, too long, or has a character that is refused.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidValue> {
                let text = text.into();
                check($field, &text, $min, $max)?;
                $( let rule: fn(&str) -> Result<(), &'static str> = $rule;
                   rule(&text).map_err(|message| InvalidValue::new($field, message))?; )?
                Ok(Self(text))
            }

            text!(@common $name);
        }
        text!(@display $name);
    };
    (@common $name:ident) => {
        /// The text itself.
        #[must_use]
        pub fn as_str(&self) -> &str {
            &self.0
        }

        /// Gives the text away.
        #[must_use]
        pub fn into_string(self) -> String {
            self.0
        }
    };
    (@display $name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn not_blank(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() { Err("must not be blank") } else { Ok(()) }
}

text!(
    /// The name a user logs in with: 3–32 of `[A-Za-z0-9._-]`, unique ignoring case.
    Username, "username", 3..=32, |text| {
        let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if fits { Ok(()) } else { Err("must have only letters A to Z, digits, dots, underscores and hyphens") }
    }
);
text!(
    /// The name a user is shown by: 1–100 characters.
    DisplayName, "display_name", 1..=100, not_blank
);
text!(
    /// A model as OpenRouter names it, such as `vendor/model`: 1–200 characters without spaces or control characters.
    ModelId, "model", 1..=200, |text| {
        let odd = text.chars().any(|c| c.is_whitespace() || c.is_control());
        if odd { Err("must be a model's id, such as vendor/model") } else { Ok(()) }
    }
);
text!(
    /// The title of a chat: 1–200 characters.
    ChatTitle, "title", 1..=200, not_blank
);
text!(
    /// What a memory says: 1–1000 characters.
    MemoryText, "text", 1..=1000, not_blank
);

impl Username {
    /// What makes two names the same: the name in lower case.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl ChatTitle {
    /// A title for a chat that was given none: the prompt's first line with anything in it, cut at 60 characters.
    #[must_use]
    pub fn from_prompt(prompt: &Prompt) -> Self {
        let line = prompt.0.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("…");
        let mut title: String = line.chars().take(60).collect();
        if line.chars().nth(60).is_some() {
            title.push('…');
        }
        Self(title)
    }
}

impl MemoryText {
    /// The text as it is compared: compatibility-composed, lower case, single spaces, no closing full stop.
    #[must_use]
    pub fn normalised(&self) -> String {
        use unicode_normalization::UnicodeNormalization;
        let folded: String = self.0.nfkc().flat_map(char::to_lowercase).collect();
        let words: Vec<&str> = folded.split_whitespace().collect();
        words.join(" ").trim_end_matches('.').to_owned()
    }

    /// The hash of the text as it is compared.
    #[must_use]
    pub fn hash(&self) -> TextHash {
        TextHash(Sha256::digest(self.normalised().as_bytes()).into())
    }
}

/// The SHA-256 of a memory's text, as texts are compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextHash(pub [u8; 32]);

impl fmt::Display for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextHash({self})")
    }
}

impl FromStr for TextHash {
    type Err = InvalidValue;

    /// Reads 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new("text_hash", "must be 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(invalid());
        }
        let mut hash = [0; 32];
        for (index, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for TextHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a user asks: at least one character that is not white space, at most as many as the deployment allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Prompt(String);

impl Prompt {
    /// Takes the text as it is, if it has 1 to `max` characters.
    ///
    /// # Errors
    /// When it is blank, too long, or has U+0000.
    pub fn parse(text: impl Into<String>, max: usize) -> Result<Self, InvalidValue> {
        let text = text.into();
        check("prompt", &text, 1, max)?;
        not_blank(&text).map_err(|message| InvalidValue::new("prompt", message))?;
        Ok(Self(text))
    }

    /// Takes back a prompt that was accepted before, whatever the limits are now.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    text!(@common Prompt);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_ascii_and_fold() {
        assert_eq!(Username::parse("Ana.Maria").unwrap().folded(), "ana.maria");
        for bad in ["ab", "joão", "a b c", "", "x\0yz", &"a".repeat(33)] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        assert!(DisplayName::parse("é".repeat(100)).is_ok());
        assert!(DisplayName::parse("é".repeat(101)).is_err());
        assert!(DisplayName::parse(" ").is_err());
        assert!(Prompt::parse("日本", 2).is_ok());
        assert!(Prompt::parse("日本語", 2).is_err());
        assert!(Prompt::parse("\n\t ", 10).is_err());
    }

    #[test]
    fn titles_come_from_the_first_line_that_says_something() {
        let title = |text: &str| ChatTitle::from_prompt(&Prompt::parse(text, 1000).unwrap()).into_string();
        assert_eq!(title("\n  Olá, mundo \nmais"), "Olá, mundo");
        assert_eq!(title(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn memories_compare_without_case_space_or_full_stop() {
        let same = |text: &str| MemoryText::parse(text).unwrap().normalised();
        assert_eq!(same("Mora  em Recife."), same("mora em\u{a0}recife"));
        assert_ne!(same("Mora em Recife"), same("Mora em Olinda"));
    }
}
