//! `POST /chat/completions`.

use super::{Refusal, error, is_paced, page, receive, typed_error};
use crate::{
    Fault, SimPath,
    billing::{Usage, raw, tokens},
    catalogue,
    reply::answer,
    script::{Reply, Step, play},
    state::State,
    ticket::Answer,
    wire::{ChatCall, ChatMessage},
};
use actix_web::{HttpRequest, HttpResponse, web};
use std::time::Duration;

pub(super) async fn completions(request: HttpRequest, body: web::Bytes, state: web::Data<State>) -> HttpResponse {
    let parsed: Result<ChatCall, _> = serde_json::from_slice(&body);
    let model = parsed.as_ref().ok().and_then(|call| call.model.as_deref());
    let call = receive(&state, &request, SimPath::Chat, model, Some(&body));
    let mut call = match call.admit(&state, false).await.and_then(super::Call::solvent) {
        Ok(call) => call,
        Err(response) => return *response,
    };
    let asked = match parsed.map_err(|error| error.to_string()).and_then(Asked::new) {
        Ok(asked) => asked,
        Err(message) => {
            call.ticket.finish();
            return error(400, &message);
        }
    };
    if let Err(response) = asked.check() {
        call.ticket.finish();
        return *response;
    }

    let (id, created) = state.next_call();
    let fault = call.fault.as_ref();
    let (text, finish_reason) = asked.answer();
    let completion_tokens = if fault == Some(&Fault::Empty) { 0 } else { tokens(&text) };
    let mut usage = Some(Usage::new(asked.answering, asked.prompt_tokens, completion_tokens));
    match fault {
        Some(Fault::NoUsage) => usage = None,
        Some(Fault::Cost { cost }) => {
            if let Some(usage) = &mut usage {
                usage.cost = raw(cost.clone());
            }
        }
        Some(_) | None => {}
    }
    let reply = Reply { id: &id, created, model: asked.answering.id, text, finish_reason, usage };
    call.ticket.answers(Answer {
        key: call.key,
        id: id.clone(),
        model: asked.answering,
        streamed: asked.call.stream,
        prompt_tokens: asked.prompt_tokens,
        finish_reason,
        sent: 0,
    });

    let mut response = HttpResponse::Ok();
    response.insert_header(("X-Generation-Id", id.as_str()));
    if asked.call.stream {
        let steps = reply.stream(fault, &state.options);
        response.content_type("text/event-stream; charset=utf-8").insert_header(("Cache-Control", "no-cache"));
        return response.streaming(Box::pin(play(steps, call.ticket)));
    }
    if fault == Some(&Fault::Garbage) {
        call.ticket.finish();
        return page();
    }
    response.content_type("application/json");
    let mut steps = reply.whole(fault);
    let delay = state.options.first_delay
        + state.options.chunk_delay * u32::try_from(reply.text.split_whitespace().count()).unwrap_or(u32::MAX);
    if !delay.is_zero() {
        tokio::time::sleep(delay.min(Duration::from_secs(600))).await;
    }
    match steps.pop() {
        // The usual answer, with its length.
        Some(Step::Send(bytes, text)) if steps.is_empty() && !is_paced(fault) => {
            call.ticket.sent(text);
            call.ticket.finish();
            response.body(bytes)
        }
        last => {
            steps.extend(last);
            response.streaming(Box::pin(play(steps, call.ticket)))
        }
    }
}

/// A call that could be read, and the model for it.
struct Asked {
    call: ChatCall,
    model: &'static catalogue::SimModel,
    answering: &'static catalogue::SimModel,
    prompt_tokens: u64,
}

impl Asked {
    fn new(call: ChatCall) -> Result<Self, String> {
        let id = call.model.as_deref().unwrap_or("sim/auto");
        let (model, answering) = catalogue::chat(id).ok_or_else(|| format!("{id} is not a valid model ID"))?;
        if call.messages.is_empty() {
            return Err("Input required: specify \"messages\"".to_owned());
        }
        let prompt_tokens = call.messages.iter().map(|message| tokens(&ChatMessage::text(message))).sum();
        Ok(Self { call, model, answering, prompt_tokens })
    }

    /// What OpenRouter checks before it asks a provider.
    fn check(&self) -> Result<(), Refusal> {
        let demands = self.call.provider["require_parameters"] == true;
        if demands && self.call.response_format.is_some() && !self.model.structured_outputs {
            let message = "No endpoints found that support the requested parameters: response_format";
            return Err(Box::new(error(404, message)));
        }
        let total = self.prompt_tokens + self.call.max_tokens().unwrap_or(0);
        let limit = self.model.context;
        if total > limit || self.prompt_tokens >= limit {
            let message = format!(
                "This endpoint's maximum context length is {limit} tokens. However, you requested about {total} tokens \
                 ({} of text input). Please reduce the length of either one.",
                self.prompt_tokens
            );
            return Err(Box::new(typed_error(400, &message, Some("context_length_exceeded"))));
        }
        Ok(())
    }

    /// The text, cut at the tokens that were asked for, and how it ended.
    fn answer(&self) -> (String, &'static str) {
        let schema = self.call.schema().filter(|_| self.model.structured_outputs);
        let mut text = answer(&self.call, schema);
        let room = self.model.context.saturating_sub(self.prompt_tokens);
        let limit = self.call.max_tokens().unwrap_or(room).min(room);
        if tokens(&text) <= limit {
            return (text, "stop");
        }
        let bytes = usize::try_from(limit.saturating_mul(4)).unwrap_or(usize::MAX);
        text.truncate(text.floor_char_boundary(bytes));
        (text, "length")
    }
}
