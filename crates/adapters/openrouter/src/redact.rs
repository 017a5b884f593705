//! Keeps keys out of what a provider says before it reaches a log.

use palavra_domain::ApiKey;

/// How much of a message is kept, in characters.
const KEPT: usize = 500;

/// Takes a call's key out of texts.
#[derive(Clone, Copy)]
pub(crate) struct Redactor<'a>(Option<&'a ApiKey>);

impl<'a> Redactor<'a> {
    pub(crate) fn new(key: Option<&'a ApiKey>) -> Self {
        Self(key)
    }

    /// The text without the key, without anything that looks like one, without control characters, and not too long.
    pub(crate) fn clean(self, text: &str) -> String {
        let without = match self.0 {
            Some(key) => text.replace(key.expose(), "[key]"),
            None => text.to_owned(),
        };
        let mut result = String::with_capacity(without.len().min(4 * KEPT));
        let mut rest = without.as_str();
        while let Some(at) = rest.find("sk-") {
            result.push_str(&rest[..at]);
            let end = rest[at..].find(|c: char| !(c.is_ascii_alphanumeric() || "-_*.".contains(c)));
            let token = &rest[at..end.map_or(rest.len(), |end| at + end)];
            // A word such as "ask-me" goes on after its "sk-" as briefly as no key does.
            result.push_str(if token.len() > 8 { "[key]" } else { token });
            rest = &rest[at + token.len()..];
        }
        result.push_str(rest);
        result.chars().map(|c| if c.is_control() { ' ' } else { c }).take(KEPT).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_get_through() {
        let key = ApiKey::parse("canary-1".into()).unwrap();
        let clean = |text: &str| Redactor::new(Some(&key)).clean(text);
        assert_eq!(clean("bad key canary-1!\nx"), "bad key [key]! x");
        assert_eq!(clean("Incorrect: sk-or-v1-abc***xyz, and sk-ab"), "Incorrect: [key], and sk-ab");
        assert_eq!(clean(&"é".repeat(900)).chars().count(), 500);
        assert_eq!(Redactor::new(None).clean("sk-or-v1-0123456789"), "[key]");
    }
}
