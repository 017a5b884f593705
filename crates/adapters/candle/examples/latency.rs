//! How long texts take: `cargo run --release -p palavra-candle --example latency -- FOLDER [ROUNDS]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement at the terminal"
)]

use palavra_candle::{CandleEmbedder, CandleOptions};
use palavra_domain::{EmbedAs, ports::Embedder as _};
use std::time::Instant;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("name the model's folder");
    let rounds: usize = arguments.next().map_or(200, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let start = Instant::now();
    let embedder = CandleEmbedder::open(CandleOptions::new(folder)).unwrap_or_else(|error| panic!("{error}"));
    println!("{}: opened in {:.0} ms", embedder.space(), start.elapsed().as_secs_f64() * 1e3);
    let sentence = "Moro em Recife desde 2019 e trabalho como enfermeira no turno da noite. ";
    for (name, texts, rounds) in [
        ("3 words", vec!["Moro em Recife".to_owned()], rounds),
        ("1 sentence", vec![sentence.to_owned()], rounds),
        ("4 sentences", vec![sentence.repeat(4)], rounds / 2),
        ("as long as the model reads", vec![sentence.repeat(60)], rounds / 10),
        ("100,000 characters", vec![sentence.repeat(1_400)], rounds / 10),
        ("64 texts of 1 sentence", vec![sentence.to_owned(); 64], rounds / 20),
    ] {
        let mut times = Vec::new();
        let used = cpu_ms();
        for _ in 0..rounds.max(3) {
            let start = Instant::now();
            embedder.embed(None, &texts, EmbedAs::Query).await.unwrap();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let used = (cpu_ms() - used) / times.len() as f64;
        println!("{name:28} best {:7.1}, p50 {:7.1}, p99 {:7.1}, CPU {used:7.1} ms", times[0], at(0.5), at(0.99));
    }
}

/// What this process has used of all cores, where Linux tells it: on a busy machine it says more than the clock.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|part| part.parse::<f64>().ok());
    ticks.sum::<f64>() * 10.0
}
