//! `POST /embeddings`.

use super::{error, page, receive};
use crate::{
    Fault, SimPath,
    billing::{Usage, raw, tokens},
    catalogue,
    embed::embedding,
    state::State,
    wire::{Embedded, EmbeddingCall, Vector},
};
use actix_web::{HttpRequest, HttpResponse, web};

/// The length of vectors when none is asked for.
const DIMENSIONS: usize = 1536;

/// The longest vectors that are made.
const MOST_DIMENSIONS: usize = 8192;

pub(super) async fn embeddings(request: HttpRequest, body: web::Bytes, state: web::Data<State>) -> HttpResponse {
    let parsed: Result<EmbeddingCall, _> = serde_json::from_slice(&body);
    let model = parsed.as_ref().ok().and_then(|call| call.model.as_deref());
    let call = receive(&state, &request, SimPath::Embeddings, model, Some(&body));
    let call = match call.admit(&state, false).await.and_then(super::Call::solvent) {
        Ok(call) => call,
        Err(response) => return *response,
    };
    let response = match parsed {
        Ok(asked) => embed(asked, call.fault.as_ref(), &state),
        Err(problem) => error(400, &problem.to_string()),
    };
    if let Some(Fault::Slow { ms_per_chunk }) = call.fault {
        tokio::time::sleep(std::time::Duration::from_millis(ms_per_chunk)).await;
    }
    call.ticket.finish();
    response
}

fn embed(asked: EmbeddingCall, fault: Option<&Fault>, state: &State) -> HttpResponse {
    let mut dimensions = asked.dimensions.unwrap_or(DIMENSIONS);
    if dimensions == 0 || dimensions > MOST_DIMENSIONS {
        return error(400, &format!("dimensions must be 1 to {MOST_DIMENSIONS}"));
    }
    if asked.encoding_format.is_some_and(|format| format != "float") {
        return error(400, "Only the encoding_format float is supported");
    }
    let model = asked.model.unwrap_or_else(|| "sim/embedding".to_owned());
    let texts = asked.input.texts();
    let prompt_tokens = texts.iter().map(|text| tokens(text)).sum();
    let mut usage = Some(Usage::new(catalogue::embedding(&model), prompt_tokens, 0));
    match fault {
        Some(Fault::Garbage) => return page(),
        Some(Fault::NoUsage) => usage = None,
        Some(Fault::Dimensions { n }) => dimensions = *n,
        Some(Fault::Cost { cost }) => {
            if let Some(usage) = &mut usage {
                usage.cost = raw(cost.clone());
            }
        }
        Some(_) | None => {}
    }
    let vector =
        |(index, text): (usize, &String)| Vector { object: "embedding", index, embedding: embedding(text, dimensions) };
    let (id, _) = state.next_call();
    let data = texts.iter().enumerate().map(vector).collect();
    let body = Embedded { object: "list", data, model: &model, id: &id, usage };
    HttpResponse::Ok().insert_header(("X-Generation-Id", id.as_str())).json(body)
}
