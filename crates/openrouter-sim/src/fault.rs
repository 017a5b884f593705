//! Faults, and the queue they wait in.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Which route a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SimPath {
    /// `POST /chat/completions`.
    Chat,
    /// `POST /embeddings`.
    Embeddings,
    /// `GET /models` and `GET /embeddings/models`.
    Models,
    /// `GET /key`.
    Key,
    /// `GET /generation`.
    Generation,
}

/// What goes wrong. In JSON: `{"type": "mid_stream_error", "after_chunks": 2, "code": 502}`.
///
/// "Chunks" are the parts of an answer that carry text. A fault of streams changes an answer that is not streamed in the
/// nearest way: it is cut, hangs or errs halfway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// An error instead of an answer, before anything else is sent.
    Status {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header: seconds (a number will do in JSON) or an HTTP date.
        #[serde(default, deserialize_with = "text_or_number")]
        retry_after: Option<String>,
        /// The body: a JSON text is sent as it stands, anything else as JSON. OpenRouter's error shape when `None`.
        #[serde(default)]
        body: Option<Value>,
        /// `error.metadata.error_type` of the usual body.
        #[serde(default)]
        error_type: Option<String>,
        /// `error.message` of the usual body.
        #[serde(default)]
        message: Option<String>,
    },
    /// HTTP 200, some text, then a chunk with an `error`.
    MidStreamError {
        /// Text chunks before it.
        after_chunks: usize,
        /// `error.code`: a number or a text.
        code: Value,
        /// `error.message`.
        #[serde(default)]
        message: Option<String>,
    },
    /// The answer ends without `[DONE]` and without a finish reason.
    Truncate {
        /// Text chunks before the end.
        after_chunks: usize,
        /// Whether the connection breaks instead of ending as HTTP says.
        #[serde(default)]
        abort: bool,
    },
    /// HTTP 200 with what is no JSON: a page, or in a stream a data line.
    Garbage,
    /// HTTP 200 with a page of HTML, even where a stream was asked for.
    Page,
    /// No answer at all; the connection stays open.
    HangBeforeHeaders,
    /// No more after some text; the connection stays open.
    HangMidStream {
        /// Text chunks before the silence.
        after_chunks: usize,
    },
    /// The bytes arrive in pieces of `n`, flushed one by one, cut also inside characters.
    SplitBytes {
        /// Bytes in a piece.
        n: usize,
    },
    /// All frames arrive at once.
    MergedFrames,
    /// Lines end with CR LF, `data:` has no space after it, comments stand between frames, and a mark opens the stream.
    OddFraming,
    /// HTTP 200 with the finish reason `error` and an error in the choice.
    ErrorInChoice {
        /// `error.code`: a number or a text.
        #[serde(default)]
        code: Option<Value>,
        /// `error.message`.
        #[serde(default)]
        message: Option<String>,
    },
    /// No usage is reported.
    NoUsage,
    /// The usage has this cost, written as it stands.
    Cost {
        /// A JSON value.
        cost: String,
    },
    /// A pause before each chunk.
    Slow {
        /// Milliseconds.
        ms_per_chunk: u64,
    },
    /// A single line (or text) of this length.
    HugeLine {
        /// Bytes.
        #[serde(default = "two_mebibytes")]
        bytes: usize,
    },
    /// An answer without any text.
    Empty,
    /// The connection breaks before any header.
    Disconnect,
    /// A redirect.
    Redirect {
        /// Where to.
        location: String,
    },
    /// Vectors of this length, whatever was asked for.
    Dimensions {
        /// The length.
        n: usize,
    },
}

fn two_mebibytes() -> usize {
    2 * 1024 * 1024
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        None => None,
        Some(Value::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
    })
}

impl Fault {
    /// An error with this status and the usual body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, body: None, error_type: None, message: None }
    }
}

/// A fault and what it is for. Rules are looked at in the order they were queued; the first that fits is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Only for calls with this bearer key; for all when `None`.
    #[serde(default)]
    pub key: Option<String>,
    /// Only for this route.
    #[serde(default)]
    pub path: Option<SimPath>,
    /// Only for this model.
    #[serde(default)]
    pub model: Option<String>,
    /// For how many calls; 1 where JSON does not say.
    #[serde(default = "once")]
    pub times: u32,
    /// What goes wrong.
    pub fault: Fault,
}

fn once() -> u32 {
    1
}

impl FaultRule {
    /// A rule for the next call, whatever it is.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { key: None, path: None, model: None, times: 1, fault }
    }

    /// Only for calls with this bearer key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Only for this route.
    #[must_use]
    pub fn path(mut self, path: SimPath) -> Self {
        self.path = Some(path);
        self
    }

    /// Only for this model.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// For this many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn fits(&self, key: Option<&str>, path: SimPath, model: Option<&str>) -> bool {
        self.key.as_deref().is_none_or(|wanted| key == Some(wanted))
            && self.path.is_none_or(|wanted| wanted == path)
            && self.model.as_deref().is_none_or(|wanted| model == Some(wanted))
    }
}

/// The rules that wait.
#[derive(Debug, Default)]
pub(crate) struct FaultQueue {
    rules: Mutex<VecDeque<FaultRule>>,
    // Lets the usual call, with nothing queued, pass without the lock.
    length: AtomicUsize,
}

impl FaultQueue {
    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<FaultRule>) -> T) -> T {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut rules);
        self.length.store(rules.len(), Ordering::Release);
        result
    }

    pub(crate) fn push(&self, rule: FaultRule) {
        if rule.times > 0 {
            self.with(|rules| rules.push_back(rule));
        }
    }

    pub(crate) fn clear(&self) {
        self.with(VecDeque::clear);
    }

    pub(crate) fn list(&self) -> Vec<FaultRule> {
        self.with(|rules| rules.iter().cloned().collect())
    }

    /// The fault for this call, used up by one.
    pub(crate) fn take(&self, key: Option<&str>, path: SimPath, model: Option<&str>) -> Option<Fault> {
        if self.length.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.with(|rules| {
            let at = rules.iter().position(|rule| rule.fits(key, path, model))?;
            let rule = &mut rules[at];
            rule.times -= 1;
            let (fault, spent) = (rule.fault.clone(), rule.times == 0);
            if spent {
                rules.remove(at);
            }
            Some(fault)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_rule_that_fits_is_used_up() {
        let queue = FaultQueue::default();
        queue.push(FaultRule::new(Fault::Garbage).key("a").times(2));
        queue.push(FaultRule::new(Fault::status(500)).path(SimPath::Chat).model("m"));
        assert_eq!(queue.take(Some("b"), SimPath::Chat, Some("other")), None);
        assert_eq!(queue.take(Some("a"), SimPath::Chat, Some("m")), Some(Fault::Garbage));
        assert_eq!(queue.take(Some("b"), SimPath::Chat, Some("m")), Some(Fault::status(500)));
        assert_eq!(queue.take(Some("a"), SimPath::Key, None), Some(Fault::Garbage));
        assert_eq!(queue.take(Some("a"), SimPath::Chat, Some("m")), None);
    }

    #[test]
    fn rules_are_read_from_json() {
        let rule: FaultRule = serde_json::from_value(json!({
            "key": "k", "path": "chat", "times": 3,
            "fault": {"type": "status", "status": 429, "retry_after": 2}
        }))
        .unwrap();
        let Fault::Status { status: 429, retry_after, .. } = &rule.fault else { panic!("{rule:?}") };
        assert_eq!(retry_after.as_deref(), Some("2"));
        assert_eq!(rule.times, 3);
        assert!(serde_json::from_value::<FaultRule>(json!({"fault": {"type": "explode"}})).is_err());
        assert!(serde_json::from_value::<FaultRule>(json!({"fault": {"type": "garbage"}, "tims": 2})).is_err());
    }
}
