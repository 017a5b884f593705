//! Requests a second and latencies.

use crate::{
    Arguments, Section, Stores,
    load::{self, Figures, Login, Prompter, Reader, Way, drive},
    profiles::Profile,
    report::{Table, millis, resident, say},
};
use anyhow::{Context, Result, ensure};
use palavra_e2e::{Client, Palavra, SimProcess};
use palavra_openrouter_sim::{Fault, FaultRule, SimPath};
use serde_json::json;
use std::time::{Duration, Instant};

const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// How long a row waits for its prompts to be remembered from; what is left then weighs on the next.
const DRAIN: Duration = Duration::from_secs(15);
/// How long the long chat may take to write.
const WRITING: Duration = Duration::from_secs(180);
/// How often the pages of a long and of a short chat are read to be compared.
const PAGES: usize = 1000;
/// The model that extraction asks while it is held up.
const HELD_UP: &str = "sim/plain";

/// What is asked of the chat, and whether memory is on.
const PROMPTS: [(&str, Way, bool); 3] = [
    ("POST /chat, everything on", Way::Whole, true),
    ("POST /chat, streamed, to the first delta", Way::Streamed, true),
    ("POST /chat, memory off", Way::Whole, false),
];

/// Prints the rows that are wanted.
pub(crate) async fn measure(profile: Profile, sim: &SimProcess, arguments: &Arguments) -> Result<()> {
    let sections = [Section::Chat, Section::Login, Section::History, Section::Recall];
    if !sections.iter().any(|section| arguments.wants(*section)) {
        return Ok(());
    }
    let stores = Stores::fresh(profile).await?;
    let begun = Instant::now();
    let mut server = Palavra::start_with(&sim.base_url(), stores.options()).await?;
    let started = millis(begun.elapsed());
    let at_rest = resident(&server);
    let most = CONNECTIONS.into_iter().max().unwrap_or(1);
    let users = load::users(&server, most).await?;
    let ready = resident(&server);
    say(&format!("Start-up {started}; resident (anonymous) at rest {at_rest}, with {most} users logged in {ready}.\n"));

    let mut table = Table::begin();
    let span = arguments.span();
    if arguments.wants(Section::Chat) {
        for (what, way, memory) in PROMPTS {
            if let Err(error) = load::remember(&users, memory).await {
                table.note(&format!("{what}: {error:#}"));
            }
            for connections in CONNECTIONS {
                let figures = prompts(&users[..connections], way, span).await?;
                let resident = resident(&server);
                let backlog = if memory { drained(&server).await } else { String::new() };
                table.row(what, connections, &figures, &backlog, &resident);
            }
        }
    }
    if arguments.wants(Section::Login) {
        for connections in CONNECTIONS {
            let login = |n| Login { client: server.client(), name: load::name(n) };
            let figures = drive((0..connections).map(login).collect(), span).await?;
            table.row("POST /login", connections, &figures, "", &resident(&server));
        }
    }
    let history = if arguments.wants(Section::History) {
        Some(history(&server, &users, arguments, &mut table).await)
    } else {
        None
    };
    if arguments.wants(Section::Recall)
        && let Err(error) = recall_alone(&mut server, sim, &users, span, &mut table).await
    {
        table.note(&format!("recall alone: {error:#}"));
    }
    table.end();
    match history {
        Some(Ok(compared)) => say(&format!("{compared}\n")),
        Some(Err(error)) => say(&format!("GET /chat was not measured: {error:#}\n")),
        None => {}
    }
    Ok(())
}

async fn prompts(users: &[Client], way: Way, span: Duration) -> Result<Figures> {
    drive(users.iter().map(|user| Prompter::new(user, way)).collect(), span).await
}

/// How many prompts waited to be remembered from, and how long it took until none was left.
async fn drained(server: &Palavra) -> String {
    let Ok(backlog) = server.backlog().await else { return "–".to_owned() };
    let draining = Instant::now();
    loop {
        match server.backlog().await {
            Ok(0) => return format!("{backlog}, {:.1} s", draining.elapsed().as_secs_f64()),
            Ok(left) if draining.elapsed() >= DRAIN => {
                return format!("{backlog}, {left} left after {} s", DRAIN.as_secs());
            }
            Err(_) if draining.elapsed() >= DRAIN => return format!("{backlog}, –"),
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Prompts whose memories are recalled while nothing is extracted from them: the one worker waits for a model that does not
/// answer.
async fn recall_alone(
    server: &mut Palavra,
    sim: &SimProcess,
    users: &[Client],
    span: Duration,
    table: &mut Table,
) -> Result<()> {
    load::remember(users, true).await?;
    server.stop().await?;
    server.set_env("PALAVRA__MEMORY__WORKERS", "1");
    server.set_env("PALAVRA__MEMORY__EXTRACTION_MODEL", HELD_UP);
    let hang = FaultRule::new(Fault::HangBeforeHeaders).path(SimPath::Chat).model(HELD_UP).times(100);
    sim.fault(&hang).await?;
    server.resume().await?;
    for connections in CONNECTIONS {
        let figures = prompts(&users[..connections], Way::Whole, span).await?;
        table.row("POST /chat, recall without extraction", connections, &figures, "", &resident(server));
    }
    sim.clear_faults().await
}

/// The first page of a long chat, and how it compares with that of a chat of ten turns.
async fn history(server: &Palavra, users: &[Client], arguments: &Arguments, table: &mut Table) -> Result<String> {
    let user = users.first().context("no users")?;
    load::remember(std::slice::from_ref(user), false).await?;
    let (short, _) = written(user, 10).await?;
    let (long, turns) = written(user, arguments.turns).await?;
    let page = |chat: &str| format!("/chat?chat_id={chat}&limit=10");
    for connections in CONNECTIONS {
        let reader = |_| Reader { user: user.clone(), path: page(&long) };
        let figures = drive((0..connections).map(reader).collect(), arguments.span()).await?;
        let what = format!("GET /chat, 10 of {turns} turns");
        table.row(&what, connections, &figures, "", &resident(server));
    }
    let mut figures = [Figures::new()?, Figures::new()?];
    for _ in 0..PAGES {
        for (chat, figures) in [&short, &long].into_iter().zip(&mut figures) {
            let sent = Instant::now();
            let (status, _) = user.get(&page(chat)).await?;
            ensure!(status == 200, "a page was not read: {status}");
            figures.record(Ok(sent.elapsed()))?;
        }
    }
    let [short, long] = &figures;
    Ok(format!(
        "GET /chat (limit 10), in turn: 10 turns p50 {} p99 {}; {turns} turns p50 {} p99 {}; ratio of p50 {:.2}.",
        short.percentile(0.5),
        short.percentile(0.99),
        long.percentile(0.5),
        long.percentile(0.99),
        long.ratio(short, 0.5)
    ))
}

/// A chat of so many turns, as far as they are written in time.
async fn written(user: &Client, turns: usize) -> Result<(String, usize)> {
    let begun = Instant::now();
    let mut chat = String::new();
    for n in 0..turns {
        if begun.elapsed() >= WRITING {
            return Ok((chat, n));
        }
        let (status, answer) = user.post("/chat", json!({"chat_id": chat, "prompt": load::prompt(n)})).await?;
        ensure!(status == 200, "a turn of the long chat failed: {status} {answer}");
        chat = answer["chat_id"].as_str().context("an answer without chat_id")?.to_owned();
    }
    Ok((chat, turns))
}
