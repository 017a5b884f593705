//! What a model is to answer to one call.

use super::Gate;
use palavra_domain::{CompletionFinish, ModelError, Usage};
use std::{collections::VecDeque, time::Duration};

/// What every answer uses unless its script says otherwise: 10 tokens sent, 5 answered, 15 together, 0.000015 dollars.
#[must_use]
pub fn default_usage() -> Usage {
    Usage { prompt_tokens: Some(10), completion_tokens: Some(5), total_tokens: Some(15), cost: "0.000015".parse().ok() }
}

/// The course of one call. It ends with a usual finish, unless it fails or hangs before.
///
/// `Script::new().say("Hel").gate(&gate).say("lo")` is an answer that stops until the test opens the gate.
#[derive(Debug)]
pub struct Script {
    pub(super) opening: Opening,
    pub(super) steps: VecDeque<Step>,
    pub(super) finish: CompletionFinish,
}

/// What happens before the provider has accepted the call.
#[derive(Debug)]
pub(super) enum Opening {
    Accepts,
    AcceptsAfter(Gate),
    Refuses(ModelError),
    Hangs,
}

/// What happens after that, one after the other.
#[derive(Debug)]
pub(super) enum Step {
    Say(String),
    Wait(Duration),
    Gate(Gate),
    Fail(ModelError),
    Hang,
}

impl Script {
    /// An answer without text, to which steps are added.
    #[must_use]
    pub fn new() -> Self {
        let finish = CompletionFinish {
            generation_id: None,
            model: None,
            finish_reason: Some("stop".into()),
            usage: default_usage(),
        };
        Self { opening: Opening::Accepts, steps: VecDeque::new(), finish }
    }

    /// An answer of this text, which comes a word at a time.
    #[must_use]
    pub fn reply(text: &str) -> Self {
        text.split_inclusive(' ').fold(Self::new(), Self::say)
    }

    /// A call that is not accepted.
    #[must_use]
    pub fn refused(error: ModelError) -> Self {
        Self { opening: Opening::Refuses(error), ..Self::new() }
    }

    /// A call that is neither accepted nor refused, ever.
    #[must_use]
    pub fn silent() -> Self {
        Self { opening: Opening::Hangs, ..Self::new() }
    }

    /// Is accepted only once the gate is open.
    #[must_use]
    pub fn opened_by(self, gate: &Gate) -> Self {
        Self { opening: Opening::AcceptsAfter(gate.clone()), ..self }
    }

    /// Then more text, as one delta; nothing when it is empty.
    #[must_use]
    pub fn say(self, text: &str) -> Self {
        if text.is_empty() { self } else { self.step(Step::Say(text.into())) }
    }

    /// Then a pause.
    #[must_use]
    pub fn wait(self, pause: Duration) -> Self {
        self.step(Step::Wait(pause))
    }

    /// Then a stand at the gate until it is open.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> Self {
        self.step(Step::Gate(gate.clone()))
    }

    /// Then a failure, which ends the answer.
    #[must_use]
    pub fn fail(self, error: ModelError) -> Self {
        self.step(Step::Fail(error))
    }

    /// Then nothing any more: the answer neither goes on nor ends.
    #[must_use]
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Uses this.
    #[must_use]
    pub fn using(mut self, usage: Usage) -> Self {
        self.finish.usage = usage;
        self
    }

    /// Is answered by this model; by the one that was asked unless this is said.
    #[must_use]
    pub fn answered_by(mut self, model: &str) -> Self {
        self.finish.model = Some(model.into());
        self
    }

    /// Ends for this reason; `stop` unless this is said.
    #[must_use]
    pub fn ended_by(mut self, finish_reason: &str) -> Self {
        self.finish.finish_reason = Some(finish_reason.into());
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}
