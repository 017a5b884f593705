//! Recall's tables.

use super::{Answered, Floors, Searchable, ask, micros, precision_and_f2, rules};
use crate::{
    figures::{Mean, Share, quantile, table},
    users::Size,
};
use palavra_domain::recall::Mode;

const MODES: [(&str, Mode); 3] = [("vector", Mode::Vector), ("text", Mode::Text), ("hybrid", Mode::Hybrid)];

/// The tables of what comes back with this floor, in Markdown.
#[must_use]
pub fn tables(users: &[Searchable<'_>], floor: f32) -> String {
    let mut quality = Vec::new();
    let mut sizes = Vec::new();
    let mut times = Vec::new();
    for (name, mode) in MODES {
        let rules = rules(mode, floor);
        let answers: Vec<Vec<Answered>> = users.iter().map(|user| ask(user, &rules)).collect();
        for (which, wanted) in [("all", None), ("one language", Some(false)), ("across languages", Some(true))] {
            let [recall, ndcg] = means(&answers, |answered| wanted.is_none_or(|cross| answered.cross == cross));
            let of = recall.map_or(0, |mean| mean.of);
            let mut row = vec![format!("{name}, {which}"), of.to_string(), shown(recall), shown(ndcg)];
            if wanted.is_none() {
                row.extend([empty(&answers).to_string(), tempted(&answers).to_string()]);
            } else {
                row.extend([String::new(), String::new()]);
            }
            quality.push(row);
        }
        let mut row = vec![name.to_owned()];
        let mut time = vec![name.to_owned()];
        for size in Size::ALL {
            let [recall, ndcg] = means(&answers, |answered| size.has(answered.memories));
            row.push(format!("{}; {}", shown(recall), shown(ndcg)));
            let mut micros = micros(users, size, &rules);
            time.push(format!("{:.0}; {:.0}", quantile(&mut micros, 0.5), quantile(&mut micros, 0.99)));
        }
        sizes.push(row);
        times.push(time);
    }
    let head =
        ["", "questions", "recall@5", "nDCG@5", "empty when nothing bears on it", "irrelevant ones that come back"];
    let classes: Vec<String> = Size::ALL.iter().map(Size::to_string).collect();
    let by_class: Vec<&str> = std::iter::once("").chain(classes.iter().map(String::as_str)).collect();
    format!(
        "{}\nBy how much a user has; recall@5 and nDCG@5:\n\n{}\nA search in µs, median and p99:\n\n{}",
        table(&head, &quality),
        table(&by_class, &sizes),
        table(&by_class, &times),
    )
}

/// The table of floors, the chosen one marked, in Markdown.
#[must_use]
pub fn by_floor(floors: &Floors) -> String {
    let row = |floor: f32, answers: &[Vec<Answered>], mark: &str| {
        let [recall, ndcg] = means(answers, |_| true);
        let all = answers.concat();
        let returned = all.iter().map(|answered| answered.returned).sum::<usize>() as f64 / all.len().max(1) as f64;
        let (precision, f2) = precision_and_f2(&all);
        let shares = [empty(answers), tempted(answers)].map(|share| share.to_string());
        let figures = [format!("{returned:.2}"), format!("{precision:.3}"), format!("{f2:.3}")];
        let figures = [vec![format!("{floor:.2}{mark}"), shown(recall), shown(ndcg)], figures.to_vec()].concat();
        [figures, shares.to_vec()].concat()
    };
    let tried = floors.tried.iter();
    let mut rows: Vec<Vec<String>> = tried
        .map(|(floor, answers)| row(*floor, answers, if *floor == floors.chosen { " chosen" } else { "" }))
        .collect();
    rows.push(row(floors.chosen, &floors.other_half, ", the other half"));
    let head = [
        "floor",
        "recall@5",
        "nDCG@5",
        "came back",
        "of it right",
        "F2",
        "empty when nothing bears on it",
        "irrelevant ones that come back",
    ];
    table(&head, &rows)
}

fn shown(mean: Option<Mean>) -> String {
    mean.map_or_else(|| "–".to_owned(), |mean| mean.to_string())
}

/// The means of recall and of nDCG over the questions that count, and that something bears on.
fn means(answers: &[Vec<Answered>], counts: impl Fn(&Answered) -> bool) -> [Option<Mean>; 2] {
    let over = |figure: fn(super::Topical) -> f64| {
        let of_user = |answers: &Vec<Answered>| -> Vec<f64> {
            let counted = answers.iter().filter(|answered| counts(answered));
            counted.filter_map(|answered| answered.topical.map(figure)).collect()
        };
        Mean::over(&answers.iter().map(of_user).collect::<Vec<_>>())
    };
    [over(|topical| topical.recall), over(|topical| topical.ndcg)]
}

/// Of the questions that nothing bears on, those after which nothing came back.
fn empty(answers: &[Vec<Answered>]) -> Share {
    let nothing = answers.iter().flatten().filter(|answered| answered.topical.is_none());
    nothing.map(|answered| answered.returned == 0).collect()
}

/// Of the memories named irrelevant, those that came back.
fn tempted(answers: &[Vec<Answered>]) -> Share {
    let mut sum = Share::default();
    answers.iter().flatten().for_each(|answered| sum += answered.tempted);
    sum
}
