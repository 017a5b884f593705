//! A turn as server-sent events.
//!
//! `id` of a delta is the UTF-8 byte length of the reply so far, so that any point of a stream can be found again in the
//! stored reply.

use crate::{
    dto::StreamStarted,
    problem::{Code, Problem},
    routes::answer,
};
use actix_web::{HttpResponse, http::header};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use palavra_application::EndedTurn;
use palavra_domain::ports::TurnEvent;
use serde::Serialize;
use std::{convert::Infallible, time::Duration};

/// The response that carries `events`. A comment is sent whenever nothing else was for `heartbeat`.
pub(crate) fn response(
    mut events: BoxStream<'static, TurnEvent>,
    request_id: String,
    heartbeat: Duration,
) -> HttpResponse {
    let body = async_stream::stream! {
        let mut sent = 0;
        loop {
            let event = match tokio::time::timeout(heartbeat, events.next()).await {
                Err(_silence) => {
                    yield Ok::<_, Infallible>(Bytes::from_static(b": heartbeat\n\n"));
                    continue;
                }
                Ok(event) => event,
            };
            match event {
                Some(TurnEvent::Started(started)) => yield Ok(frame("turn", 0, &StreamStarted::from(started))),
                Some(TurnEvent::Delta { text, end }) => {
                    sent = end;
                    yield Ok(frame("delta", end, &serde_json::json!({ "text": text })));
                }
                Some(TurnEvent::Ended { turn, failure }) => {
                    yield Ok(match answer(EndedTurn { turn: *turn, failure }) {
                        Ok(done) => frame("done", sent + 1, &done),
                        Err(problem) => frame("error", sent + 1, &problem.body(&request_id)),
                    });
                    return;
                }
                None => {
                    yield Ok(frame("error", sent + 1, &Problem::new(Code::Overloaded).body(&request_id)));
                    return;
                }
            }
        }
    };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        // Compression and proxies' buffers would hold events back.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body)
}

/// One event. JSON has no raw line breaks, so it is one `data` line.
fn frame(event: &str, id: usize, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("event: {event}\nid: {id}\ndata: {data}\n\n"))
}
