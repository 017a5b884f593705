//! Whole lines that were pasted, known by their form: fences, block quotes, code, logs, markup, tables, mails, letters, chats.

use super::own_words::Foreign;
use super::{pasted::end_of_paste, shapes};
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blank,
    Prose,
    /// Not the author's, whatever stands beside it.
    Foreign,
    /// Code for certain.
    Code,
    /// Code if code is beside it, else prose.
    MaybeCode,
    /// A field of a mail's head.
    Header,
    /// A name and a colon, as in a chat: the name's length in bytes.
    Speaker(usize),
    /// A row of a table with so many separators.
    Row(usize),
    /// Begins with a dash, as speech in a story does.
    Dialogue,
}

struct Line<'a> {
    text: &'a str,
    range: Range<usize>,
    kind: Kind,
}

/// Adds the pasted lines of `prompt` to `foreign`.
pub(super) fn find(prompt: &str, foreign: &mut Foreign) {
    let mut lines = split(prompt);
    if lines.len() > 1 {
        mark_code(&mut lines);
        mark_rows(&mut lines);
        mark_dialogue(&mut lines);
        find_mail(prompt, &lines, foreign);
        find_letter(&lines, foreign);
    }
    mark_chat(&mut lines);
    for line in lines.iter().filter(|line| matches!(line.kind, Kind::Foreign | Kind::Code)) {
        foreign.add(line.range.clone());
    }
}

/// The lines with what each is by itself. Fences are followed here.
fn split(prompt: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut at = 0;
    let mut fence: Option<&str> = None;
    for whole in prompt.split_inclusive('\n') {
        let range = at..at + whole.len();
        at = range.end;
        let text = whole.trim();
        let mark = ["```", "~~~", "\"\"\"", "'''"].into_iter().find(|mark| text.starts_with(mark));
        let kind = if let Some(open) = fence {
            if text.ends_with(open) {
                fence = None;
            }
            Kind::Foreign
        } else if let Some(mark) = mark {
            // A fence that opens and closes in one line is left to the look at quotation marks.
            let closes = text.get(mark.len()..).is_some_and(|rest| rest.contains(mark));
            fence = (!closes).then_some(mark);
            if closes { Kind::Prose } else { Kind::Foreign }
        } else {
            kind_of(whole, text)
        };
        lines.push(Line { text, range, kind });
    }
    lines
}

fn kind_of(whole: &str, text: &str) -> Kind {
    if text.is_empty() {
        return Kind::Blank;
    }
    if text.starts_with('>') || shapes::is_log(text) || shapes::is_data(text) {
        return Kind::Foreign;
    }
    match shapes::code_signs(text) {
        0 if whole.starts_with("    ") || whole.starts_with('\t') => return Kind::MaybeCode,
        0 => {}
        1 => return Kind::MaybeCode,
        _ => return Kind::Code,
    }
    if shapes::is_header(text) {
        return Kind::Header;
    }
    if let Some(name) = shapes::speaker(text) {
        return Kind::Speaker(name);
    }
    if text.starts_with(['—', '―', '–']) {
        return Kind::Dialogue;
    }
    match shapes::separators(text) {
        0 | 1 => Kind::Prose,
        many => Kind::Row(many),
    }
}

/// What may be code is, beside code.
fn mark_code(lines: &mut [Line<'_>]) {
    let count = lines.len();
    let mut spread = |from: usize, to: usize| {
        if lines[from].kind == Kind::Code && lines[to].kind == Kind::MaybeCode {
            lines[to].kind = Kind::Code;
        }
    };
    (1..count).for_each(|line| spread(line - 1, line));
    (1..count).rev().for_each(|line| spread(line, line - 1));
}

/// Rows one under the other with as many separators each are a table.
fn mark_rows(lines: &mut [Line<'_>]) {
    let kinds: Vec<Kind> = lines.iter().map(|line| line.kind).collect();
    for (index, line) in lines.iter_mut().enumerate() {
        let beside = [index.checked_sub(1), Some(index + 1)].into_iter().flatten();
        let same = beside.filter_map(|beside| kinds.get(beside)).any(|kind| *kind == line.kind);
        if matches!(line.kind, Kind::Row(_)) && same {
            line.kind = Kind::Foreign;
        }
    }
}

/// One line with a dash is an item of a list or an aside; two are people who talk.
fn mark_dialogue(lines: &mut [Line<'_>]) {
    if lines.iter().filter(|line| line.kind == Kind::Dialogue).count() > 1 {
        lines.iter_mut().filter(|line| line.kind == Kind::Dialogue).for_each(|line| line.kind = Kind::Foreign);
    }
}

/// Names and colons are a chat when there are two such lines; those of a chat with an assistant also alone.
fn mark_chat(lines: &mut [Line<'_>]) {
    let names = lines.iter().filter_map(|line| match line.kind {
        Kind::Speaker(name) => line.text.get(..name),
        _ => None,
    });
    let (count, alone) = names.fold((0, false), |(count, alone), name| (count + 1, alone || shapes::is_protocol(name)));
    if count < 2 && !alone {
        return;
    }
    let mut speaking = false;
    for line in lines {
        speaking = match line.kind {
            Kind::Speaker(_) => true,
            Kind::Prose | Kind::MaybeCode | Kind::Row(_) | Kind::Dialogue => speaking,
            Kind::Blank | Kind::Foreign | Kind::Code | Kind::Header => false,
        };
        if speaking {
            line.kind = Kind::Foreign;
        }
    }
}

/// Two fields of a head, or the words of one who passes a mail on, begin a mail; it ends where a paste ends.
fn find_mail(prompt: &str, lines: &[Line<'_>], foreign: &mut Foreign) {
    let mut until = 0;
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.kind != Kind::Blank) {
        let next = lines.get(index + 1).is_some_and(|next| next.kind == Kind::Header);
        let sender = index > 0 && line.kind == Kind::Header && shapes::is_sender(line.text);
        let begins = (line.kind == Kind::Header && next) || sender || shapes::is_forwarded(line.text);
        if begins && line.range.start >= until {
            until = end_of_paste(prompt, line.range.end);
            foreign.add(line.range.start..until);
        }
    }
}

/// What stands between 'Dear …' and 'Regards' is a letter.
fn find_letter(lines: &[Line<'_>], foreign: &mut Foreign) {
    let mut open: Option<usize> = None;
    for line in lines {
        match open {
            None if shapes::is_salutation(line.text) => open = Some(line.range.start),
            Some(start) if shapes::is_closing(line.text) => {
                foreign.add(start..line.range.end);
                open = None;
            }
            _ => {}
        }
    }
}
