//! Where OpenRouter is, and the limits of calls to it.

use crate::transport::Upstream;
use palavra_domain::BoxError;
use reqwest::header::{HeaderMap, HeaderValue};
use std::{sync::Arc, time::Duration};
use thiserror::Error;

/// How to call OpenRouter, or a server that speaks its protocol.
#[derive(Clone, Debug)]
pub struct OpenRouterConfig {
    /// The address up to and without `/chat/completions`.
    pub base_url: String,
    /// The address of the app, sent as `HTTP-Referer`.
    pub app_referer: Option<String>,
    /// The name of the app, sent as `X-OpenRouter-Title`; visible ASCII.
    pub app_title: Option<String>,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest silence in a streamed answer, the time to its first byte included. Keep-alive comments break it.
    pub read_timeout: Duration,
    /// The longest time for a streamed answer from its first byte to its end.
    pub stream_timeout: Duration,
    /// The longest time for an answer that is not streamed.
    pub total_timeout: Duration,
    /// The longest time for the catalogue or for what is known of a key.
    pub lookup_timeout: Duration,
    /// How old the catalogue may become before it is loaded again.
    pub catalogue_ttl: Duration,
    /// The largest catalogue that is read, in bytes.
    pub catalogue_max_bytes: usize,
}

impl Default for OpenRouterConfig {
    fn default() -> Self {
        Self {
            base_url: "https://openrouter.ai/api/v1".to_owned(),
            app_referer: None,
            app_title: None,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(60),
            stream_timeout: Duration::from_secs(30 * 60),
            total_timeout: Duration::from_secs(120),
            lookup_timeout: Duration::from_secs(10),
            catalogue_ttl: Duration::from_secs(10 * 60),
            catalogue_max_bytes: 32 * 1024 * 1024,
        }
    }
}

/// Why a client cannot be made from its settings.
#[derive(Debug, Error)]
pub enum SetupError {
    /// An address that cannot be called, or that has parts it must not have.
    #[error("the base URL {url:?} cannot be used: {problem}")]
    Address {
        /// The address, without credentials.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A text that cannot stand in a header.
    #[error("{setting} must be visible ASCII, since it is sent as a header")]
    Header {
        /// Which setting.
        setting: &'static str,
    },
    /// TLS could not be set up.
    #[error(
        "cannot prepare connections to {url}; https needs the CA certificates of the system (package ca-certificates)"
    )]
    Connections {
        /// The address.
        url: String,
        /// What the HTTP client said.
        source: BoxError,
    },
}

/// A client of OpenRouter. Clones share its connections.
#[derive(Clone)]
pub struct OpenRouterClient {
    pub(crate) upstream: Upstream,
    pub(crate) config: Arc<OpenRouterConfig>,
}

impl std::fmt::Debug for OpenRouterClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenRouterClient").field("config", &self.config).finish_non_exhaustive()
    }
}

impl OpenRouterClient {
    /// Makes a client; nothing is called yet. An `http://` address works on a machine without CA certificates.
    ///
    /// # Errors
    /// When a setting cannot be used, or when an `https://` address is given and TLS cannot be set up.
    pub fn new(config: OpenRouterConfig) -> Result<Self, SetupError> {
        let mut headers = HeaderMap::new();
        for (name, setting, value) in [
            ("http-referer", "openrouter.app_referer", &config.app_referer),
            ("x-openrouter-title", "openrouter.app_title", &config.app_title),
        ] {
            if let Some(value) = value {
                let value = HeaderValue::from_str(value).ok().filter(|value| value.to_str().is_ok());
                headers.insert(name, value.ok_or(SetupError::Header { setting })?);
            }
        }
        let upstream = Upstream::new(&config.base_url, config.connect_timeout, headers)?;
        Ok(Self { upstream, config: Arc::new(config) })
    }
}
