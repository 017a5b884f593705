//! Chat completions.

use crate::{
    OpenRouterClient,
    decode::completion,
    redact::Redactor,
    stream::{AnswerReader, ChunkDecoder},
    transport::{BODY_LIMIT, malformed, read, send},
    wire::ChatBody,
};
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use palavra_domain::{
    ApiKey, Completion, CompletionEvent, CompletionRequest, ModelError,
    ports::{ChatModel, CompletionStream},
};
use reqwest::{Method, RequestBuilder, Response, header};
use tokio::time::timeout;

/// Every model that OpenRouter serves.
#[derive(Clone, Debug)]
pub struct OpenRouterChatModel {
    client: OpenRouterClient,
}

impl OpenRouterChatModel {
    /// Calls models through this client.
    #[must_use]
    pub fn new(client: OpenRouterClient) -> Self {
        Self { client }
    }

    fn request(&self, key: &ApiKey, request: &CompletionRequest, stream: bool) -> Result<RequestBuilder, ModelError> {
        let call = self.client.upstream.request(Method::POST, "/chat/completions", Some(key))?;
        let accept = if stream { "text/event-stream" } else { "application/json" };
        Ok(call.header(header::ACCEPT, accept).json(&ChatBody::new(request, stream)?))
    }
}

fn generation_id(response: &Response) -> Option<String> {
    let id = response.headers().get("x-generation-id")?.to_str().ok()?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// The media type, without its parameters, in lower case.
fn media_type(response: &Response) -> Option<String> {
    let text = response.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

#[async_trait]
impl ChatModel for OpenRouterChatModel {
    async fn complete(&self, key: &ApiKey, request: &CompletionRequest) -> Result<Completion, ModelError> {
        let redactor = Redactor::new(Some(key));
        let call = self.request(key, request, false)?;
        let answer = async {
            let response = send(call, &redactor).await?;
            let id = generation_id(&response);
            completion(&read(response, BODY_LIMIT).await?, id, &redactor)
        };
        timeout(self.client.config.total_timeout, answer).await.unwrap_or(Err(ModelError::Timeout))
    }

    async fn stream(&self, key: &ApiKey, request: &CompletionRequest) -> Result<CompletionStream, ModelError> {
        let config = &self.client.config;
        let redactor = Redactor::new(Some(key));
        let call = self.request(key, request, true)?;
        let response = timeout(config.read_timeout, send(call, &redactor)).await.unwrap_or(Err(ModelError::Timeout))?;
        let id = generation_id(&response);
        match media_type(&response).as_deref() {
            None | Some("text/event-stream" | "text/plain") => {
                let body = response.bytes_stream().boxed();
                let decoder = ChunkDecoder::new(id);
                let reader = AnswerReader::new(body, decoder, key.clone(), config.read_timeout, config.stream_timeout);
                let events =
                    stream::unfold(reader, async |mut reader| reader.next().await.map(|event| (event, reader)));
                Ok(events.boxed())
            }
            // An error, or the answer of a server that does not stream.
            Some("application/json") => {
                let body = timeout(config.total_timeout, read(response, BODY_LIMIT)).await;
                let Completion { text, finish } =
                    completion(&body.unwrap_or(Err(ModelError::Timeout))?, id, &redactor)?;
                let started = CompletionEvent::Started { generation_id: finish.generation_id.clone() };
                let delta = (!text.is_empty()).then_some(CompletionEvent::Delta(text));
                let events = [Some(started), delta, Some(CompletionEvent::Finished(finish))];
                Ok(stream::iter(events.into_iter().flatten().map(Ok)).boxed())
            }
            Some(other) => Err(malformed(format!("an event stream was asked for, {:?} came", redactor.clean(other)))),
        }
    }
}
