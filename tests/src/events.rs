//! Server-sent events.

use anyhow::{Context, Result, anyhow, bail};
use futures::{Stream, StreamExt, TryStreamExt};
use serde_json::Value;
use std::{
    fmt,
    pin::Pin,
    task::{self, Poll, ready},
};

/// One event of a streamed answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `turn`, `delta`, `done` or `error`.
    pub name: String,
    /// Its id: of a delta, the UTF-8 bytes of the reply so far.
    pub id: Option<u64>,
    /// Its data.
    pub data: Value,
}

type Parts = Pin<Box<dyn Stream<Item = Result<Vec<u8>>> + Send>>;

/// A streamed answer, as a stream of its events; comments are passed over. Dropping it closes the connection, as a client
/// that goes away does.
pub struct EventStream {
    parts: Parts,
    buffer: Vec<u8>,
    raw: Vec<u8>,
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("read", &self.raw.len()).finish_non_exhaustive()
    }
}

impl Stream for EventStream {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
                match parse(&frame).transpose() {
                    Some(event) => return Poll::Ready(Some(event)),
                    None => continue,
                }
            }
            match ready!(self.parts.as_mut().poll_next(context)) {
                Some(Ok(part)) => {
                    self.raw.extend_from_slice(&part);
                    self.buffer.extend_from_slice(&part);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.buffer.is_empty() => return Poll::Ready(None),
                None => {
                    let rest = std::mem::take(&mut self.buffer);
                    let rest = String::from_utf8_lossy(&rest).into_owned();
                    return Poll::Ready(Some(Err(anyhow!("the stream ended within an event: {rest}"))));
                }
            }
        }
    }
}

impl EventStream {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        let parts = response.bytes_stream().map(|part| Ok(part.context("the stream broke")?.to_vec()));
        Self { parts: Box::pin(parts), buffer: Vec::new(), raw: Vec::new() }
    }

    /// All events to the end.
    ///
    /// # Errors
    /// When the stream breaks, or holds what is no event of ours.
    pub async fn rest(&mut self) -> Result<Vec<Event>> {
        self.try_collect().await
    }

    /// The bytes that have come, as they came.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

fn parse(frame: &[u8]) -> Result<Option<Event>> {
    let text = std::str::from_utf8(frame).context("an event is not UTF-8")?;
    let (mut name, mut id, mut data) = (None, None, None);
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
        let (field, value) = line.split_once(": ").with_context(|| format!("no field: {line}"))?;
        match field {
            "event" => name = Some(value.to_owned()),
            "id" => id = Some(value.parse().with_context(|| format!("no id: {line}"))?),
            "data" => data = Some(serde_json::from_str(value).with_context(|| format!("no JSON: {line}"))?),
            other => bail!("an event has a field {other}"),
        }
    }
    let Some(name) = name else { return Ok(None) };
    Ok(Some(Event { name, id, data: data.context("an event has no data")? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn frames_are_read_and_comments_passed_over() {
        let event = parse(b"event: delta\nid: 3\ndata: {\"text\":\"a: b\"}\n\n").unwrap().unwrap();
        assert_eq!(event, Event { name: "delta".to_owned(), id: Some(3), data: json!({"text": "a: b"}) });
        assert_eq!(parse(b": heartbeat\n\n").unwrap(), None);
        assert!(parse(b"event: delta\n\n").is_err());
        assert!(parse(b"event: delta\ndata: {\n\n").is_err());
    }
}
