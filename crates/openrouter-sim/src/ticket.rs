//! A call from its arrival to its end.

use crate::{
    billing::{cost, dollars, raw},
    catalogue::SimModel,
    record::Entry,
    state::{Generation, State},
};
use actix_web::web;
use std::sync::Arc;

/// Accompanies a call. When it is dropped before [`Ticket::finish`], the client went away.
#[derive(Debug)]
pub(crate) struct Ticket {
    state: web::Data<State>,
    entry: Option<Arc<Entry>>,
    answer: Option<Answer>,
    finished: bool,
}

/// An answer that is to be billed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) key: Option<String>,
    pub(crate) id: String,
    pub(crate) model: &'static SimModel,
    pub(crate) streamed: bool,
    pub(crate) prompt_tokens: u64,
    pub(crate) finish_reason: &'static str,
    /// Bytes of text that went out.
    pub(crate) sent: usize,
}

impl Ticket {
    pub(crate) fn new(state: web::Data<State>, entry: Option<Arc<Entry>>) -> Self {
        Self { state, entry, answer: None, finished: false }
    }

    pub(crate) fn answers(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(answer) = &mut self.answer {
            answer.sent += bytes;
        }
    }

    /// Everything that was to be sent has been.
    pub(crate) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(entry) = &self.entry {
            if self.finished {
                entry.finished();
            } else {
                entry.client_gone();
            }
        }
        if let Some(answer) = self.answer.take() {
            let completion = (answer.sent as u64).div_ceil(4);
            let generation = Generation {
                id: answer.id,
                model: answer.model.id,
                streamed: answer.streamed,
                cancelled: !self.finished,
                finish_reason: self.finished.then_some(answer.finish_reason),
                tokens_prompt: answer.prompt_tokens,
                tokens_completion: completion,
                total_cost: raw(dollars(cost(answer.model, answer.prompt_tokens, completion))),
                provider_name: "Simulated",
            };
            self.state.keep(answer.key, generation);
        }
    }
}
