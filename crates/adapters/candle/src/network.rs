//! From tokens to vectors.

use crate::{
    config::{Architecture, ModelConfig},
    folder::Pooling,
};
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert::BertModel, xlm_roberta::XLMRobertaModel};
use palavra_domain::BoxError;

/// The weights in the bytes of a safetensors file, to be taken with 32 bits a number whatever the file has.
pub(crate) fn weights(file: Vec<u8>) -> candle_core::Result<VarBuilder<'static>> {
    VarBuilder::from_buffered_safetensors(file, DType::F32, &Device::Cpu)
}

/// A network with its weights.
pub(crate) struct Network {
    layers: Layers,
    pooling: Pooling,
    padding: u32,
    dimensions: usize,
}

enum Layers {
    Bert(BertModel),
    XlmRoberta(XLMRobertaModel),
}

impl Network {
    /// Builds it.
    pub(crate) fn load(
        config: &ModelConfig,
        architecture: Architecture,
        pooling: Pooling,
        weights: VarBuilder<'_>,
    ) -> Result<Self, BoxError> {
        let layers = match architecture {
            Architecture::Bert => Layers::Bert(BertModel::load(weights, &config.bert()?)?),
            Architecture::XlmRoberta => {
                let inside = weights.contains_tensor("roberta.embeddings.word_embeddings.weight");
                let weights = if inside { weights.pp("roberta") } else { weights };
                Layers::XlmRoberta(XLMRobertaModel::new(&config.xlm_roberta()?, weights)?)
            }
        };
        Ok(Self { layers, pooling, padding: config.padding(architecture), dimensions: config.hidden_size })
    }

    /// One vector a row, in their order, each of length one. No row may be empty or longer than the network's positions.
    pub(crate) fn vectors(&self, rows: &[&[u32]]) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut tokens = Vec::with_capacity(rows.len() * longest);
        let mut mask = Vec::with_capacity(rows.len() * longest);
        for row in rows {
            tokens.extend_from_slice(row);
            tokens.resize(tokens.len() + longest - row.len(), self.padding);
            mask.resize(mask.len() + row.len(), 1.0_f32);
            mask.resize(tokens.len(), 0.0);
        }
        let shape = (rows.len(), longest);
        let tokens = Tensor::from_vec(tokens, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let kinds = tokens.zeros_like()?;
        let hidden = match &self.layers {
            Layers::Bert(layers) => layers.forward(&tokens, &kinds, Some(&mask))?,
            Layers::XlmRoberta(layers) => layers.forward(&tokens, &mask, &kinds, None, None, None)?,
        };
        let pooled = match self.pooling {
            Pooling::Mean => {
                let sum = hidden.broadcast_mul(&mask.unsqueeze(D::Minus1)?)?.sum(1)?;
                sum.broadcast_div(&mask.sum_keepdim(1)?)?
            }
            Pooling::First => hidden.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?,
        };
        let length = pooled.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(1e-12)?;
        pooled.broadcast_div(&length)?.reshape((rows.len(), self.dimensions))?.to_vec2()
    }
}
