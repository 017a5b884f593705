//! The ports: what the use cases need of the outside, each a trait behind an `Arc<dyn …>`.
//!
//! The doc comment of a method states its behaviour; the contract suite of the port tests that statement on every adapter.
//! All methods are cancel-safe: a future that is dropped leaves no half-done write behind.

mod archive;
mod chats;
mod environment;
mod feed;
mod inspect;
mod limits;
mod memories;
mod models;
mod sessions;
mod spaces;
mod users;
mod vault;

pub use archive::{ChatArchive, MemoryArchive, Scan, UserArchive};
pub use chats::ChatRepository;
pub use environment::{Clock, IdSource};
pub use feed::{TurnEvent, TurnFeed, TurnStarted};
pub use inspect::{Check, Inspect, Inspection};
pub use limits::{Cache, Decision, Quota, RateLimiter};
pub use memories::{INDEXED, MemoryRepository};
pub use models::{ApiKeyInspector, ChatModel, CompletionStream, Embedder, KeyStatus, ModelCatalog};
pub use sessions::SessionStore;
pub use spaces::MemoryTables;
pub use users::UserRepository;
pub use vault::{IssuedRefresh, KeyVault, PasswordHasher, PresentedRefresh, TokenIssuer};
