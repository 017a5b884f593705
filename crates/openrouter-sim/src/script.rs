//! Answers as a script of what is sent when, with the faults written into it.

use crate::{
    Fault, SimOptions,
    billing::Usage,
    ticket::Ticket,
    wire::{self, Completion},
};
use actix_web::Error;
use bytes::Bytes;
use futures::Stream;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// One thing that is done.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Sends bytes that carry this many bytes of the answer's text.
    Send(Bytes, usize),
    /// Hands what was sent to the network before the next step.
    Flush,
    Pause(Duration),
    /// Says no more, and keeps the connection.
    Hang,
    /// Breaks the connection.
    Abort,
}

/// An answer that is ready to be sent.
pub(crate) struct Reply<'a> {
    pub(crate) id: &'a str,
    pub(crate) created: u64,
    pub(crate) model: &'static str,
    pub(crate) text: String,
    pub(crate) finish_reason: &'static str,
    pub(crate) usage: Option<Usage>,
}

/// Plays the steps. The ticket is finished with the last one.
pub(crate) fn play(steps: Vec<Step>, mut ticket: Ticket) -> impl Stream<Item = Result<Bytes, Error>> {
    async_stream::stream! {
        for step in steps {
            match step {
                Step::Send(bytes, text) => {
                    ticket.sent(text);
                    yield Ok(bytes);
                }
                Step::Flush => tokio::task::yield_now().await,
                Step::Pause(time) => tokio::time::sleep(time).await,
                Step::Hang => std::future::pending().await,
                Step::Abort => {
                    ticket.finish();
                    yield Err(actix_web::error::ErrorInternalServerError("a fault that was asked for"));
                    return;
                }
            }
        }
        ticket.finish();
    }
}

/// Words in groups, with the space behind them.
fn pieces(text: &str, words: usize) -> Vec<String> {
    let all: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    all.chunks(words.max(1)).map(<[&str]>::concat).collect()
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    provider: &'static str,
    choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    finish_reason: Option<&'a str>,
    native_finish_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

#[derive(Serialize)]
struct Delta<'a> {
    role: &'static str,
    content: &'a str,
}

fn data(value: &impl Serialize) -> Bytes {
    let mut frame = b"data: ".to_vec();
    // Strings and numbers always have a JSON form.
    let _ = serde_json::to_writer(&mut frame, value);
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

impl Reply<'_> {
    fn chunk(
        &self,
        content: &str,
        finish_reason: Option<&str>,
        error: Option<Value>,
        in_choice: Option<Value>,
    ) -> Bytes {
        data(&Chunk {
            id: self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: self.model,
            provider: "Simulated",
            choices: [Choice {
                index: 0,
                delta: Delta { role: "assistant", content },
                finish_reason,
                native_finish_reason: finish_reason,
                error: in_choice,
            }],
            error,
        })
    }

    /// The answer as a stream of events.
    pub(crate) fn stream(&self, fault: Option<&Fault>, options: &SimOptions) -> Vec<Step> {
        let mut texts = pieces(&self.text, options.words_per_chunk);
        let mut stop_after = None;
        let mut pause = options.chunk_delay;
        match fault {
            Some(
                Fault::MidStreamError { after_chunks, .. }
                | Fault::Truncate { after_chunks, .. }
                | Fault::HangMidStream { after_chunks },
            ) => stop_after = Some(*after_chunks),
            Some(Fault::Slow { ms_per_chunk }) => pause = Duration::from_millis(*ms_per_chunk),
            Some(Fault::HugeLine { bytes }) => texts = vec!["a".repeat(*bytes)],
            Some(Fault::Empty) => texts.clear(),
            Some(Fault::Garbage) => stop_after = Some(1),
            Some(_) | None => {}
        }
        texts.truncate(stop_after.unwrap_or(usize::MAX));

        let mut steps = vec![Step::Send(Bytes::from_static(b": OPENROUTER PROCESSING\n\n"), 0)];
        if !options.first_delay.is_zero() {
            steps.push(Step::Pause(options.first_delay));
            steps.push(Step::Send(Bytes::from_static(b": OPENROUTER PROCESSING\n\n"), 0));
        }
        steps.push(Step::Send(self.chunk("", None, None, None), 0));
        for text in &texts {
            if !pause.is_zero() {
                steps.push(Step::Pause(pause));
            }
            steps.push(Step::Send(self.chunk(text, None, None, None), text.len()));
        }
        match fault {
            Some(Fault::MidStreamError { code, message, .. }) => {
                let error = error_object(code, message.as_deref());
                steps.push(Step::Send(self.chunk("", Some("error"), Some(error), None), 0));
            }
            Some(Fault::ErrorInChoice { code, message }) => {
                let error = error_object(code.as_ref().unwrap_or(&json!(502)), message.as_deref());
                steps.push(Step::Send(self.chunk("", Some("error"), None, Some(error)), 0));
                steps.push(Step::Send(Bytes::from_static(b"data: [DONE]\n\n"), 0));
            }
            Some(Fault::Truncate { abort, .. }) => {
                steps.push(Step::Flush);
                if *abort {
                    // What was written has to leave before the connection breaks.
                    steps.push(Step::Pause(Duration::from_millis(20)));
                    steps.push(Step::Abort);
                }
            }
            Some(Fault::HangMidStream { .. }) => steps.push(Step::Hang),
            Some(Fault::Garbage) => {
                steps.push(Step::Send(Bytes::from_static(b"data: {\"choices\": <html>\n\ndata: [DONE]\n\n"), 0));
            }
            Some(_) | None => {
                steps.push(Step::Send(self.chunk("", Some(self.finish_reason), None, None), 0));
                if let Some(usage) = &self.usage {
                    let last = json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created,
                        "model": self.model, "provider": "Simulated", "choices": []});
                    steps.push(Step::Send(data(&Last { chunk: &last, usage }), 0));
                }
                steps.push(Step::Send(Bytes::from_static(b"data: [DONE]\n\n"), 0));
            }
        }
        reframe(steps, fault)
    }

    /// The answer as one JSON text.
    pub(crate) fn whole(&self, fault: Option<&Fault>) -> Vec<Step> {
        let mut choice = json!({
            "index": 0, "message": {"role": "assistant", "content": self.text, "refusal": null, "reasoning": null},
            "finish_reason": self.finish_reason, "native_finish_reason": self.finish_reason, "logprobs": null,
        });
        match fault {
            Some(Fault::MidStreamError { code, message, .. }) => {
                let body = wire::error(code, message.as_deref().unwrap_or("Provider disconnected"), None);
                return vec![Step::Send(body.to_string().into(), 0)];
            }
            Some(Fault::ErrorInChoice { code, message }) => {
                choice["finish_reason"] = json!("error");
                choice["error"] = error_object(code.as_ref().unwrap_or(&json!(502)), message.as_deref());
            }
            Some(Fault::HugeLine { bytes }) => choice["message"]["content"] = "a".repeat(*bytes).into(),
            Some(Fault::Empty) => choice["message"]["content"] = Value::Null,
            Some(_) | None => {}
        }
        let completion = Completion {
            id: self.id,
            object: "chat.completion",
            created: self.created,
            model: self.model,
            provider: "Simulated",
            choices: vec![choice],
            usage: self.usage.as_ref(),
        };
        let body = Bytes::from(serde_json::to_vec(&completion).unwrap_or_default());
        let half = body.slice(..body.len() / 2);
        match fault {
            Some(Fault::Truncate { abort: false, .. }) => vec![Step::Send(half, 0)],
            Some(Fault::Truncate { abort: true, .. }) => {
                vec![Step::Send(half, 0), Step::Pause(Duration::from_millis(20)), Step::Abort]
            }
            Some(Fault::HangMidStream { .. }) => vec![Step::Send(half, 0), Step::Hang],
            Some(Fault::Slow { ms_per_chunk }) => {
                vec![Step::Pause(Duration::from_millis(*ms_per_chunk)), Step::Send(body, self.text.len())]
            }
            Some(_) | None => reframe(vec![Step::Send(body, self.text.len())], fault),
        }
    }
}

#[derive(Serialize)]
struct Last<'a> {
    #[serde(flatten)]
    chunk: &'a Value,
    usage: &'a Usage,
}

fn error_object(code: &Value, message: Option<&str>) -> Value {
    wire::error(code, message.unwrap_or("Provider disconnected"), None)["error"].take()
}

/// Sends the same bytes in other portions.
fn reframe(steps: Vec<Step>, fault: Option<&Fault>) -> Vec<Step> {
    match fault {
        Some(Fault::SplitBytes { n }) => {
            let mut split = Vec::new();
            for step in steps {
                let Step::Send(mut bytes, text) = step else {
                    split.push(step);
                    continue;
                };
                let mut text = Some(text);
                while !bytes.is_empty() {
                    let piece = bytes.split_to((*n).clamp(1, bytes.len()));
                    split.extend([Step::Send(piece, text.take().unwrap_or(0)), Step::Flush]);
                }
            }
            split
        }
        Some(Fault::MergedFrames) => {
            let (mut all, mut texts) = (Vec::new(), 0);
            for step in &steps {
                if let Step::Send(bytes, text) = step {
                    all.extend_from_slice(bytes);
                    texts += text;
                }
            }
            vec![Step::Send(all.into(), texts)]
        }
        Some(Fault::OddFraming) => {
            let odd = |step| {
                let Step::Send(bytes, text) = step else { return step };
                let frame = String::from_utf8_lossy(&bytes).replacen("data: ", "data:", 1).replace('\n', "\r\n");
                Step::Send(format!(": comment\r\nevent: message\r\nid: 7\r\n{frame}").into(), text)
            };
            let mark = Step::Send(Bytes::from_static("\u{feff}".as_bytes()), 0);
            [mark].into_iter().chain(steps.into_iter().map(odd)).collect()
        }
        Some(_) | None => steps,
    }
}
