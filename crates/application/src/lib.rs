//! Use cases over the ports, and decorators of ports.
//!
//! [`Application`] is what a face (HTTP today) is given: one service a part of the product. Services hold ports and the
//! [`Policy`]; they know neither JSON nor drivers. [`decorators`] implement a port over another implementation of it.

mod accounts;
mod auth;
mod calibration;
mod chats;
mod copy;
pub mod decorators;
mod doctor;
mod housekeeping;
mod login_limit;
mod memories;
mod policy;
mod prompt;
mod reembed;
mod remember;
mod spaces;

pub use accounts::{AccountError, Accounts, PasswordChange, ProfileChange, Registration};
pub use auth::{Auth, AuthError, LoginError, Tokens};
pub use calibration::Calibration;
pub use chats::{ChatError, Chats, History, Learnt};
pub use copy::{Archives, Checksum, CopiedPart, CopyError, CopyReport, CopyStep, Copying, Listed, Watch};
pub use doctor::{Doctor, Finding, LookedAt, Report, StoreCheck, StoreReport};
pub use housekeeping::Housekeeping;
pub use memories::{Export, Memories, MemoryError};
pub use policy::{LoginPolicy, MemoryPolicy, Policy, Ports};
pub use prompt::{Accepted, EndedTurn, PromptRequest, Prompts, SendPromptError, Tasks};
pub use reembed::{
    Follower, OpenEmbedder, ReembedPace, ReembedState, Reembedding, ask as ask_to_reembed, cancel as cancel_reembedding,
};
pub use remember::{Gate, Remember};
pub use spaces::{MemorySpace, Spaces};

use palavra_domain::ports::ModelCatalog;
use std::sync::Arc;

/// The most characters of a prompt that are embedded: embedding models take some hundreds to some thousands of tokens.
pub(crate) const EMBED_MAX_CHARS: usize = 8_000;

/// All use cases, composed.
#[derive(Clone)]
pub struct Application {
    /// Registration and profile.
    pub accounts: Accounts,
    /// Logins and tokens.
    pub auth: Auth,
    /// Prompts and their answers.
    pub prompts: Prompts,
    /// Chats and their history.
    pub chats: Chats,
    /// Memories by hand.
    pub memories: Memories,
    /// The model catalogue.
    pub catalog: Arc<dyn ModelCatalog>,
    /// Memories from prompts.
    pub remember: Remember,
    /// What is done from time to time, and at start-up.
    pub housekeeping: Housekeeping,
}

impl Application {
    /// Composes the use cases over `ports`. Answers are generated in `tasks`; finish them before the runtime ends.
    #[must_use]
    pub fn new(ports: Arc<Ports>, policy: Policy, tasks: Tasks) -> Self {
        let policy = Arc::new(policy);
        let remember = Remember::new(Arc::clone(&ports), Arc::clone(&policy));
        Self {
            accounts: Accounts::new(Arc::clone(&ports), Arc::clone(&policy)),
            auth: Auth::new(Arc::clone(&ports), Arc::clone(&policy)),
            prompts: Prompts::new(Arc::clone(&ports), Arc::clone(&policy), tasks, remember.clone()),
            chats: Chats::new(Arc::clone(&ports)),
            memories: Memories::new(Arc::clone(&ports), Arc::clone(&policy)),
            catalog: Arc::clone(&ports.catalog),
            remember,
            housekeeping: Housekeeping::new(ports, policy),
        }
    }
}
