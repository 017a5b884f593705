//! One prompt, from writing it down to settling it.

use super::{
    Accepted, Checked, EndedTurn, SendPromptError,
    context::{Context, window},
    recall::recall,
};
use crate::{
    policy::{Policy, Ports},
    remember::Remember,
};
use futures::StreamExt;
use palavra_domain::{
    Attempt, BeginOutcome, BeginTurn, ChatId, ChatTarget, ChatTitle, Checkpoint, CompletionEvent, CompletionRequest,
    Exchange, FailureCode, Lease, Message, ModelError, ModelInfo, RecalledMemory, ResponseFormat, SettleOutcome,
    Settlement, StoreError, Turn, TurnFailure, TurnId, TurnRef, TurnStatus,
    ports::{TurnEvent, TurnStarted},
};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::{sync::oneshot, time::Instant};

/// How many turns are read at once for a context.
const HISTORY_PAGE: usize = 50;
/// How long the catalogue may take before the default window is used.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest reply that is kept, in bytes.
const REPLY_MAX_BYTES: usize = 8 << 20;
/// How often settling is tried before the turn is left to housekeeping, and how long it waits the first time.
const SETTLE_TRIES: u32 = 6;
const SETTLE_WAIT: Duration = Duration::from_millis(100);

/// The reply so far, and what is known of the call.
struct Progress {
    reply: String,
    attempt: Attempt,
    recalled: Vec<RecalledMemory>,
}

pub(super) struct Answering {
    ports: Arc<Ports>,
    policy: Arc<Policy>,
    remember: Remember,
}

impl Answering {
    pub(super) fn new(ports: Arc<Ports>, policy: Arc<Policy>, remember: Remember) -> Self {
        Self { ports, policy, remember }
    }

    /// Takes a prompt all the way. `accepted` is told when the model is about to be asked, or why that will not be.
    pub(super) async fn run(self, checked: Checked, accepted: oneshot::Sender<Result<Accepted, SendPromptError>>) {
        let begun = Instant::now();
        let turn = match self.begin(&checked).await {
            Ok(turn) => turn,
            Err(error) => {
                // The sender may have gone; there is nobody else to tell.
                drop(accepted.send(Err(error)));
                return;
            }
        };
        let reference = turn.reference();
        let (messages, recalled) = self.prepare(&checked, &turn).await;
        let started = TurnStarted {
            turn: reference,
            seq: turn.seq,
            model: checked.model.as_str().to_owned(),
            recalled: recalled.clone(),
        };
        self.publish(reference, TurnEvent::Started(started.clone())).await;
        let events = if checked.watch { self.ports.feed.subscribe(reference).await.unwrap_or_default() } else { None };
        let (tell_end, ended) = oneshot::channel();
        drop(accepted.send(Ok(Accepted { started, ended, events })));

        let attempt = turn.attempts.first().cloned();
        let attempt = attempt.unwrap_or_else(|| Attempt::new(self.ports.ids.next(), checked.model.clone()));
        let mut progress = Progress { reply: String::new(), attempt, recalled };
        let generated = self.generate(&checked, &turn, messages, &mut progress).await;
        let failure = generated.as_ref().err().map(TurnFailure::from);
        if let Err(error) = &generated {
            tracing::info!(error = error as &dyn Error, turn = %turn.id, model = %checked.model, "a turn has no answer");
        }
        let ended = self.settle(turn, progress, failure).await;
        let outcome = ended.failure.map_or(ended.turn.status.as_str(), |failure| failure.code.as_str());
        metrics::counter!("palavra_turns_total", "outcome" => outcome).increment(1);
        metrics::histogram!("palavra_turn_seconds").record(begun.elapsed().as_secs_f64());
        if ended.turn.memory_job.is_some() {
            self.remember.wake();
        }
        let event = TurnEvent::Ended { turn: Box::new(ended.turn.clone()), failure: ended.failure };
        self.publish(reference, event).await;
        drop(tell_end.send(ended));
    }

    #[tracing::instrument(name = "prompt.begin", level = "debug", skip_all)]
    async fn begin(&self, checked: &Checked) -> Result<Turn, SendPromptError> {
        let ids = &self.ports.ids;
        let target = match checked.chat {
            Some(chat) => ChatTarget::Existing(chat),
            None => ChatTarget::New { id: ChatId::new(ids.next()), title: ChatTitle::from_prompt(&checked.prompt) },
        };
        let now = self.ports.clock.now();
        let begin = BeginTurn {
            user: checked.user.id,
            target,
            turn: TurnId::new(ids.next()),
            prompt: checked.prompt.clone(),
            memory_allowed: checked.memory,
            attempt: Attempt::new(ids.next(), checked.model.clone()),
            lease: Lease { owner: self.policy.instance, until: now.plus(self.policy.lease) },
            now,
        };
        match self.ports.chats.begin_turn(&begin).await? {
            BeginOutcome::Begun(turn) => Ok(turn),
            BeginOutcome::Busy => Err(SendPromptError::ChatBusy),
            BeginOutcome::NotFound => Err(SendPromptError::ChatNotFound),
        }
    }

    /// Reads what the context is built from, all at once, and builds it.
    async fn prepare(&self, checked: &Checked, turn: &Turn) -> (Vec<Message>, Vec<RecalledMemory>) {
        let prompt = checked.prompt.as_str();
        let (model, recent, recalled) = tokio::join!(self.model_info(checked), self.history(turn, turn.seq), async {
            if !checked.memory {
                return Vec::new();
            }
            recall(&self.ports, &self.policy, &checked.user, &checked.key, prompt).await
        },);
        let window = window(model.as_ref(), self.policy.default_context_tokens);
        let mut context = Context::new(window, &self.policy.system_prompt, &recalled, prompt);
        let mut page = recent;
        loop {
            let last = page.len() < HISTORY_PAGE;
            context.add(page);
            match context.oldest() {
                Some(oldest) if !last && !context.is_full() => page = self.history(turn, oldest).await,
                Some(_) | None => return (context.into_messages(), recalled),
            }
        }
    }

    #[tracing::instrument(name = "prompt.catalogue", level = "debug", skip_all)]
    async fn model_info(&self, checked: &Checked) -> Option<ModelInfo> {
        match tokio::time::timeout(CATALOG_TIMEOUT, self.ports.catalog.find(&checked.model)).await {
            Ok(Ok(model)) => model,
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn Error, "no catalogue: the default window is used");
                None
            }
            Err(_elapsed) => {
                tracing::warn!("the catalogue did not come in time: the default window is used");
                None
            }
        }
    }

    /// A page of the chat's complete turns. Without its history a prompt can still be answered.
    #[tracing::instrument(name = "prompt.history", level = "debug", skip_all)]
    async fn history(&self, turn: &Turn, before: u32) -> Vec<Exchange> {
        if before <= 1 {
            return Vec::new();
        }
        match self.ports.chats.recent_exchanges(turn.user_id, turn.chat_id, before, HISTORY_PAGE).await {
            Ok(exchanges) => exchanges,
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, turn = %turn.id, "a prompt goes without its history");
                Vec::new()
            }
        }
    }

    #[tracing::instrument(name = "prompt.model", level = "debug", skip_all)]
    async fn generate(
        &self,
        checked: &Checked,
        turn: &Turn,
        messages: Vec<Message>,
        progress: &mut Progress,
    ) -> Result<(), ModelError> {
        let request = CompletionRequest {
            model: checked.model.clone(),
            messages,
            format: ResponseFormat::Text,
            max_tokens: None,
            temperature: None,
            end_user: checked.user.id.to_string(),
        };
        let reading = self.read(checked, turn, &request, progress);
        tokio::time::timeout(self.policy.generation_timeout, reading).await.unwrap_or(Err(ModelError::Timeout))
    }

    async fn read(
        &self,
        checked: &Checked,
        turn: &Turn,
        request: &CompletionRequest,
        progress: &mut Progress,
    ) -> Result<(), ModelError> {
        let reference = turn.reference();
        let mut checkpoint = tokio::time::interval(self.policy.checkpoint_every);
        checkpoint.reset();
        let opening = self.ports.model.stream(&checked.key, request);
        tokio::pin!(opening);
        let mut stream = loop {
            tokio::select! {
                stream = &mut opening => break stream?,
                _ = checkpoint.tick() => self.checkpoint(reference, progress).await,
            }
        };
        loop {
            let event = tokio::select! {
                event = stream.next() => event,
                _ = checkpoint.tick() => {
                    self.checkpoint(reference, progress).await;
                    continue;
                }
            };
            match event {
                Some(Ok(CompletionEvent::Started { generation_id })) => progress.attempt.generation_id = generation_id,
                Some(Ok(CompletionEvent::Delta(text))) => {
                    // Nothing of ours stores U+0000, whoever writes it.
                    let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
                    progress.reply.push_str(&text);
                    if progress.reply.len() > REPLY_MAX_BYTES {
                        return Err(ModelError::Malformed { source: "the answer does not end".into() });
                    }
                    self.publish(reference, TurnEvent::Delta { text, end: progress.reply.len() }).await;
                }
                Some(Ok(CompletionEvent::Finished(finish))) => {
                    let attempt = &mut progress.attempt;
                    attempt.generation_id = finish.generation_id.or(attempt.generation_id.take());
                    attempt.model_answered = finish.model;
                    attempt.finish_reason = finish.finish_reason;
                    attempt.usage = finish.usage;
                    return Ok(());
                }
                Some(Err(error)) => return Err(error),
                None => return Err(ModelError::Interrupted),
            }
        }
    }

    /// Saves what has come, and shows that this process is alive. What is not saved now is saved with the next.
    async fn checkpoint(&self, turn: TurnRef, progress: &Progress) {
        let checkpoint = Checkpoint {
            reply: progress.reply.clone(),
            attempts: vec![progress.attempt.clone()],
            recalled: progress.recalled.clone(),
            lease_until: self.ports.clock.now().plus(self.policy.lease),
        };
        if let Err(error) = self.ports.chats.checkpoint(turn, &checkpoint).await {
            tracing::warn!(error = &error as &dyn Error, turn = %turn.turn, "a checkpoint was not saved");
        }
    }

    /// Settles the turn. While the store is down it is tried again for some seconds; after that the answer is given as a
    /// failure, and housekeeping frees the chat when the lease is over.
    #[tracing::instrument(name = "prompt.settle", level = "debug", skip_all)]
    async fn settle(&self, turn: Turn, progress: Progress, failure: Option<TurnFailure>) -> EndedTurn {
        let now = self.ports.clock.now();
        let status = if failure.is_some() { TurnStatus::Failed } else { TurnStatus::Complete };
        let reply = if failure.is_some() && progress.reply.is_empty() { None } else { Some(progress.reply) };
        let settlement = Settlement {
            status,
            reply,
            failure: failure.map(|failure| failure.code),
            attempts: vec![progress.attempt],
            recalled: progress.recalled,
            remember_at: (failure.is_none() && self.remember.is_worth_it(&turn)).then_some(now),
            finished_at: now,
        };
        match self.settle_patiently(turn.reference(), &settlement).await {
            Ok(SettleOutcome::Settled(turn) | SettleOutcome::AlreadySettled(turn)) => EndedTurn { turn, failure },
            Ok(SettleOutcome::Gone) => EndedTurn { turn: settled(turn, settlement), failure },
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, turn = %turn.id, "a turn could not be settled");
                let failure = TurnFailure::from(&error);
                let lost = Settlement { status: TurnStatus::Failed, failure: Some(failure.code), ..settlement };
                EndedTurn { turn: settled(turn, lost), failure: Some(failure) }
            }
        }
    }

    async fn settle_patiently(&self, turn: TurnRef, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        let mut wait = SETTLE_WAIT;
        for _ in 1..SETTLE_TRIES {
            match self.ports.chats.settle_turn(turn, settlement).await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(error = &error as &dyn Error, turn = %turn.turn, "settling is tried again");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                done => return done,
            }
        }
        self.ports.chats.settle_turn(turn, settlement).await
    }

    /// Makes an event known. Watching is a convenience: the turn's record does not depend on it.
    async fn publish(&self, turn: TurnRef, event: TurnEvent) {
        if let Err(error) = self.ports.feed.publish(turn, event).await {
            tracing::warn!(error = &error as &dyn Error, turn = %turn.turn, "an event was not published");
        }
    }
}

/// The turn as the settlement would have left it, for a turn whose record is gone or cannot be written.
fn settled(turn: Turn, settlement: Settlement) -> Turn {
    Turn {
        status: settlement.status,
        reply: settlement.reply,
        failure: settlement.failure.or((settlement.status == TurnStatus::Failed).then_some(FailureCode::Internal)),
        attempts: settlement.attempts,
        recalled: settlement.recalled,
        finished_at: Some(settlement.finished_at),
        memory_job: None,
        ..turn
    }
}
