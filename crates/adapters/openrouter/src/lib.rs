//! Chat, catalogue and embeddings over the HTTP API of OpenRouter
