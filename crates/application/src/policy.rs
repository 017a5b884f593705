//! What the use cases are given: the ports, and what the deployment decided.

use crate::Spaces;
use palavra_domain::{
    InstanceId, ModelId,
    ports::{
        ApiKeyInspector, ChatModel, ChatRepository, Clock, IdSource, KeyVault, ModelCatalog, PasswordHasher, Quota,
        RateLimiter, SessionStore, TokenIssuer, TurnFeed, UserRepository,
    },
    recall::Rules,
};
use std::{sync::Arc, time::Duration};

/// Everything that the use cases need of the outside.
#[derive(Clone)]
#[allow(missing_docs, reason = "each field is documented by the port that it holds")]
pub struct Ports {
    pub users: Arc<dyn UserRepository>,
    pub sessions: Arc<dyn SessionStore>,
    pub chats: Arc<dyn ChatRepository>,
    pub spaces: Arc<Spaces>,
    pub limiter: Arc<dyn RateLimiter>,
    pub feed: Arc<dyn TurnFeed>,
    pub model: Arc<dyn ChatModel>,
    pub catalog: Arc<dyn ModelCatalog>,
    pub inspector: Arc<dyn ApiKeyInspector>,
    pub vault: Arc<dyn KeyVault>,
    pub hasher: Arc<dyn PasswordHasher>,
    pub tokens: Arc<dyn TokenIssuer>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
}

/// What the deployment decided.
#[derive(Clone, Debug)]
pub struct Policy {
    /// This process, as leases name it.
    pub instance: InstanceId,
    /// The most characters a prompt may have.
    pub prompt_max_chars: usize,
    /// The model for prompts and users that name none.
    pub default_model: ModelId,
    /// The window of a model that the catalogue does not have, in tokens.
    pub default_context_tokens: u32,
    /// What every conversation begins with.
    pub system_prompt: String,
    /// How long an answer may take in all.
    pub generation_timeout: Duration,
    /// How long a turn or a job is taken for alive without a sign of life.
    pub lease: Duration,
    /// How often the part of an answer that has come is saved.
    pub checkpoint_every: Duration,
    /// How long a session lives without being renewed.
    pub session_ttl: Duration,
    /// How failed logins are limited.
    pub login: LoginPolicy,
    /// How memory works.
    pub memory: MemoryPolicy,
}

/// How failed logins are limited; a successful one fills the first bucket again.
#[derive(Clone, Copy, Debug)]
pub struct LoginPolicy {
    /// For one name from one address.
    pub per_name_and_address: Quota,
    /// For one name from anywhere.
    pub per_name: Quota,
    /// For any name from one address.
    pub per_address: Quota,
}

/// How memory works.
#[derive(Clone, Debug)]
pub struct MemoryPolicy {
    /// The model that extracts; the turn's own when `None`.
    pub extraction_model: Option<ModelId>,
    /// How memories are chosen for a prompt; the floor is the one of the space that they are in.
    pub recall: Rules,
    /// How long recall may take before a prompt goes without.
    pub recall_timeout: Duration,
    /// How many prompts are remembered from at once.
    pub workers: usize,
    /// How long remembering one prompt may take.
    pub job_timeout: Duration,
    /// How often a job is tried before it is parked.
    pub max_tries: u32,
    /// How long a job waits after its first failure; twice as long after each further one.
    pub retry_base: Duration,
}
