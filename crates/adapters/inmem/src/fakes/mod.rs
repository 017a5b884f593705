//! Stand-ins for what answers from outside, or slowly, or by chance. Tests tell them what to do and ask what they were told.
//!
//! None of the cryptography here protects anything.

mod catalog;
mod chat_model;
mod digest;
mod embedder;
mod environment;
mod gate;
mod hasher;
mod inspector;
mod mood;
mod script;
mod tokens;
mod vault;

pub use catalog::{StaticModelCatalog, model_info};
pub use chat_model::{ModelCall, ScriptedChatModel};
pub use embedder::{EmbedCall, WordEmbedder};
pub use environment::{CountingIds, FixedClock};
pub use gate::Gate;
pub use hasher::PlainHasher;
pub use inspector::StaticKeyInspector;
pub use mood::Mood;
pub use script::{Script, default_usage};
pub use tokens::PlainTokens;
pub use vault::PlainVault;
