//! Looks for secrets in what was written, in the clear and encoded.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use std::collections::HashMap;

/// The bytes that a needle is found by before it is compared.
const PREFIX: usize = 8;

/// Secrets in every form they are looked for in.
#[derive(Default)]
pub(crate) struct Needles {
    by_prefix: HashMap<[u8; PREFIX], Vec<(String, Vec<u8>)>>,
}

impl Needles {
    /// Looks for a secret: its bytes, their hexadecimal digits in both cases, and their base64 in both alphabets wherever
    /// it begins in what was encoded.
    pub(crate) fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 12, "{name} is too short to be told from chance");
        self.form(format!("{name}, in the clear"), secret.to_vec());
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        self.form(format!("{name}, in upper hex"), hex.to_uppercase().into_bytes());
        self.form(format!("{name}, in hex"), hex.into_bytes());
        for (alphabet, engine) in [("base64", &STANDARD_NO_PAD), ("URL base64", &URL_SAFE_NO_PAD)] {
            for offset in 0..3 {
                let shifted = [&vec![0; offset], secret].concat();
                let encoded = engine.encode(&shifted);
                // The digits at both ends hold bits of neighbours too.
                let first = (offset * 8).div_ceil(6);
                let last = shifted.len() * 8 / 6;
                self.form(format!("{name}, in {alphabet}"), encoded.as_bytes()[first..last].to_vec());
            }
        }
    }

    fn form(&mut self, name: String, bytes: Vec<u8>) {
        if let Some(prefix) = bytes.first_chunk::<PREFIX>() {
            self.by_prefix.entry(*prefix).or_default().push((name, bytes));
        }
    }

    /// The secrets that are in there.
    pub(crate) fn found_in(&self, hay: &[u8]) -> Vec<&str> {
        let mut found = Vec::new();
        for at in 0..hay.len() {
            let candidates = hay[at..].first_chunk::<PREFIX>().and_then(|prefix| self.by_prefix.get(prefix));
            for (name, bytes) in candidates.into_iter().flatten() {
                if hay[at..].starts_with(bytes) {
                    found.push(name.as_str());
                }
            }
        }
        found
    }
}

#[test]
fn every_form_is_found_wherever_it_stands() {
    let mut needles = Needles::default();
    let secret = "sk-or-v1-?>~çã-0123456789";
    needles.add("key", secret.as_bytes());
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut hays = vec![format!("… {secret} …"), hex.to_uppercase(), hex];
    for before in ["", "a", "ab", "abc", "abcd"] {
        let text = format!("{before}{secret}zz");
        hays.extend([STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]);
    }
    for hay in hays {
        assert!(!needles.found_in(hay.as_bytes()).is_empty(), "{hay}");
    }
    assert!(needles.found_in("sk-or-v1-?>~çã-012345678".as_bytes()).is_empty());
}
