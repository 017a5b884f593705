//! The models there are.

use crate::billing::dollars;
use serde_json::{Value, json};

/// A chat or embedding model.
#[derive(Debug)]
pub(crate) struct SimModel {
    pub(crate) id: &'static str,
    name: &'static str,
    pub(crate) context: u64,
    max_completion: Option<u64>,
    /// Pico-dollars a token.
    pub(crate) prompt_pico: u64,
    /// Pico-dollars a token.
    pub(crate) completion_pico: u64,
    pub(crate) structured_outputs: bool,
    /// The model that answers in its place, whose price varies with it.
    answers: Option<&'static str>,
}

const FAST: SimModel = SimModel {
    id: "sim/fast",
    name: "Simulated: Fast",
    context: 32_768,
    max_completion: Some(8_192),
    prompt_pico: 150_000,
    completion_pico: 600_000,
    structured_outputs: true,
    answers: None,
};

static CHAT_MODELS: [SimModel; 6] = [
    FAST,
    SimModel {
        id: "sim/large",
        name: "Simulated: Large",
        context: 200_000,
        max_completion: Some(32_000),
        prompt_pico: 3_000_000,
        completion_pico: 15_000_000,
        ..FAST
    },
    SimModel {
        id: "sim/plain",
        name: "Simulated: Plain (no structured outputs)",
        context: 16_384,
        prompt_pico: 50_000,
        completion_pico: 80_000,
        structured_outputs: false,
        ..FAST
    },
    SimModel {
        id: "sim/small",
        name: "Simulated: Small window",
        context: 4_096,
        max_completion: None,
        prompt_pico: 20_000,
        completion_pico: 40_000,
        ..FAST
    },
    SimModel { id: "sim/free", name: "Simulated: Free", prompt_pico: 0, completion_pico: 0, ..FAST },
    SimModel { id: "sim/auto", name: "Simulated: Auto router", context: 200_000, answers: Some("sim/fast"), ..FAST },
];

static EMBEDDING_MODELS: [SimModel; 2] = [
    SimModel {
        id: "sim/embedding",
        name: "Simulated: Embedding",
        context: 8_192,
        max_completion: None,
        prompt_pico: 20_000,
        completion_pico: 0,
        structured_outputs: false,
        answers: None,
    },
    SimModel {
        id: "sim/embedding-free",
        name: "Simulated: Embedding, free",
        context: 8_192,
        max_completion: None,
        prompt_pico: 0,
        completion_pico: 0,
        structured_outputs: false,
        answers: None,
    },
];

/// The chat model of this id, and the one that answers in its place.
pub(crate) fn chat(id: &str) -> Option<(&'static SimModel, &'static SimModel)> {
    let asked = CHAT_MODELS.iter().find(|model| model.id == id)?;
    let answering = asked.answers.and_then(|id| CHAT_MODELS.iter().find(|model| model.id == id));
    Some((asked, answering.unwrap_or(asked)))
}

/// The embedding model of this id. Any other id is served at the price of the first: deployments name their own.
pub(crate) fn embedding(id: &str) -> &'static SimModel {
    EMBEDDING_MODELS.iter().find(|model| model.id == id).unwrap_or(&EMBEDDING_MODELS[0])
}

/// The body of `GET /models`.
pub(crate) fn chat_list() -> Value {
    json!({"data": CHAT_MODELS.iter().map(|model| describe(model, "text")).collect::<Vec<_>>()})
}

/// The body of `GET /embeddings/models`.
pub(crate) fn embedding_list() -> Value {
    json!({"data": EMBEDDING_MODELS.iter().map(|model| describe(model, "embeddings")).collect::<Vec<_>>()})
}

fn describe(model: &SimModel, output: &str) -> Value {
    let price = |pico| if model.answers.is_some() { "-1".to_owned() } else { dollars(pico) };
    let mut parameters = vec!["max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "seed"];
    if model.structured_outputs {
        parameters.extend(["response_format", "structured_outputs"]);
    }
    json!({
        "id": model.id,
        "canonical_slug": model.id,
        "name": model.name,
        "created": 1_767_225_600,
        "description": "Answers from its prompt alone.",
        "context_length": model.context,
        "architecture": {
            "modality": format!("text->{output}"), "input_modalities": ["text"], "output_modalities": [output],
            "tokenizer": "Other", "instruct_type": null,
        },
        "pricing": {"prompt": price(model.prompt_pico), "completion": price(model.completion_pico), "request": "0"},
        "top_provider": {
            "context_length": model.context, "max_completion_tokens": model.max_completion, "is_moderated": false,
        },
        "per_request_limits": null,
        "supported_parameters": parameters,
    })
}
