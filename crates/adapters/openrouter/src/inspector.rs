//! What OpenRouter says of a key.

use crate::{OpenRouterClient, decode::json, redact::Redactor, transport::fetch};
use async_trait::async_trait;
use palavra_domain::{
    ApiKey, ModelError,
    ports::{ApiKeyInspector, KeyStatus},
};
use reqwest::Method;
use serde::Deserialize;

/// The largest answer about a key.
const LIMIT: usize = 64 * 1024;

/// Looks keys up at OpenRouter. A server without this route, as other servers of the protocol are, takes any key.
#[derive(Clone, Debug)]
pub struct OpenRouterKeyInspector {
    client: OpenRouterClient,
}

impl OpenRouterKeyInspector {
    /// Looks keys up through this client.
    #[must_use]
    pub fn new(client: OpenRouterClient) -> Self {
        Self { client }
    }
}

#[derive(Deserialize)]
struct Answer {
    data: KeyData,
}

#[derive(Deserialize)]
struct KeyData {
    is_management_key: Option<bool>,
    /// The older name.
    is_provisioning_key: Option<bool>,
}

#[async_trait]
impl ApiKeyInspector for OpenRouterKeyInspector {
    async fn inspect(&self, key: &ApiKey) -> Result<KeyStatus, ModelError> {
        let redactor = Redactor::new(Some(key));
        let call = self.client.upstream.request(Method::GET, "/key", Some(key))?;
        match fetch(call, self.client.config.lookup_timeout, LIMIT, &redactor).await {
            Ok(body) => {
                let Answer { data } = json(&body, &redactor)?;
                let manages = data.is_management_key == Some(true) || data.is_provisioning_key == Some(true);
                Ok(if manages { KeyStatus::Management } else { KeyStatus::Usable })
            }
            Err(ModelError::Credentials) => Ok(KeyStatus::Rejected),
            // A key without credits is a good key; a server without the route has no say.
            Err(ModelError::OutOfCredits | ModelError::ModelNotFound) => Ok(KeyStatus::Usable),
            Err(ModelError::Rejected { status: 405, .. }) => Ok(KeyStatus::Usable),
            Err(error) => Err(error),
        }
    }
}
