//! Chat, catalogue and embeddings over the HTTP API of OpenRouter.
//!
//! [`OpenRouterClient`] holds the address and the limits; the adapters are made from it: [`OpenRouterChatModel`],
//! [`OpenRouterCatalog`], [`OpenRouterKeyInspector`] and [`OpenRouterEmbedder`].
//!
//! A user's key goes to the host of [`OpenRouterConfig::base_url`] and to no other: redirects are never followed, proxies of
//! the environment are not used, and an embedder for another server cannot be given a user's key.
//!
//! Answers are decoded leniently, since most fields may be missing. Costs are read from the JSON text, never through a float.

mod catalog;
mod chat;
mod client;
mod decode;
mod embedder;
mod errors;
mod inspector;
mod redact;
mod sse;
mod stream;
mod transport;
mod wire;

pub use catalog::OpenRouterCatalog;
pub use chat::OpenRouterChatModel;
pub use client::{OpenRouterClient, OpenRouterConfig, SetupError};
pub use embedder::{EmbeddingServerConfig, OpenRouterEmbedder};
pub use inspector::OpenRouterKeyInspector;
