use crate::{RecalledMemory, StoreError, Turn, TurnFailure, TurnRef};
use async_trait::async_trait;
use futures::stream::BoxStream;

/// What a turn began with.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnStarted {
    /// Which.
    pub turn: TurnRef,
    /// Its place in the chat.
    pub seq: u32,
    /// The model that is asked.
    pub model: String,
    /// The memories that are given to it.
    pub recalled: Vec<RecalledMemory>,
}

/// What happens while a turn is being answered.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnEvent {
    /// The model is about to be asked.
    Started(TurnStarted),
    /// More of the reply.
    Delta {
        /// The text.
        text: String,
        /// The UTF-8 byte length of the reply with this text.
        end: usize,
    },
    /// It ended and is settled like this; nothing follows.
    Ended {
        /// The turn as it is stored.
        turn: Box<Turn>,
        /// Why it failed, if it did.
        failure: Option<TurnFailure>,
    },
}

/// Carries what happens with a turn from the task that answers it to whoever watches. Generation never waits for a watcher.
#[async_trait]
pub trait TurnFeed: Send + Sync {
    /// Makes an event known. `Started` opens the feed of a turn, `Ended` closes it; watchers still get all of it.
    async fn publish(&self, turn: TurnRef, event: TurnEvent) -> Result<(), StoreError>;

    /// The events of a turn from its beginning, those already published included. Neighbouring deltas may come as one,
    /// cut only between characters. `None` when the feed is not open.
    async fn subscribe(&self, turn: TurnRef) -> Result<Option<BoxStream<'static, TurnEvent>>, StoreError>;
}
