//! What single lines look like: tables of how logs, code, mails and chats begin, and the looks that use them.

mod chats;
mod code;
mod letters;

pub(super) use chats::{is_protocol, speaker};
pub(super) use code::{code_signs, is_data, is_log, separators};
pub(super) use letters::{is_closing, is_forwarded, is_header, is_salutation, is_sender};

/// The first bytes of a line in lower case: what beginnings are compared with.
fn head(line: &str) -> String {
    line.chars().take(40).flat_map(char::to_lowercase).collect()
}

fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| text.starts_with(start))
}
