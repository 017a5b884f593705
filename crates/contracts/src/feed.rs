//! What a [`TurnFeed`] must do.

use crate::{
    Make,
    harness::{self, cases},
    samples::{TEXTS, at, chat_id, recalled, turn_id, user_id},
    support::race,
};
use futures::{StreamExt, stream::BoxStream};
use libtest_mimic::Trial;
use palavra_domain::{
    FailureCode, MemoryId, Prompt, RecalledMemory, Turn, TurnFailure, TurnRef, TurnStatus,
    ports::{TurnEvent, TurnFeed, TurnStarted},
};
use std::{sync::Arc, time::Duration};

type Feed = Arc<dyn TurnFeed>;
type Events = BoxStream<'static, TurnEvent>;

/// The cases of the suite.
#[must_use]
pub fn trials(adapter: &str, make: Make<dyn TurnFeed>) -> Vec<Trial> {
    let cases = cases![
        a_feed_is_closed_before_its_beginning_and_after_its_end,
        a_watcher_gets_everything_in_order,
        every_event_comes_as_soon_as_it_is_known,
        whoever_comes_late_gets_it_from_the_beginning,
        a_watcher_reads_on_after_the_end,
        deltas_are_cut_between_characters,
        a_slow_watcher_slows_nobody_and_loses_nothing,
        a_watcher_that_leaves_disturbs_nobody,
        many_watchers_get_the_same,
        turns_have_feeds_of_their_own,
        nobody_watches_another_users_turn,
    ];
    harness::trials(adapter, "feed", make, cases)
}

fn turn_ref() -> TurnRef {
    TurnRef { user: user_id(), chat: chat_id(), turn: turn_id() }
}

fn started(turn: TurnRef) -> TurnStarted {
    let recalled = RecalledMemory { id: MemoryId::extracted(turn.turn, 0), ..recalled(TEXTS[3], 0.5) };
    TurnStarted { turn, seq: 3, model: "vendor/asked".into(), recalled: vec![recalled] }
}

fn done(turn: TurnRef, reply: &str, failure: Option<TurnFailure>) -> Turn {
    Turn {
        id: turn.turn,
        chat_id: turn.chat,
        user_id: turn.user,
        seq: 3,
        prompt: Prompt::stored(TEXTS[0].into()),
        reply: Some(reply.into()),
        status: if failure.is_some() { TurnStatus::Failed } else { TurnStatus::Complete },
        failure: failure.map(|failure| failure.code),
        memory_allowed: true,
        recalled: Vec::new(),
        attempts: Vec::new(),
        memory_job: None,
        created_at: at(0),
        finished_at: Some(at(9)),
    }
}

/// Publishes one turn: its beginning, its deltas and its end.
struct Publisher {
    port: Feed,
    turn: TurnRef,
    reply: String,
}

impl Publisher {
    async fn open(port: &Feed) -> Self {
        let turn = turn_ref();
        port.publish(turn, TurnEvent::Started(started(turn))).await.unwrap();
        Self { port: Arc::clone(port), turn, reply: String::new() }
    }

    async fn say(&mut self, text: &str) {
        self.reply.push_str(text);
        let event = TurnEvent::Delta { text: text.into(), end: self.reply.len() };
        self.port.publish(self.turn, event).await.unwrap();
    }

    async fn end(&self, failure: Option<TurnFailure>) {
        let turn = Box::new(done(self.turn, &self.reply, failure));
        self.port.publish(self.turn, TurnEvent::Ended { turn, failure }).await.unwrap();
    }

    async fn watch(&self) -> Events {
        self.port.subscribe(self.turn).await.unwrap().unwrap()
    }
}

/// The next event, which is due.
async fn next(events: &mut Events) -> Option<TurnEvent> {
    tokio::time::timeout(Duration::from_secs(10), events.next()).await.expect("no event came")
}

/// Reads `length` bytes of the reply, and checks where each delta says that it ends.
async fn read(events: &mut Events, reply: &mut String, length: usize) {
    while reply.len() < length {
        match next(events).await {
            Some(TurnEvent::Delta { text, end }) => {
                assert!(!text.is_empty());
                reply.push_str(&text);
                assert_eq!(reply.len(), end);
            }
            other => panic!("expected a delta, got {other:?}"),
        }
    }
}

/// Reads everything that `publisher` published until its end.
async fn read_all(events: &mut Events, turn: TurnRef, expected: &str, failure: Option<TurnFailure>) {
    assert_eq!(next(events).await, Some(TurnEvent::Started(started(turn))));
    let mut reply = String::new();
    read(events, &mut reply, expected.len()).await;
    assert_eq!(reply, expected);
    let turn = Box::new(done(turn, expected, failure));
    assert_eq!(next(events).await, Some(TurnEvent::Ended { turn, failure }));
    assert_eq!(next(events).await, None);
}

async fn is_open(port: &Feed, turn: TurnRef) -> bool {
    port.subscribe(turn).await.unwrap().is_some()
}

async fn a_feed_is_closed_before_its_beginning_and_after_its_end(port: Feed) {
    assert!(!is_open(&port, turn_ref()).await);
    let mut publisher = Publisher::open(&port).await;
    assert!(is_open(&port, publisher.turn).await);
    publisher.say("word").await;
    assert!(is_open(&port, publisher.turn).await);
    publisher.end(None).await;
    assert!(!is_open(&port, publisher.turn).await);
}

async fn a_watcher_gets_everything_in_order(port: Feed) {
    for failure in [
        None,
        Some(TurnFailure { code: FailureCode::RateLimited, retry_after: Some(Duration::from_secs(7)) }),
        Some(TurnFailure { code: FailureCode::Internal, retry_after: None }),
    ] {
        let mut publisher = Publisher::open(&port).await;
        let mut events = publisher.watch().await;
        for text in TEXTS {
            publisher.say(text).await;
        }
        publisher.end(failure).await;
        read_all(&mut events, publisher.turn, &TEXTS.concat(), failure).await;
    }
    let silent = Publisher::open(&port).await;
    let mut events = silent.watch().await;
    silent.end(None).await;
    read_all(&mut events, silent.turn, "", None).await;
}

async fn every_event_comes_as_soon_as_it_is_known(port: Feed) {
    let mut publisher = Publisher::open(&port).await;
    let mut events = publisher.watch().await;
    assert_eq!(next(&mut events).await, Some(TurnEvent::Started(started(publisher.turn))));
    let mut reply = String::new();
    for text in TEXTS {
        let waiting = tokio::time::timeout(Duration::from_millis(2), events.next()).await;
        assert!(waiting.is_err(), "an event that nobody published: {waiting:?}");
        publisher.say(text).await;
        read(&mut events, &mut reply, publisher.reply.len()).await;
    }
    assert_eq!(reply, publisher.reply);
}

async fn whoever_comes_late_gets_it_from_the_beginning(port: Feed) {
    let mut publisher = Publisher::open(&port).await;
    let mut watchers = Vec::new();
    for text in TEXTS {
        publisher.say(text).await;
        watchers.push(publisher.watch().await);
    }
    publisher.end(None).await;
    for mut events in watchers {
        read_all(&mut events, publisher.turn, &publisher.reply, None).await;
    }
}

async fn a_watcher_reads_on_after_the_end(port: Feed) {
    let mut publisher = Publisher::open(&port).await;
    publisher.say("Some").await;
    let mut events = publisher.watch().await;
    assert_eq!(next(&mut events).await, Some(TurnEvent::Started(started(publisher.turn))));
    let mut reply = String::new();
    read(&mut events, &mut reply, 4).await;
    publisher.say(" more").await;
    publisher.end(None).await;
    let turn = publisher.turn;
    drop(publisher);
    drop(port);
    read(&mut events, &mut reply, 9).await;
    assert_eq!(reply, "Some more");
    let ended = TurnEvent::Ended { turn: Box::new(done(turn, "Some more", None)), failure: None };
    assert_eq!(next(&mut events).await, Some(ended));
    assert_eq!(next(&mut events).await, None);
}

async fn deltas_are_cut_between_characters(port: Feed) {
    let mut publisher = Publisher::open(&port).await;
    let events = publisher.watch().await;
    // Deltas are strings already: what is checked is that joining and cutting them again keeps them whole.
    let text = "é日😀".repeat(20_000);
    let turn = publisher.turn;
    let expected = text.clone();
    let reader = tokio::spawn(async move {
        let mut events = events;
        read_all(&mut events, turn, &expected, None).await;
    });
    for part in text.chars().collect::<Vec<char>>().chunks(7) {
        publisher.say(&part.iter().collect::<String>()).await;
    }
    publisher.end(None).await;
    reader.await.unwrap();
}

async fn a_slow_watcher_slows_nobody_and_loses_nothing(port: Feed) {
    let mut publisher = Publisher::open(&port).await;
    let mut idle = publisher.watch().await;
    let mut slow = publisher.watch().await;
    assert_eq!(next(&mut slow).await, Some(TurnEvent::Started(started(publisher.turn))));
    let publishing = async {
        for index in 0..5_000 {
            publisher.say(&format!("word {index} ")).await;
        }
        publisher.end(None).await;
    };
    tokio::time::timeout(Duration::from_secs(20), publishing).await.expect("the publisher waits for a watcher");
    let mut reply = String::new();
    read(&mut slow, &mut reply, publisher.reply.len()).await;
    assert_eq!(reply, publisher.reply);
    read_all(&mut idle, publisher.turn, &publisher.reply, None).await;
}

async fn a_watcher_that_leaves_disturbs_nobody(port: Feed) {
    let mut publisher = Publisher::open(&port).await;
    let mut leaving = publisher.watch().await;
    let mut staying = publisher.watch().await;
    publisher.say("One").await;
    next(&mut leaving).await;
    drop(leaving);
    publisher.say(", two").await;
    publisher.end(None).await;
    read_all(&mut staying, publisher.turn, "One, two", None).await;
}

async fn many_watchers_get_the_same(port: Feed) {
    let mut publisher = Publisher::open(&port).await;
    let turn = publisher.turn;
    let words: Vec<String> = (0..300).map(|index| format!("palavra {index} ç ")).collect();
    let expected = words.concat();
    let publishing = tokio::spawn(async move {
        // Keeps the feed open until everybody is there.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for word in words {
            publisher.say(&word).await;
            tokio::task::yield_now().await;
        }
        publisher.end(None).await;
    });
    race(20, |_| {
        let (port, expected) = (Arc::clone(&port), expected.clone());
        async move {
            let mut events = port.subscribe(turn).await.unwrap().unwrap();
            read_all(&mut events, turn, &expected, None).await;
        }
    })
    .await;
    publishing.await.unwrap();
}

async fn turns_have_feeds_of_their_own(port: Feed) {
    let (mut one, mut other) = (Publisher::open(&port).await, Publisher::open(&port).await);
    let (mut first, mut second) = (one.watch().await, other.watch().await);
    one.say("one").await;
    other.say("the other").await;
    one.end(None).await;
    assert!(is_open(&port, other.turn).await);
    other.end(None).await;
    read_all(&mut first, one.turn, "one", None).await;
    read_all(&mut second, other.turn, "the other", None).await;
}

async fn nobody_watches_another_users_turn(port: Feed) {
    let mut publisher = Publisher::open(&port).await;
    publisher.say("secret").await;
    let stranger = TurnRef { user: user_id(), ..publisher.turn };
    assert!(!is_open(&port, stranger).await);
}
