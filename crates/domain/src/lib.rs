//! The vocabulary and the ports of Palavra: no I/O, no runtime, no driver.
//!
//! Values check themselves when they are made ([`Username::parse`], [`Prompt::parse`]), records are plain data, and
//! [`ports`] are the traits that adapters implement. Three conventions hold everywhere:
//!
//! - *Not found* is `Ok(None)` or `Ok(false)`, never an error.
//! - Every read and write of a person's data names its owner in the signature. Someone else's record is not found.
//! - Time and randomness come in through [`ports::Clock`] and [`ports::IdSource`].

mod chat;
mod completion;
mod embedding;
mod error;
mod failure;
mod ids;
mod memory;
mod money;
mod page;
pub mod ports;
pub mod recall;
mod secret;
mod session;
mod spaces;
mod text;
mod time;
mod usage;
mod user;

pub use chat::{
    ActiveTurn, Attempt, BeginOutcome, BeginTurn, Chat, ChatTarget, Checkpoint, Exchange, JobOutcome, JobState, Lease,
    MemoryJob, RecalledMemory, RememberTask, SettleOutcome, Settlement, Turn, TurnRef, TurnStatus,
};
pub use completion::{
    Completion, CompletionEvent, CompletionFinish, CompletionRequest, Message, ModelInfo, ResponseFormat, Role,
};
pub use embedding::{EmbedAs, EmbeddingSpace, Embeddings};
pub use error::{BoxError, Entity, ModelError, StoreError, VaultError};
pub use failure::{FailureCode, TurnFailure};
pub use ids::{ChatId, InstanceId, MemoryId, SessionId, TurnId, UserId};
pub use memory::{
    DeletedMemory, EmbeddedMemory, Memory, MemoryKind, MemoryOrigin, MemoryRecord, MemorySource, MemoryState,
    RecordStage, ScoredMemory, Span,
};
pub use money::Usd;
pub use page::{MemoryCursor, MemoryKey, Page};
pub use secret::{ApiKey, Password, PasswordHash, RefreshHash, RefreshToken, SealedKey};
pub use session::{Claims, RotateOutcome, Session};
pub use spaces::{Asked, BuildProgress, EmbeddedBy, Embedding, Retired, SpaceLedger, SpaceTable, Target};
pub use text::{ChatTitle, DisplayName, InvalidValue, MemoryText, ModelId, Prompt, TextHash, Username};
pub use time::Timestamp;
pub use usage::Usage;
pub use user::User;
