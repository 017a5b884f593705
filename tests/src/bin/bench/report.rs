//! Figures as text.

use crate::load::Figures;
use std::time::Duration;

/// Milliseconds with two decimals.
pub(crate) fn millis(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}

/// A row of the table.
pub(crate) fn row(what: &str, connections: usize, figures: &Figures, backlog: &str, resident: u64) -> String {
    format!(
        "| {what} | {connections} | {:.0} | {} | {} | {} | {backlog} | {resident} MiB |",
        figures.rate(),
        figures.percentile(0.5),
        figures.percentile(0.99),
        figures.errors()
    )
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its table")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
