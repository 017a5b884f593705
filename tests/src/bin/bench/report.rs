//! Figures as text.

use crate::load::Figures;
use palavra_e2e::Palavra;
use std::time::Duration;

/// As much of an error is told.
const NOTE_MAX_CHARS: usize = 300;

/// Milliseconds with two decimals.
pub(crate) fn millis(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}

/// The memory that the server holds, and how much of it is not files' pages; `–` when that is not known.
pub(crate) fn resident(server: &Palavra) -> String {
    server.resident().map_or("–".to_owned(), |resident| format!("{} ({}) MiB", resident.mib, resident.anonymous_mib))
}

/// A table that is printed row by row, with what went wrong below it.
pub(crate) struct Table {
    notes: Vec<String>,
}

impl Table {
    /// Prints the head.
    pub(crate) fn begin() -> Self {
        say("| | connections | a second | p50 | p99 | errors | backlog, drained in | resident (anonymous) |");
        say("|---|---|---|---|---|---|---|---|");
        Self { notes: Vec::new() }
    }

    pub(crate) fn row(&mut self, what: &str, connections: usize, figures: &Figures, backlog: &str, resident: &str) {
        say(&format!(
            "| {what} | {connections} | {:.0} | {} | {} | {} | {backlog} | {resident} |",
            figures.rate(),
            figures.percentile(0.5),
            figures.percentile(0.99),
            figures.errors()
        ));
        if let Some(error) = figures.first_error() {
            let first: String = error.chars().take(NOTE_MAX_CHARS).collect();
            self.note(&format!("{what}, {connections} connections: {} errors, the first: {first}", figures.errors()));
        }
    }

    /// Something to be said below the table.
    pub(crate) fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    /// Prints the notes.
    pub(crate) fn end(self) {
        say("");
        for note in &self.notes {
            say(&format!("- {note}"));
        }
        if !self.notes.is_empty() {
            say("");
        }
    }
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
