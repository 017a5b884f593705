//! What the folder says of its model.

use crate::{
    CandleOptions, OpenError,
    config::{Architecture, ModelConfig},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
const POOLING: &str = "1_Pooling";

/// The model but for its weights and tokens.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) config: ModelConfig,
    pub(crate) architecture: Architecture,
    pub(crate) pooling: Pooling,
    /// The most tokens of a text, the special ones counted.
    pub(crate) max_tokens: usize,
    /// Whether texts are put into small letters before anything else.
    pub(crate) lower_case: bool,
    pub(crate) query_prefix: String,
    pub(crate) passage_prefix: String,
}

/// How the vectors of a text's tokens become its vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    Mean,
    First,
}

impl Folder {
    pub(crate) fn read(options: CandleOptions) -> Result<Self, OpenError> {
        let path = options.folder;
        complete(&path)?;
        let unsupported = |reason| OpenError::Unsupported { folder: path.clone(), reason };
        let config: ModelConfig = required(&path.join(CONFIG))?;
        let architecture = config.architecture().map_err(unsupported)?;
        let pooling = pooling(&path)?;
        let sentence: Sentence = optional(&path.join("sentence_bert_config.json"))?.unwrap_or_default();
        let tokenizer: TokenizerConfig = optional(&path.join("tokenizer_config.json"))?.unwrap_or_default();
        // 1e30 where there is no limit; the cast makes that the greatest number.
        let told = sentence.max_seq_length.or(tokenizer.model_max_length.map(|length| length as usize));
        let limits = [told, options.max_tokens, Some(config.positions(architecture))];
        let max_tokens = limits.into_iter().flatten().min().unwrap_or(0);

        let name = match options.name {
            Some(name) => name,
            None => folder_name(&path).ok_or_else(|| OpenError::NoName { folder: path.clone() })?,
        };
        let prompts: Prompts = optional(&path.join("config_sentence_transformers.json"))?.unwrap_or_default();
        let origin = config.origin.clone().unwrap_or_default();
        let e5 = [folder_name(&path).unwrap_or_default(), name.clone(), origin].iter().any(|name| is_e5(name));
        let prefix = |option: Option<String>, keys: &[&str], of_e5: &str| {
            let said =
                keys.iter().filter_map(|key| prompts.prompts.get(*key)?.clone()).find(|prompt| !prompt.is_empty());
            option.or(said).unwrap_or_else(|| if e5 { of_e5.to_owned() } else { String::new() })
        };
        Ok(Self {
            query_prefix: prefix(options.query_prefix, &["query"], "query: "),
            passage_prefix: prefix(options.passage_prefix, &["passage", "document", "corpus"], "passage: "),
            lower_case: sentence.do_lower_case,
            path,
            name,
            config,
            architecture,
            pooling,
            max_tokens,
        })
    }
}

/// Whether all that is needed is there.
fn complete(folder: &Path) -> Result<(), OpenError> {
    if !folder.is_dir() {
        return Err(OpenError::NoFolder { folder: folder.to_owned() });
    }
    let has = |name: &str| folder.join(name).exists();
    let files: Vec<&str> = [CONFIG, TOKENIZER, WEIGHTS].into_iter().filter(|name| !has(name)).collect();
    let Some(first) = files.first() else { return Ok(()) };
    let advice = if *first == WEIGHTS && has("model.safetensors.index.json") {
        "Its weights are in several files, which is not supported: take a smaller model"
    } else if *first == WEIGHTS && has("pytorch_model.bin") {
        "Its weights are in pytorch_model.bin alone: save the model again as safetensors (in Python, \
         save_pretrained with safe_serialization)"
    } else if *first == TOKENIZER && (has("vocab.txt") || has("sentencepiece.bpe.model")) {
        "Save its tokenizer again in the form of one file (in Python, AutoTokenizer.from_pretrained and save_pretrained)"
    } else {
        "Put a sentence model there as Hugging Face lays it out: config.json, tokenizer.json, model.safetensors, and \
         1_Pooling/config.json if it has one"
    };
    Err(OpenError::Missing { folder: folder.to_owned(), files, advice: advice.into() })
}

/// `sentence_bert_config.json`.
#[derive(Default, Deserialize)]
struct Sentence {
    #[serde(default)]
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

/// `tokenizer_config.json`.
#[derive(Default, Deserialize)]
struct TokenizerConfig {
    #[serde(default)]
    model_max_length: Option<f64>,
}

/// `config_sentence_transformers.json`.
#[derive(Default, Deserialize)]
struct Prompts {
    #[serde(default)]
    prompts: BTreeMap<String, Option<String>>,
}

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

fn pooling(folder: &Path) -> Result<Pooling, OpenError> {
    let unsupported = |reason| OpenError::Unsupported { folder: folder.to_owned(), reason };
    let mut place = POOLING.to_owned();
    for module in optional::<Vec<Module>>(&folder.join("modules.json"))?.unwrap_or_default() {
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Pooling" => place = module.path,
            "Transformer" | "Normalize" => {}
            other => return Err(unsupported(format!("its modules.json has a step {other:?}"))),
        }
    }
    let said: Map<String, Value> = optional(&folder.join(place).join(CONFIG))?.unwrap_or_default();
    if said.get("include_prompt") == Some(&Value::Bool(false)) {
        return Err(unsupported("its pooling leaves the prompt out".into()));
    }
    let mut ways: Vec<&str> = said
        .iter()
        .filter(|(_, on)| **on == Value::Bool(true))
        .filter_map(|(key, _)| key.strip_prefix("pooling_mode_"))
        .collect();
    ways.extend(said.get("pooling_mode").and_then(Value::as_str));
    ways.sort_unstable();
    match ways[..] {
        [] | ["mean_tokens" | "mean"] => Ok(Pooling::Mean),
        ["cls_token" | "cls"] => Ok(Pooling::First),
        _ => Err(unsupported(format!("its pooling is {}, not mean or cls", ways.join(" and ")))),
    }
}

/// Its last part, also when it was named as `.`.
fn folder_name(folder: &Path) -> Option<String> {
    let whole = folder.canonicalize().ok()?;
    let name = folder.file_name().or_else(|| whole.file_name())?;
    Some(name.to_string_lossy().into_owned())
}

/// Whether a model of this name is one of E5, which want prefixes but do not say so in their folders. Those that follow
/// instructions want others.
fn is_e5(name: &str) -> bool {
    let name = name.to_lowercase();
    let mut parts = name.split(|c: char| !c.is_alphanumeric());
    !name.contains("instruct") && parts.any(|part| part == "e5")
}

fn required<T: DeserializeOwned>(file: &Path) -> Result<T, OpenError> {
    let unreadable = |reason| OpenError::Unreadable { file: file.to_owned(), reason };
    let text = fs::read(file).map_err(|error| unreadable(error.into()))?;
    serde_json::from_slice(&text).map_err(|error| unreadable(error.into()))
}

fn optional<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, OpenError> {
    match fs::metadata(file) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        _ => required(file).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::is_e5;

    #[test]
    fn e5_is_known_by_its_name() {
        for name in ["multilingual-e5-small", "intfloat/E5-base-v2", "portuguese-multilingual-e5-small", "e5"] {
            assert!(is_e5(name), "{name}");
        }
        for name in ["all-MiniLM-L6-v2", "multilingual-e5-large-instruct", "me5", "bge-m3", ""] {
            assert!(!is_e5(name), "{name}");
        }
    }
}
