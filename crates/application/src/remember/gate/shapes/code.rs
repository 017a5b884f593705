//! Logs, code and data.

use super::starts_with_any;

/// Levels that lines of logs name in capitals.
const LEVELS: [&str; 10] =
    ["ERROR", "WARN", "WARNING", "INFO", "DEBUG", "TRACE", "FATAL", "CRITICAL", "NOTICE", "SEVERE"];

/// How lines of logs and traces begin that carry no time.
const LOG_STARTS: [&str; 14] = [
    "Traceback (most recent",
    "File \"",
    "Caused by:",
    "npm ERR!",
    "npm error",
    "thread '",
    "error[E",
    "warning: unused",
    "--> ",
    "panic:",
    "fatal:",
    "Exception in thread",
    "Uncaught ",
    "goroutine ",
];

/// How lines of code begin that are nothing else.
const CODE_STARTS: [&str; 37] = [
    "//",
    "/*",
    "*/",
    "#include",
    "#!",
    "#define",
    "def ",
    "async def ",
    "fn ",
    "pub fn ",
    "pub struct ",
    "impl ",
    "let mut ",
    "async function ",
    "elif ",
    "SELECT ",
    "INSERT INTO",
    "CREATE TABLE",
    "ALTER TABLE",
    "DELETE FROM",
    "<?php",
    "@media",
    "using namespace",
    "console.",
    "System.out",
    "println!",
    "$ ",
    "if __name__",
    "printf(",
    "print(",
    "#pragma",
    "public class",
    "public static",
    "export default",
    "-->",
    "/**",
    "fun ",
];

/// How lines of code begin that may be prose as well.
const MAYBE_CODE_STARTS: [&str; 44] = [
    "const ",
    "let ",
    "var ",
    "function ",
    "export ",
    "public ",
    "private ",
    "protected ",
    "static ",
    "return ",
    "else",
    "try",
    "except",
    "finally",
    "select ",
    "insert into ",
    "update ",
    "delete ",
    "create ",
    "where ",
    "WHERE ",
    "FROM ",
    "UPDATE ",
    "SET ",
    "VALUES",
    "package ",
    "echo ",
    "npm ",
    "cargo ",
    "pip ",
    "sudo ",
    "docker ",
    "git ",
    "import ",
    "from ",
    "class ",
    "struct ",
    "enum ",
    "interface ",
    "if ",
    "for ",
    "while ",
    "# ",
    "-- ",
];

/// What stands in code and seldom in prose.
const CODE_SIGNS: [&str; 17] =
    ["();", "==", "!=", "&&", "||", "+=", "=>", "->", "::", "){", ") {", " = ", "($", ");", "[0]", "self.", "this."];

/// How a line of code ends.
const CODE_ENDS: [char; 3] = [';', '{', '}'];

/// A time, a level in capitals, or a trace.
pub(in super::super) fn is_log(text: &str) -> bool {
    let first = text.trim_start_matches(['[', '(', '<']);
    let starts_with_digit = first.starts_with(|char: char| char.is_ascii_digit());
    if starts_with_digit && has_clock(first) {
        return true;
    }
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.len() > 7 && (first.ends_with("Error:") || first.ends_with("Exception:")) {
        return true;
    }
    let named = text.split_whitespace().take(6).map(|word| word.trim_matches(['[', ']', ':', '(', ')', '|', '-']));
    let capitals = text.as_bytes().iter().take(60).any(u8::is_ascii_uppercase);
    (capitals && named.into_iter().any(|word| LEVELS.contains(&word)) && text.contains([':', '[', '=']))
        || starts_with_any(text, &LOG_STARTS)
        || (text.starts_with("at ") && text.ends_with(')') && text.contains('('))
}

/// Whether a date or a time of day to the minute comes first, followed by another or by a separator: '2024-05-01 10:11:12',
/// '10:22:31 ', '[10:22, 12/05/2024] Ana: …'. '10:30 acordo' is none.
fn has_clock(text: &str) -> bool {
    let stamp = text.find(|char: char| {
        !(char.is_ascii_digit() || matches!(char, ':' | '-' | '/' | '.' | ',' | ' ' | 'T' | 'Z' | '+'))
    });
    let stamp = text.get(..stamp.unwrap_or(text.len())).unwrap_or_default();
    let digits = stamp.bytes().filter(u8::is_ascii_digit).count();
    let colons = stamp.bytes().filter(|byte| *byte == b':').count();
    digits >= 6 && colons >= 1
}

/// Markup or JSON that fills the line.
pub(in super::super) fn is_data(text: &str) -> bool {
    let markup = text.starts_with('<') && text.ends_with('>') && text.len() > 2;
    let object = text.starts_with(['{', '['])
        && text.get(1..).is_some_and(|rest| rest.trim_start().starts_with(['"', '{', '\'']));
    let member = text.starts_with('"') && text.contains("\":");
    markup || object || member || text.starts_with('}') || text.starts_with("],")
}

/// How much a line looks like code: nothing, perhaps, certainly.
pub(in super::super) fn code_signs(text: &str) -> u8 {
    let call = text.ends_with(')') && (text.contains("(\"") || text.contains("=\""));
    if call || starts_with_any(text, &CODE_STARTS) {
        return 2;
    }
    let start = u8::from(starts_with_any(text, &MAYBE_CODE_STARTS));
    let end = u8::from(text.ends_with(CODE_ENDS));
    let signs = CODE_SIGNS.iter().filter(|sign| text.contains(**sign)).take(2).count();
    let signs = u8::try_from(signs).unwrap_or(2);
    let comment = u8::from(signs > 0 && (text.contains(" # ") || text.contains(" // ") || text.contains(" -- ")));
    // Signs alone also stand in prose about code.
    (start + end + signs.min(1) + comment).min(2)
}

/// How many separators of fields a line has, if it looks like a row of a table, else 0.
pub(in super::super) fn separators(text: &str) -> usize {
    let count = |separator: u8| text.bytes().filter(|byte| *byte == separator).count();
    if text.starts_with('|') {
        return count(b'|');
    }
    for separator in [b'\t', b';', b'|'] {
        let found = count(separator);
        if found >= 2 {
            return found;
        }
    }
    // Commas of prose have a space behind them.
    let tight = text.as_bytes().windows(2).filter(|pair| pair[0] == b',' && pair[1] != b' ').count();
    if tight >= 2 { tight } else { 0 }
}
