//! A streamed answer: chunks to events, and the reading of them.

use crate::{
    decode::{Answer, json, usage},
    errors::{Failure, in_answer},
    redact::Redactor,
    sse::SseParser,
    transport::{BODY_LIMIT, broken, malformed},
};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream::BoxStream};
use palavra_domain::{ApiKey, CompletionEvent, CompletionFinish, ModelError};
use std::{collections::VecDeque, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

type Event = Result<CompletionEvent, ModelError>;

/// How long the usage may still take once the answer has ended.
const USAGE_GRACE: Duration = Duration::from_secs(5);

/// How long the end of the body may take once everything has been said.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Turns chunks into events.
#[derive(Default)]
pub(crate) struct ChunkDecoder {
    started: bool,
    done: bool,
    delivered: usize,
    finish: CompletionFinish,
}

impl ChunkDecoder {
    pub(crate) fn new(generation_id: Option<String>) -> Self {
        Self { finish: CompletionFinish { generation_id, ..CompletionFinish::default() }, ..Self::default() }
    }

    /// The beginning, as soon as the id is known or cannot come any more.
    fn start(&mut self, events: &mut VecDeque<Event>) {
        if !self.started {
            self.started = true;
            events.push_back(Ok(CompletionEvent::Started { generation_id: self.finish.generation_id.clone() }));
        }
    }

    /// Takes the data of one event of the stream.
    fn chunk(&mut self, data: &[u8], events: &mut VecDeque<Event>, redactor: &Redactor<'_>) -> Result<(), ModelError> {
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Answer<'_> = json(data, redactor).map_err(|error| match error {
            // Its frame is whole, so it is the JSON that is wrong.
            ModelError::Interrupted => malformed("a chunk is no JSON"),
            other => other,
        })?;
        if self.finish.generation_id.is_none() {
            self.finish.generation_id = chunk.id;
        }
        self.start(events);
        if let Some(error) = &chunk.error {
            return Err(in_answer(&Failure::of(error), self.delivered > 0, redactor));
        }
        if chunk.model.is_some() {
            self.finish.model = chunk.model;
        }
        if chunk.usage.is_some() {
            self.finish.usage = usage(chunk.usage);
        }
        let Some(choice) = chunk.choices.into_iter().flatten().next() else { return Ok(()) };
        let failure = choice.failure();
        if choice.finish_reason.is_some() && failure.is_none() {
            self.finish.finish_reason.clone_from(&choice.finish_reason);
        }
        let text = choice.into_text();
        if !text.is_empty() {
            self.delivered += text.len();
            if self.delivered > BODY_LIMIT {
                return Err(malformed(format!("the answer is longer than {BODY_LIMIT} bytes")));
            }
            events.push_back(Ok(CompletionEvent::Delta(text)));
        }
        failure.map_or(Ok(()), |failure| Err(in_answer(&failure, self.delivered > 0, redactor)))
    }

    /// Whether nothing is missing but perhaps the usage.
    fn complete(&self) -> bool {
        self.done || self.finish.finish_reason.is_some()
    }
}

/// Reads a streamed answer.
pub(crate) struct AnswerReader {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    parser: SseParser,
    decoder: ChunkDecoder,
    events: VecDeque<Event>,
    ended: bool,
    read_timeout: Duration,
    deadline: Instant,
    key: ApiKey,
}

impl AnswerReader {
    pub(crate) fn new(
        body: BoxStream<'static, reqwest::Result<Bytes>>,
        decoder: ChunkDecoder,
        key: ApiKey,
        read_timeout: Duration,
        stream_timeout: Duration,
    ) -> Self {
        let mut reader = Self {
            body,
            parser: SseParser::default(),
            decoder,
            events: VecDeque::new(),
            ended: false,
            read_timeout,
            deadline: Instant::now() + stream_timeout,
            key,
        };
        if reader.decoder.finish.generation_id.is_some() {
            reader.decoder.start(&mut reader.events);
        }
        reader
    }

    /// The next event; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let silence = if self.decoder.complete() { self.read_timeout.min(USAGE_GRACE) } else { self.read_timeout };
        let until = self.deadline.min(Instant::now() + silence);
        match timeout_at(until, self.body.next()).await {
            Ok(Some(Ok(bytes))) => self.take(&bytes),
            Ok(Some(Err(error))) => self.end(broken(&error)),
            Ok(None) => {
                if let Some(last) = std::mem::take(&mut self.parser).finish() {
                    let redactor = Redactor::new(Some(&self.key));
                    // A frame that was cut cannot be read; that the answer broke off is what there is to say.
                    let _ = self.decoder.chunk(&last, &mut self.events, &redactor);
                }
                self.end(ModelError::Interrupted);
            }
            Err(_) => self.end(ModelError::Timeout),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut frames = Vec::new();
        let parsed = self.parser.push(bytes, &mut frames);
        let redactor = Redactor::new(Some(&self.key));
        for frame in frames {
            if let Err(error) = self.decoder.chunk(&frame, &mut self.events, &redactor) {
                return self.fail(error);
            }
        }
        if self.decoder.done {
            self.finish();
        } else if let Err(too_long) = parsed {
            self.fail(malformed(too_long));
        }
    }

    /// No more can be read: an answer that was complete is finished all the same, any other ends in `error`.
    fn end(&mut self, error: ModelError) {
        if self.decoder.complete() {
            self.finish();
        } else {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: ModelError) {
        self.decoder.start(&mut self.events);
        self.events.push_back(Err(error));
        self.ended = true;
        // The call ends with its connection.
        self.body = futures::stream::empty().boxed();
    }

    fn finish(&mut self) {
        self.decoder.start(&mut self.events);
        self.events.push_back(Ok(CompletionEvent::Finished(std::mem::take(&mut self.decoder.finish))));
        self.ended = true;
        drain(std::mem::replace(&mut self.body, futures::stream::empty().boxed()));
    }
}

/// Reads to the end of a body, so that its connection can be used again; the answer does not wait for it.
fn drain(mut body: BoxStream<'static, reqwest::Result<Bytes>>) {
    if matches!(body.next().now_or_never(), None | Some(Some(Ok(_)))) {
        tokio::spawn(async move {
            let rest = async { while let Some(Ok(_)) = body.next().await {} };
            // A body that does not end is given up with its connection.
            let _ = timeout(DRAIN_TIME, rest).await;
        });
    }
}
