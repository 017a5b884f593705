//! Prompts and their answers.
//!
//! One prompt runs in one task, from writing it down to settling it ([`answer`]), so that whoever sent it may go away at
//! any time. The sender waits for the task's signals; a watcher reads the turn's feed.

mod answer;
mod context;
mod recall;

use crate::{
    policy::{Policy, Ports},
    remember::Remember,
};
use answer::Answering;
use futures::stream::BoxStream;
use palavra_domain::{
    ApiKey, ChatId, InvalidValue, ModelId, Prompt, StoreError, Turn, TurnFailure, User, UserId, VaultError,
    ports::{TurnEvent, TurnStarted},
};
use std::sync::Arc;
use thiserror::Error;
use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// A prompt as it comes in.
#[derive(Clone, Debug)]
pub struct PromptRequest {
    /// The chat it continues; a new one when `None`.
    pub chat: Option<ChatId>,
    /// What is asked.
    pub prompt: String,
    /// The model to ask; the user's default, then the deployment's, when `None`.
    pub model: Option<ModelId>,
    /// Whether the sender wants to watch the answer come.
    pub watch: bool,
    /// Whether memories may be recalled for it and learnt from it, if the account allows it.
    pub memory: bool,
}

/// A prompt that is written down and on its way to the model.
pub struct Accepted {
    /// What the turn began with.
    pub started: TurnStarted,
    /// Comes when the turn has ended. Closed without a value only when the process is ending.
    pub ended: oneshot::Receiver<EndedTurn>,
    /// What happens until then, from the beginning; `Some` when it was asked for.
    pub events: Option<BoxStream<'static, TurnEvent>>,
}

/// A turn that has ended, answered or not.
#[derive(Clone, Debug)]
pub struct EndedTurn {
    /// As it is stored.
    pub turn: Turn,
    /// Why it failed, if it did.
    pub failure: Option<TurnFailure>,
}

/// Why a prompt was not taken. Nothing is written down then.
#[derive(Debug, Error)]
pub enum SendPromptError {
    /// The account is gone.
    #[error("there is no such user")]
    UnknownUser,
    /// The user has handed over no key.
    #[error("the user has no key")]
    KeyMissing,
    /// The prompt cannot be taken.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// The user has no such chat.
    #[error("there is no such chat")]
    ChatNotFound,
    /// Another prompt of this chat is being answered.
    #[error("the chat is busy")]
    ChatBusy,
    /// The process is ending.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Prompts and their answers.
#[derive(Clone)]
pub struct Prompts {
    ports: Arc<Ports>,
    policy: Arc<Policy>,
    tasks: Tasks,
    remember: Remember,
}

/// Where answers are generated: a runtime that outlives the connection that a prompt came over.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    runtime: Handle,
}

impl Tasks {
    /// Tasks of the current runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn here() -> Self {
        Self { tracker: TaskTracker::new(), runtime: Handle::current() }
    }

    /// Takes no more prompts, and waits until those under way are settled.
    pub async fn finish(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// A prompt that may be asked: who asks, with which key, and what.
struct Checked {
    user: User,
    key: ApiKey,
    prompt: Prompt,
    model: ModelId,
    chat: Option<ChatId>,
    watch: bool,
    /// Whether memories are recalled for it and learnt from it.
    memory: bool,
}

impl Prompts {
    pub(crate) fn new(ports: Arc<Ports>, policy: Arc<Policy>, tasks: Tasks, remember: Remember) -> Self {
        Self { ports, policy, tasks, remember }
    }

    /// Writes a prompt down and has it answered. Returns when the model is about to be asked; the answer is generated
    /// and settled whether or not anybody waits for it.
    pub async fn send(&self, user: UserId, request: PromptRequest) -> Result<Accepted, SendPromptError> {
        if self.tasks.tracker.is_closed() {
            return Err(SendPromptError::ShuttingDown);
        }
        let span = tracing::debug_span!("prompt");
        let checked = self.check(user, request).instrument(span.clone()).await?;
        let (accepted, answer) = oneshot::channel();
        let task = Answering::new(Arc::clone(&self.ports), Arc::clone(&self.policy), self.remember.clone());
        self.tasks.tracker.spawn_on(task.run(checked, accepted).instrument(span), &self.tasks.runtime);
        answer.await.unwrap_or(Err(SendPromptError::ShuttingDown))
    }

    #[tracing::instrument(name = "prompt.check", level = "debug", skip_all)]
    async fn check(&self, user: UserId, request: PromptRequest) -> Result<Checked, SendPromptError> {
        let prompt = Prompt::parse(request.prompt, self.policy.prompt_max_chars)?;
        let user = self.ports.users.find(user).await?.ok_or(SendPromptError::UnknownUser)?;
        let sealed = user.api_key.as_ref().ok_or(SendPromptError::KeyMissing)?;
        let key = self.ports.vault.open(user.id, sealed)?;
        let model =
            request.model.or_else(|| user.default_model.clone()).unwrap_or_else(|| self.policy.default_model.clone());
        let memory = request.memory && user.memory_enabled;
        Ok(Checked { user, key, prompt, model, chat: request.chat, watch: request.watch, memory })
    }
}
