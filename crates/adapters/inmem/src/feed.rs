//! The feed from the task that answers a turn to whoever watches it.

use crate::locked::locked;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use palavra_domain::{
    StoreError, Turn, TurnFailure, TurnRef,
    ports::{TurnEvent, TurnFeed, TurnStarted},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// What is known of a turn. Deltas are one growing text: a watcher takes what it has not seen, however long it was away.
struct Story {
    started: TurnStarted,
    reply: String,
    ended: Option<(Box<Turn>, Option<TurnFailure>)>,
}

/// A feed that is open. The story outlives it for those who still read; that it was closed they learn from `news`, whose
/// sender is dropped with it.
struct Open {
    story: Arc<Mutex<Story>>,
    news: watch::Sender<()>,
}

/// Carries the events of turns within this process. Publishing never waits; a turn takes the memory of its reply, until it
/// has ended and its last watcher has gone.
#[derive(Default)]
pub struct InProcessTurnFeed {
    open: Mutex<HashMap<TurnRef, Open>>,
}

impl InProcessTurnFeed {
    /// A feed of no turns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Adds a delta to the reply, if it is the next one.
fn append(reply: &mut String, text: &str, end: usize) -> Result<(), StoreError> {
    if reply.len() + text.len() != end {
        let message = format!("a delta ends at byte {end}, not {} after {}", reply.len() + text.len(), reply.len());
        return Err(StoreError::Unexpected { source: message.into() });
    }
    reply.push_str(text);
    Ok(())
}

#[async_trait]
impl TurnFeed for InProcessTurnFeed {
    async fn publish(&self, turn: TurnRef, event: TurnEvent) -> Result<(), StoreError> {
        let mut open = locked(&self.open);
        match event {
            TurnEvent::Started(started) => {
                let story = Story { started, reply: String::new(), ended: None };
                let (news, _) = watch::channel(());
                open.insert(turn, Open { story: Arc::new(Mutex::new(story)), news });
            }
            TurnEvent::Delta { text, end } => {
                // Without a feed there is nobody to tell.
                if let Some(feed) = open.get(&turn) {
                    append(&mut locked(&feed.story).reply, &text, end)?;
                    feed.news.send_replace(());
                }
            }
            TurnEvent::Ended { turn: stored, failure } => {
                if let Some(feed) = open.remove(&turn) {
                    locked(&feed.story).ended = Some((stored, failure));
                }
            }
        }
        Ok(())
    }

    async fn subscribe(&self, turn: TurnRef) -> Result<Option<BoxStream<'static, TurnEvent>>, StoreError> {
        let open = locked(&self.open);
        let watcher = open.get(&turn).map(|feed| Watcher {
            story: Arc::clone(&feed.story),
            news: feed.news.subscribe(),
            place: Place::Beginning,
        });
        Ok(watcher.map(|watcher| stream::unfold(watcher, Watcher::next).boxed()))
    }
}

/// How far a watcher has read.
#[derive(Clone, Copy)]
enum Place {
    Beginning,
    /// After so many bytes of the reply.
    Reply(usize),
    End,
}

struct Watcher {
    story: Arc<Mutex<Story>>,
    news: watch::Receiver<()>,
    place: Place,
}

impl Watcher {
    async fn next(mut self) -> Option<(TurnEvent, Self)> {
        let mut closed = false;
        loop {
            if let Some(event) = self.read() {
                return Some((event, self));
            }
            if closed || matches!(self.place, Place::End) {
                return None;
            }
            // Closed feeds are read once more: the end is written before the sender is dropped.
            closed = self.news.changed().await.is_err();
        }
    }

    /// What has happened since it last read, if anything has.
    fn read(&mut self) -> Option<TurnEvent> {
        // Before reading, so that what comes meanwhile counts as news.
        self.news.mark_unchanged();
        let story = locked(&self.story);
        let (event, place) = match self.place {
            Place::Beginning => (TurnEvent::Started(story.started.clone()), Place::Reply(0)),
            Place::Reply(read) if read < story.reply.len() => {
                let end = story.reply.len();
                (TurnEvent::Delta { text: story.reply.get(read..)?.to_owned(), end }, Place::Reply(end))
            }
            Place::Reply(_) => {
                let (turn, failure) = story.ended.clone()?;
                (TurnEvent::Ended { turn, failure }, Place::End)
            }
            Place::End => return None,
        };
        drop(story);
        self.place = place;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palavra_contracts::samples::{chat_id, turn_id, user_id};

    fn started() -> (TurnRef, TurnEvent) {
        let turn = TurnRef { user: user_id(), chat: chat_id(), turn: turn_id() };
        (turn, TurnEvent::Started(TurnStarted { turn, seq: 1, model: "vendor/model".into(), recalled: Vec::new() }))
    }

    #[tokio::test]
    async fn a_delta_that_is_not_the_next_is_refused() {
        let feed = InProcessTurnFeed::new();
        let (turn, begin) = started();
        feed.publish(turn, begin).await.unwrap();
        for end in [0, 2, 4] {
            assert!(feed.publish(turn, TurnEvent::Delta { text: "abc".into(), end }).await.is_err(), "{end}");
        }
        feed.publish(turn, TurnEvent::Delta { text: "abc".into(), end: 3 }).await.unwrap();
    }

    #[tokio::test]
    async fn a_feed_that_is_opened_anew_ends_for_its_old_watchers() {
        let feed = InProcessTurnFeed::new();
        let (turn, begin) = started();
        feed.publish(turn, begin.clone()).await.unwrap();
        let old = feed.subscribe(turn).await.unwrap().unwrap();
        feed.publish(turn, begin.clone()).await.unwrap();
        assert_eq!(old.collect::<Vec<_>>().await, vec![begin]);
    }
}
