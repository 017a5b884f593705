use crate::{
    ApiKey, Completion, CompletionEvent, CompletionRequest, EmbedAs, EmbeddingSpace, Embeddings, ModelError, ModelId,
    ModelInfo,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::sync::Arc;

/// The parts of one answer, in order: `Started`, any number of `Delta`, then either `Finished` or one error; nothing after.
pub type CompletionStream = BoxStream<'static, Result<CompletionEvent, ModelError>>;

/// Chat models.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// Asks a model with the user's key and waits for the whole answer.
    async fn complete(&self, key: &ApiKey, request: &CompletionRequest) -> Result<Completion, ModelError>;

    /// Asks a model with the user's key. Returns once the provider has accepted the call; the answer follows.
    ///
    /// Behaviour: an answer that ends without having been finished is `Interrupted`; a pause that is longer than the
    /// adapter allows is `Timeout`. Dropping the stream ends the call.
    async fn stream(&self, key: &ApiKey, request: &CompletionRequest) -> Result<CompletionStream, ModelError>;
}

/// The models there are.
#[async_trait]
pub trait ModelCatalog: Send + Sync {
    /// All models. May be some minutes old.
    async fn models(&self) -> Result<Arc<Vec<ModelInfo>>, ModelError>;

    /// The model with this id, if the catalogue has it.
    async fn find(&self, id: &ModelId) -> Result<Option<ModelInfo>, ModelError>;
}

/// Texts to vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The space of its vectors.
    fn space(&self) -> &EmbeddingSpace;

    /// Whether a call needs the user's key. Where it does not, the key is never sent.
    fn needs_user_key(&self) -> bool;

    /// Embeds texts: one vector each, in their order, of the space's dimensions.
    ///
    /// # Errors
    /// `Credentials` when the user's key is needed and `None`; `Malformed` when the provider's vectors are of other dimensions.
    async fn embed(&self, key: Option<&ApiKey>, texts: &[String], side: EmbedAs) -> Result<Embeddings, ModelError>;
}

/// What OpenRouter says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It can be used for calls.
    Usable,
    /// It manages other keys and must not be handed to us.
    Management,
    /// It is unknown or disabled.
    Rejected,
}

/// Looks a key up before it is kept.
#[async_trait]
pub trait ApiKeyInspector: Send + Sync {
    /// Asks the provider about a key.
    ///
    /// # Errors
    /// When the provider could not be asked: nothing is known of the key then.
    async fn inspect(&self, key: &ApiKey) -> Result<KeyStatus, ModelError>;
}
