//! How well the gate tells prompts that may hold something from those that cannot.

use crate::{
    figures::{Share, quantile, table},
    prompts::{Entry, Language, Part},
};
use palavra_application::Gate;
use std::{collections::BTreeMap, hint::black_box, time::Instant};

/// How often each prompt is judged while time is taken.
const REPEATED: u32 = 25;

/// How the gate did on some prompts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Of the prompts that hold something, those that pass.
    pub recall: Share,
    /// Of the others, those that do not.
    pub reduction: Share,
}

/// How the gate does on these prompts.
pub fn measure<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Figures {
    let mut figures = Figures::default();
    for entry in entries {
        let passes = Gate::may_hold(entry.prompt());
        if entry.holds() {
            figures.recall.count(passes);
        } else {
            figures.reduction.count(!passes);
        }
    }
    figures
}

/// The gate's tables in Markdown, with the names of the held-out prompts that hold something and are kept back.
#[must_use]
pub fn report(entries: &[Entry]) -> String {
    let mut rows = Vec::new();
    for part in Part::ALL {
        for languages in [&[Language::Pt][..], &[Language::En], &Language::ALL] {
            let of = entries.iter().filter(|entry| entry.part == part && languages.contains(&entry.language));
            let of: Vec<&Entry> = of.collect();
            let Figures { recall, reduction } = measure(of.iter().copied());
            let mut micros: Vec<f64> = of.iter().map(|entry| micros(entry.prompt())).collect();
            let language = if let [one] = languages { one.to_string() } else { "both".to_owned() };
            rows.push(vec![
                format!("{part}, {language}"),
                recall.to_string(),
                reduction.to_string(),
                format!("{:.1}", quantile(&mut micros, 0.5)),
                format!("{:.1}", quantile(&mut micros, 0.99)),
            ]);
        }
    }
    let figures = table(&["", "recall", "reduction", "median µs", "p99 µs"], &rows);
    let wrong = |part: Part| -> Vec<&str> {
        let wrong =
            entries.iter().filter(|entry| entry.part == part && entry.holds() && !Gate::may_hold(entry.prompt()));
        wrong.map(Entry::id).collect()
    };
    let listed = |part: Part| {
        let wrong = wrong(part);
        if wrong.is_empty() { "none".to_owned() } else { wrong.join(", ") }
    };
    format!(
        "{figures}\nKept back though they hold something: dev {}; held-out {}.\n\nBy category:\n\n{}",
        listed(Part::Dev),
        listed(Part::HeldOut),
        categories(entries)
    )
}

fn categories(entries: &[Entry]) -> String {
    let mut categories: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        categories.entry(entry.category()).or_default().push(entry);
    }
    let short = |share: Share| if share.of == 0 { String::new() } else { format!("{} of {}", share.hits, share.of) };
    let rows = categories.into_iter().map(|(category, entries)| {
        let mut row = vec![format!("`{category}`")];
        for part in Part::ALL {
            let figures = measure(entries.iter().copied().filter(|entry| entry.part == part));
            row.extend([short(figures.recall), short(figures.reduction)]);
        }
        row
    });
    let head = ["", "dev: pass that should", "dev: kept back that should", "held-out: pass", "held-out: kept back"];
    table(&head, &rows.collect::<Vec<_>>())
}

/// What judging a prompt takes, in microseconds.
fn micros(prompt: &str) -> f64 {
    let begun = Instant::now();
    for _ in 0..REPEATED {
        black_box(Gate::may_hold(black_box(prompt)));
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(REPEATED)
}
