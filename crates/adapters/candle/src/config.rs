//! `config.json`: the shape of the network.

use candle_nn::Activation;
use candle_transformers::models::{
    bert::{self, HiddenAct, PositionEmbeddingType},
    xlm_roberta,
};
use serde::Deserialize;

/// What of it is used. candle's own types ask for more, such as what only training needs.
#[derive(Deserialize)]
pub(crate) struct ModelConfig {
    #[serde(default)]
    architectures: Option<Vec<String>>,
    #[serde(default)]
    model_type: Option<String>,
    #[serde(default, rename = "_name_or_path")]
    pub(crate) origin: Option<String>,
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    #[serde(default)]
    hidden_act: Option<String>,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "layer_norm_eps")]
    layer_norm_eps: f64,
    #[serde(default)]
    pad_token_id: Option<u32>,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

fn two() -> usize {
    2
}

fn layer_norm_eps() -> f64 {
    1e-12
}

/// The networks that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Architecture {
    Bert,
    XlmRoberta,
}

/// How one layer bends its numbers.
#[derive(Clone, Copy)]
enum Bend {
    Gelu,
    GeluApproximate,
    Relu,
}

impl ModelConfig {
    /// The network, or why it cannot be run.
    pub(crate) fn architecture(&self) -> Result<Architecture, String> {
        let named = self.architectures.as_deref().unwrap_or_default().join(", ");
        let architecture = match self.model_type.as_deref() {
            Some("bert") => Architecture::Bert,
            Some("xlm-roberta") => Architecture::XlmRoberta,
            None if named.starts_with("Bert") => Architecture::Bert,
            None if named.starts_with("XLMRoberta") => Architecture::XlmRoberta,
            other => {
                let other = other.unwrap_or("none that is told");
                let named = if named.is_empty() { String::new() } else { format!(" ({named})") };
                return Err(format!("its architecture is {other}{named}"));
            }
        };
        if let Some(kind) = self.position_embedding_type.as_deref().filter(|kind| *kind != "absolute") {
            return Err(format!("its position embeddings are {kind:?}, not absolute"));
        }
        self.bend()?;
        let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
        let parts =
            [hidden, heads, self.num_hidden_layers, self.intermediate_size, self.vocab_size, self.type_vocab_size];
        if parts.contains(&0) {
            return Err("a size in its config.json is zero".into());
        }
        if !hidden.is_multiple_of(heads) {
            return Err(format!("its {hidden} dimensions cannot be shared out to {heads} attention heads"));
        }
        Ok(architecture)
    }

    /// The most tokens of a text.
    pub(crate) fn positions(&self, architecture: Architecture) -> usize {
        match architecture {
            Architecture::Bert => self.max_position_embeddings,
            // Its positions begin after the padding's.
            Architecture::XlmRoberta => {
                self.max_position_embeddings.saturating_sub(self.padding(architecture) as usize + 1)
            }
        }
    }

    /// The token that fills up short texts.
    pub(crate) fn padding(&self, architecture: Architecture) -> u32 {
        self.pad_token_id.unwrap_or(match architecture {
            Architecture::Bert => 0,
            Architecture::XlmRoberta => 1,
        })
    }

    fn bend(&self) -> Result<Bend, String> {
        match self.hidden_act.as_deref().unwrap_or("gelu") {
            "gelu" => Ok(Bend::Gelu),
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Bend::GeluApproximate),
            "relu" => Ok(Bend::Relu),
            other => Err(format!("its activation is {other:?}")),
        }
    }

    pub(crate) fn bert(&self) -> Result<bert::Config, String> {
        Ok(bert::Config {
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            hidden_act: match self.bend()? {
                Bend::Gelu => HiddenAct::Gelu,
                Bend::GeluApproximate => HiddenAct::GeluApproximate,
                Bend::Relu => HiddenAct::Relu,
            },
            hidden_dropout_prob: 0.0,
            max_position_embeddings: self.max_position_embeddings,
            type_vocab_size: self.type_vocab_size,
            initializer_range: 0.0,
            layer_norm_eps: self.layer_norm_eps,
            pad_token_id: self.padding(Architecture::Bert) as usize,
            position_embedding_type: PositionEmbeddingType::Absolute,
            use_cache: false,
            classifier_dropout: None,
            model_type: Some("bert".into()),
        })
    }

    pub(crate) fn xlm_roberta(&self) -> Result<xlm_roberta::Config, String> {
        Ok(xlm_roberta::Config {
            hidden_size: self.hidden_size,
            layer_norm_eps: self.layer_norm_eps,
            attention_probs_dropout_prob: 0.0,
            hidden_dropout_prob: 0.0,
            num_attention_heads: self.num_attention_heads,
            position_embedding_type: "absolute".into(),
            intermediate_size: self.intermediate_size,
            hidden_act: match self.bend()? {
                Bend::Gelu => Activation::Gelu,
                Bend::GeluApproximate => Activation::NewGelu,
                Bend::Relu => Activation::Relu,
            },
            num_hidden_layers: self.num_hidden_layers,
            vocab_size: self.vocab_size,
            max_position_embeddings: self.max_position_embeddings,
            type_vocab_size: self.type_vocab_size,
            pad_token_id: self.padding(Architecture::XlmRoberta),
        })
    }
}
