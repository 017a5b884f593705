use palavra_domain::ModelInfo;
use serde::Serialize;
use utoipa::ToSchema;

/// A model.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelResponse {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Tokens, answer included.
    pub(crate) context_length: Option<u32>,
    pub(crate) max_completion_tokens: Option<u32>,
    pub(crate) pricing: PricingBody,
    /// Whether an endpoint of it enforces a JSON schema.
    pub(crate) structured_outputs: bool,
}

/// US dollars a token, exactly; null where it varies.
#[derive(Serialize, ToSchema)]
pub(crate) struct PricingBody {
    pub(crate) prompt: Option<String>,
    pub(crate) completion: Option<String>,
}

impl From<&ModelInfo> for ModelResponse {
    fn from(model: &ModelInfo) -> Self {
        Self {
            id: model.id.to_string(),
            name: model.name.clone(),
            context_length: model.context_length,
            max_completion_tokens: model.max_completion_tokens,
            pricing: PricingBody {
                prompt: model.prompt_price.map(|price| price.to_string()),
                completion: model.completion_price.map(|price| price.to_string()),
            },
            structured_outputs: model.structured_outputs,
        }
    }
}

/// The catalogue; it may be some minutes old.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelListResponse {
    pub(crate) models: Vec<ModelResponse>,
}
