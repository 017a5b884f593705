//! Mails and letters.

use super::{head, starts_with_any};

/// The fields of a mail's head.
const HEADERS: [&str; 17] = [
    "from:",
    "to:",
    "cc:",
    "bcc:",
    "subject:",
    "re:",
    "date:",
    "sent:",
    "reply-to:",
    "de:",
    "para:",
    "assunto:",
    "data:",
    "enviado em:",
    "enviada em:",
    "enviado:",
    "responder a:",
];

/// How a mail begins that is passed on.
const FORWARDED: [&str; 9] = [
    "---------- forwarded",
    "-----original message",
    "-----mensagem original",
    "---------- mensagem encaminhada",
    "begin forwarded message",
    "mensagem encaminhada",
    "forwarded message",
    "início da mensagem reencaminhada",
    "-----mensagem encaminhada",
];

/// How a line ends that names the writer of what follows.
const ATTRIBUTIONS: [&str; 4] = ["wrote:", "escreveu:", "writes:", "escreve:"];

/// How a letter begins.
const SALUTATIONS: [&str; 11] = [
    "dear ",
    "prezad",
    "caro ",
    "cara ",
    "caros ",
    "ilustríssim",
    "exm",
    "to whom it may concern",
    "excelentíssim",
    "querido ",
    "querida ",
];

/// To whom a letter is written that is the prompt itself.
const ASSISTANTS: [&str; 6] = ["assist", "chat", "gpt", " ai", " ia", "robô"];

/// How a letter ends.
const CLOSINGS: [&str; 19] = [
    "best regards",
    "kind regards",
    "warm regards",
    "regards",
    "sincerely",
    "yours",
    "best,",
    "cheers,",
    "all the best",
    "respectfully",
    "atenciosamente",
    "att,",
    "att.",
    "cordialmente",
    "abraços",
    "um abraço",
    "cumprimentos",
    "com os melhores cumprimentos",
    "love,",
];

pub(in super::super) fn is_header(text: &str) -> bool {
    let head = head(text.trim_start_matches(['*', '>', ' ']));
    text.contains(':') && HEADERS.iter().any(|field| head.starts_with(field))
}

/// A field that names who wrote, or what about: it begins a mail by itself.
pub(in super::super) fn is_sender(text: &str) -> bool {
    starts_with_any(&head(text.trim_start_matches(['*', ' '])), &["from:", "subject:", "de:", "assunto:"])
}

pub(in super::super) fn is_forwarded(text: &str) -> bool {
    if !text.starts_with('-') && !text.ends_with(':') && !text.contains('-') && text.len() > 60 {
        return false;
    }
    let head = head(text);
    FORWARDED.iter().any(|start| head.starts_with(start)) || ATTRIBUTIONS.iter().any(|end| text.ends_with(end))
}

pub(in super::super) fn is_salutation(text: &str) -> bool {
    let head = head(text);
    let to_assistant = ASSISTANTS.iter().any(|name| head.contains(name));
    text.len() < 80 && text.ends_with([',', ':', '.', '!']) && !to_assistant && starts_with_any(&head, &SALUTATIONS)
}

pub(in super::super) fn is_closing(text: &str) -> bool {
    text.len() < 60 && starts_with_any(&head(text), &CLOSINGS)
}
