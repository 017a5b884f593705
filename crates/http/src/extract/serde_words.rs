//! What serde says of a value that does not fit, in words for a client: never with the value, which may be a secret.

/// The field and what is asked of it, of a message of serde's about the value at `path`.
pub(super) fn in_words(path: &str, message: &str) -> (String, String) {
    let message = message.split(" at line ").next().unwrap_or_default();
    let nested = |name: &str| if path == "." || path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let quoted = |message: &str| message.split('`').nth(1).unwrap_or_default().to_owned();
    if message.starts_with("unknown field") {
        // serde_path_to_error names the unknown field itself in the path. The client chose the name: what does not look
        // like one may be a secret in the wrong place.
        let name = if path == "." { quoted(message) } else { path.to_owned() };
        let is_name = name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphabetic() || b"_.$".contains(&b));
        return match is_name {
            true => (name, "is not a field of this request".to_owned()),
            false => ("body".to_owned(), "has a field that this request does not have".to_owned()),
        };
    }
    if message.starts_with("missing field") {
        return (nested(&quoted(message)), "is required".to_owned());
    }
    if message.starts_with("duplicate field") {
        return (nested(&quoted(message)), "is there twice".to_owned());
    }
    let field = if path == "." { "body".to_owned() } else { path.to_owned() };
    let asked = match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("must be {}", plain(expected)),
        None => "does not have the right form".to_owned(),
    };
    (field, asked)
}

/// serde's words for types in everybody's.
fn plain(expected: &str) -> String {
    match expected {
        "a borrowed string" => "a string".to_owned(),
        "a boolean" => "true or false".to_owned(),
        other if other.starts_with("struct ") => "a JSON object".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_never_repeated() {
        let (field, message) =
            in_words("password", "invalid type: integer `12345678`, expected a string at line 1 column 9");
        assert_eq!((field.as_str(), message.as_str()), ("password", "must be a string"));
        let (field, message) = in_words("x", "odd: canary");
        assert_eq!((field.as_str(), message.as_str()), ("x", "does not have the right form"));
    }

    #[test]
    fn fields_are_named() {
        assert_eq!(in_words(".", "missing field `prompt` at line 1 column 2").0, "prompt");
        assert_eq!(in_words(".", "unknown field `user_id`, expected one of `a`, `b`").0, "user_id");
        assert_eq!(in_words(".", "invalid type: sequence, expected struct ChatRequest").1, "must be a JSON object");
    }
}
