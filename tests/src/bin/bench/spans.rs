//! What one prompt spends its time on: the spans that the server logs, as the timeline of a typical prompt.

use crate::{
    load,
    profiles::{Profile, Stores},
    report::say,
};
use anyhow::{Context, Result, ensure};
use palavra_e2e::{Client, Palavra, SimProcess};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// Each chat's turns that warm it up, and those that are measured: few enough for one page of history.
const WARM_UP: usize = 20;
const MEASURED: usize = 25;
const CHATS: usize = 8;
/// So that what a prompt leaves to be done has ended before the next.
const PAUSE: Duration = Duration::from_millis(30);
/// The span of a whole prompt.
const ROOT: &str = "prompt";
/// How wide the timeline is, in characters.
const WIDTH: usize = 48;
const MICROS_A_DAY: u64 = 24 * 60 * 60 * 1_000_000;

/// Prints the timeline of a prompt in a warm chat: nobody else asks anything, and nothing is left to be remembered from.
pub(crate) async fn measure(profile: Profile, sim: &SimProcess) -> Result<()> {
    let stores = Stores::fresh(profile).await?;
    let options = stores
        .options()
        .env("PALAVRA__LOG__LEVEL", "warn,palavra=debug")
        .env("PALAVRA__LOG__FORMAT", "json")
        .env("PALAVRA__LOG__SPANS", "true");
    let server = Palavra::start_with(&sim.base_url(), options).await?;
    let users = load::users(&server, 1).await?;
    let user = users.first().context("no user")?;
    let (mut measured, mut seen) = (Vec::new(), Vec::new());
    for _ in 0..CHATS {
        let mut chat = String::new();
        for n in 0..WARM_UP {
            ask(user, &mut chat, &load::prompt(n)).await?;
        }
        settle(&server).await?;
        let before = server.log()?.len();
        for n in 0..MEASURED {
            // Questions only: extraction finds nothing in them, and saves nothing beside the next prompt.
            seen.push(ask(user, &mut chat, &load::prompt(n % 9)).await?);
            settle(&server).await?;
        }
        measured.extend(prompts(server.log()?.get(before..).unwrap_or_default()));
    }
    let (shown, sent) = (measured.len(), seen.len());
    ensure!(shown * 10 >= sent * 9, "the log shows {shown} of {sent} prompts");
    let seen = median(seen.into_iter().map(|took| u64::try_from(took.as_micros())).collect::<Result<_, _>>()?);
    say(&format!("One prompt in a chat of {WARM_UP} to {} turns, medians of {shown}, in ms:\n", WARM_UP + MEASURED));
    say(&format!("```\n{}```\n", timeline(&typical(&measured))));
    say(&format!("The client had its answer after {} ms.\n", ms(seen)));
    Ok(())
}

async fn ask(user: &Client, chat: &mut String, prompt: &str) -> Result<Duration> {
    let sent = Instant::now();
    let (status, answer) = user.post("/chat", json!({"chat_id": chat, "prompt": prompt})).await?;
    let took = sent.elapsed();
    ensure!(status == 200, "a prompt was not answered: {status} {answer}");
    *chat = answer["chat_id"].as_str().context("an answer without chat_id")?.to_owned();
    Ok(took)
}

async fn settle(server: &Palavra) -> Result<()> {
    tokio::time::sleep(PAUSE).await;
    while server.backlog().await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// A span of one prompt: the names of the spans around it and its own, and when it ran, in microseconds of its day.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    path: Vec<String>,
    from: u64,
    to: u64,
}

/// The prompts of a log, each with its spans in the order in which they began. They must not overlap.
fn prompts(log: &str) -> Vec<Vec<Span>> {
    let mut all = Vec::new();
    let mut open: Vec<Span> = Vec::new();
    let mut done: Vec<Span> = Vec::new();
    for line in log.lines() {
        let Some((path, is_end, at)) = event(line) else { continue };
        if !is_end {
            if path.len() == 1 {
                open.clear();
                done.clear();
            }
            open.push(Span { path, from: at, to: at });
            continue;
        }
        let Some(place) = open.iter().position(|span| span.path == path) else { continue };
        let mut span = open.remove(place);
        span.to = if at < span.from { at + MICROS_A_DAY } else { at };
        done.push(span);
        if path.len() == 1 {
            done.sort_by_key(|span| (span.from, span.path.len()));
            all.push(std::mem::take(&mut done));
        }
    }
    all
}

/// What a line of the log tells of a span of a prompt: its path, whether it is the end, and the time.
fn event(line: &str) -> Option<(Vec<String>, bool, u64)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let is_end = match line["fields"]["message"].as_str()? {
        "new" => false,
        "close" => true,
        _ => return None,
    };
    let name = |span: &Value| span["name"].as_str().map(str::to_owned);
    let around = line["spans"].as_array().into_iter().flatten().filter_map(name);
    let path: Vec<String> = around.chain(name(&line["span"])).collect();
    (path.first()? == ROOT).then_some((path, is_end, micros(line["timestamp"].as_str()?)?))
}

/// Microseconds since midnight of a time such as `2026-11-24T23:59:59.123456Z`.
fn micros(timestamp: &str) -> Option<u64> {
    let time = timestamp.split_once('T')?.1.strip_suffix('Z')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut seconds = 0;
    for part in time.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    let fraction: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(seconds * 1_000_000 + fraction)
}

/// A span of the typical prompt, in microseconds from the prompt's begin.
#[derive(Debug, PartialEq, Eq)]
struct Typical {
    path: Vec<String>,
    from: u64,
    took: u64,
}

/// When a span began and how long it took, in each prompt.
#[derive(Default)]
struct Times {
    from: Vec<u64>,
    took: Vec<u64>,
}

/// The medians of the spans that at least half of the prompts have, in the order in which they begin, each below the one
/// that it is part of. What happens several times in one prompt is several spans.
fn typical(prompts: &[Vec<Span>]) -> Vec<Typical> {
    let mut times: BTreeMap<(Vec<String>, usize), Times> = BTreeMap::new();
    for spans in prompts {
        let Some(root) = spans.iter().find(|span| span.path.len() == 1) else { continue };
        let mut met: HashMap<&[String], usize> = HashMap::new();
        for span in spans {
            let nth = met.entry(&span.path).or_default();
            let times = times.entry((span.path.clone(), *nth)).or_default();
            times.from.push(span.from.saturating_sub(root.from));
            times.took.push(span.to - span.from);
            *nth += 1;
        }
    }
    let mut spans: Vec<Typical> = times
        .into_iter()
        .filter(|(_, times)| times.from.len() * 2 >= prompts.len())
        .map(|((path, _), times)| Typical { path, from: median(times.from), took: median(times.took) })
        .collect();
    spans.sort_by_key(|span| (span.from, span.path.len()));
    let mut nested = Vec::new();
    while let Some(place) = spans.iter().position(|span| span.path.len() == 1) {
        let root = spans.remove(place);
        below(root, &mut spans, &mut nested);
    }
    nested
}

fn below(span: Typical, left: &mut Vec<Typical>, nested: &mut Vec<Typical>) {
    let path = span.path.clone();
    nested.push(span);
    while let Some(place) =
        left.iter().position(|other| other.path.len() == path.len() + 1 && other.path.starts_with(&path))
    {
        let child = left.remove(place);
        below(child, left, nested);
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A line a span: its name, when it begins, how long it takes, and a bar where it runs.
fn timeline(spans: &[Typical]) -> String {
    let whole = spans.iter().map(|span| span.from + span.took).max().unwrap_or(1).max(1);
    let place = |at: u64| usize::try_from(at * WIDTH as u64 / whole).unwrap_or(WIDTH).min(WIDTH);
    let mut text = format!("{:<32} {:>7} {:>7}\n", "span", "begins", "takes");
    for span in spans {
        let depth = span.path.len().saturating_sub(1);
        let name = format!("{:indent$}{}", "", span.path.last().map_or("", String::as_str), indent = 2 * depth);
        let from = place(span.from).min(WIDTH - 1);
        let to = place(span.from + span.took).max(from + 1);
        let bar = "█".repeat(to - from);
        text.push_str(&format!("{name:<32} {:>7} {:>7}  {:from$}{bar}\n", ms(span.from), ms(span.took), ""));
    }
    text
}

#[allow(clippy::cast_precision_loss, reason = "times to be shown")]
fn ms(micros: u64) -> String {
    format!("{:.2}", micros as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line as the server writes it.
    fn line(message: &str, at: &str, path: &[&str]) -> String {
        let (own, around) = path.split_last().unwrap();
        let around: Vec<Value> = around.iter().map(|name| json!({"name": name})).collect();
        json!({
            "timestamp": format!("2026-11-24T{at}Z"), "level": "DEBUG", "target": "palavra_application::prompt",
            "fields": {"message": message, "time.busy": "1ms"}, "span": {"name": own}, "spans": around,
        })
        .to_string()
    }

    #[test]
    fn prompts_are_read_from_a_log_with_other_lines_in_it() {
        let log = [
            "palavra says something else".to_owned(),
            line("close", "10:00:00.000000", &["db.chat.claim_memory_jobs"]),
            line("new", "23:59:59.999000", &["prompt"]),
            line("new", "23:59:59.999100", &["prompt", "prompt.history"]),
            line("a warning inside of it", "23:59:59.999100", &["prompt", "prompt.history"]),
            line("new", "23:59:59.999200", &["prompt", "prompt.recall"]),
            line("close", "23:59:59.999900", &["prompt", "prompt.history"]),
            line("close", "00:00:00.000200", &["prompt", "prompt.recall"]),
            line("close", "00:00:00.001", &["prompt"]),
        ]
        .join("\n");
        let all = prompts(&log);
        let told: Vec<(String, u64)> =
            all.iter().flatten().map(|span| (span.path.join("/"), span.to - span.from)).collect();
        let told: Vec<(&str, u64)> = told.iter().map(|(path, took)| (path.as_str(), *took)).collect();
        assert_eq!(told, [("prompt", 2_000), ("prompt/prompt.history", 800), ("prompt/prompt.recall", 1_000)]);
    }

    #[test]
    fn the_typical_prompt_has_medians_and_what_most_have() {
        let span =
            |path: &[&str], from, to| Span { path: path.iter().map(|&name| name.to_owned()).collect(), from, to };
        let prompt = |took: u64, twice: bool| {
            let mut spans = vec![span(&["prompt"], 50, 50 + 10 * took), span(&["prompt", "a"], 60, 60 + took)];
            spans.push(span(&["prompt", "b"], 60, 61));
            spans.push(span(&["prompt", "a", "db"], 60, 61));
            if twice {
                spans.push(span(&["prompt", "b"], 90, 95));
            }
            spans
        };
        let typical = typical(&[prompt(5, false), prompt(7, true), prompt(100, false)]);
        let told: Vec<(&str, u64, u64)> =
            typical.iter().map(|span| (span.path.last().unwrap().as_str(), span.from, span.took)).collect();
        assert_eq!(told, [("prompt", 0, 70), ("a", 10, 7), ("db", 10, 1), ("b", 10, 1)]);
        assert!(
            timeline(&typical).contains("  a                                 0.01    0.01"),
            "{}",
            timeline(&typical)
        );
    }
}
