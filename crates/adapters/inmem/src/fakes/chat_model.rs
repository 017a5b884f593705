//! A chat model that answers as it was told to.

use super::{
    Mood, Script,
    mood::consult,
    script::{Opening, Step},
};
use crate::locked::locked;
use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use palavra_domain::{
    ApiKey, Completion, CompletionEvent, CompletionFinish, CompletionRequest, ModelError, ResponseFormat, Role,
    ports::{ChatModel, CompletionStream},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// One call that was made.
#[derive(Clone, Debug)]
pub struct ModelCall {
    /// The key it came with.
    pub key: ApiKey,
    /// What was asked.
    pub request: CompletionRequest,
    /// Whether the answer was to be streamed.
    pub streamed: bool,
}

/// Follows scripts: one queue for texts, one for answers after a JSON schema (what the extractor asks for). With no script
/// left, it answers `echo: ` and the last message of the user, or `{"memories":[]}` after a schema.
pub struct ScriptedChatModel {
    texts: Mutex<VecDeque<Script>>,
    jsons: Mutex<VecDeque<Script>>,
    mood: Mutex<Mood>,
    calls: Mutex<Vec<ModelCall>>,
    cut_off: Arc<AtomicUsize>,
}

impl ScriptedChatModel {
    /// A model without scripts.
    #[must_use]
    pub fn new() -> Self {
        Self {
            texts: Mutex::default(),
            jsons: Mutex::default(),
            mood: Mutex::new(Mood::Works),
            calls: Mutex::default(),
            cut_off: Arc::default(),
        }
    }

    /// Adds a script for the next call that asks for text.
    pub fn script(&self, script: Script) {
        locked(&self.texts).push_back(script);
    }

    /// Adds a script for the next call that asks for JSON.
    pub fn script_json(&self, script: Script) {
        locked(&self.jsons).push_back(script);
    }

    /// What happens with calls of both kinds that have no script, from now on.
    pub fn set_mood(&self, mood: Mood) {
        *locked(&self.mood) = mood;
    }

    /// All calls so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<ModelCall> {
        locked(&self.calls).clone()
    }

    /// The calls that asked for text, oldest first.
    #[must_use]
    pub fn text_calls(&self) -> Vec<ModelCall> {
        self.calls().into_iter().filter(|call| !wants_json(&call.request)).collect()
    }

    /// The calls that asked for JSON, oldest first.
    #[must_use]
    pub fn json_calls(&self) -> Vec<ModelCall> {
        self.calls().into_iter().filter(|call| wants_json(&call.request)).collect()
    }

    /// How many accepted calls were dropped before they ended.
    #[must_use]
    pub fn cut_off(&self) -> usize {
        self.cut_off.load(Ordering::SeqCst)
    }

    /// Notes the call down and begins it.
    async fn call(&self, key: &ApiKey, request: &CompletionRequest, streamed: bool) -> Result<Running, ModelError> {
        let number = {
            let mut calls = locked(&self.calls);
            calls.push(ModelCall { key: key.clone(), request: request.clone(), streamed });
            calls.len()
        };
        let queue = if wants_json(request) { &self.jsons } else { &self.texts };
        let script = locked(queue).pop_front();
        let script = match script {
            Some(script) => script,
            None => {
                consult(&self.mood).await?;
                usual(request)
            }
        };
        match script.opening {
            Opening::Accepts => (),
            Opening::AcceptsAfter(gate) => gate.pass().await,
            Opening::Refuses(error) => return Err(error),
            Opening::Hangs => std::future::pending().await,
        }
        let generation_id = Some(format!("gen-{number}"));
        let model = script.finish.model.unwrap_or_else(|| request.model.as_str().to_owned());
        let finish = CompletionFinish { generation_id, model: Some(model), ..script.finish };
        let ending = Ending { ended: false, cut_off: Arc::clone(&self.cut_off) };
        Ok(Running { started: false, steps: script.steps, finish, ending })
    }
}

impl Default for ScriptedChatModel {
    fn default() -> Self {
        Self::new()
    }
}

fn wants_json(request: &CompletionRequest) -> bool {
    matches!(request.format, ResponseFormat::JsonSchema { .. })
}

fn usual(request: &CompletionRequest) -> Script {
    if wants_json(request) {
        return Script::new().say(r#"{"operations":[]}"#);
    }
    let said = request.messages.iter().rev().find(|message| message.role == Role::User);
    Script::reply(&format!("echo: {}", said.map_or("", |message| &message.content)))
}

/// An answer on its way.
struct Running {
    started: bool,
    steps: VecDeque<Step>,
    finish: CompletionFinish,
    ending: Ending,
}

/// Notices when an answer is dropped before its end.
struct Ending {
    ended: bool,
    cut_off: Arc<AtomicUsize>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.ended {
            self.cut_off.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Running {
    async fn next(mut self) -> Option<(Result<CompletionEvent, ModelError>, Self)> {
        if self.ending.ended {
            return None;
        }
        if !self.started {
            self.started = true;
            let generation_id = self.finish.generation_id.clone();
            return Some((Ok(CompletionEvent::Started { generation_id }), self));
        }
        while let Some(step) = self.steps.pop_front() {
            match step {
                Step::Say(text) => return Some((Ok(CompletionEvent::Delta(text)), self)),
                Step::Wait(pause) => tokio::time::sleep(pause).await,
                Step::Gate(gate) => gate.pass().await,
                Step::Fail(error) => {
                    self.ending.ended = true;
                    return Some((Err(error), self));
                }
                Step::Hang => std::future::pending().await,
            }
        }
        self.ending.ended = true;
        Some((Ok(CompletionEvent::Finished(self.finish.clone())), self))
    }
}

#[async_trait]
impl ChatModel for ScriptedChatModel {
    async fn complete(&self, key: &ApiKey, request: &CompletionRequest) -> Result<Completion, ModelError> {
        let mut answer = stream::unfold(self.call(key, request, false).await?, Running::next).boxed();
        let mut text = String::new();
        while let Some(event) = answer.next().await {
            match event? {
                CompletionEvent::Started { .. } => (),
                CompletionEvent::Delta(more) => text.push_str(&more),
                CompletionEvent::Finished(finish) => return Ok(Completion { text, finish }),
            }
        }
        Err(ModelError::Interrupted)
    }

    async fn stream(&self, key: &ApiKey, request: &CompletionRequest) -> Result<CompletionStream, ModelError> {
        let running = self.call(key, request, true).await?;
        Ok(stream::unfold(running, Running::next).boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{Gate, default_usage};
    use futures::FutureExt;
    use palavra_contracts::samples::model;
    use palavra_domain::Message;

    fn key() -> ApiKey {
        ApiKey::parse("sk-or-test".into()).unwrap()
    }

    fn request(format: ResponseFormat) -> CompletionRequest {
        CompletionRequest {
            model: model("vendor/asked"),
            messages: vec![Message::new(Role::System, "Be kind."), Message::new(Role::User, "olá, mundo")],
            format,
            max_tokens: None,
            temperature: None,
            end_user: "u".into(),
        }
    }

    fn schema() -> ResponseFormat {
        ResponseFormat::JsonSchema { name: "memories", schema: "{}" }
    }

    async fn text_of(model: &ScriptedChatModel) -> (String, Result<CompletionFinish, ModelError>) {
        let mut stream = model.stream(&key(), &request(ResponseFormat::Text)).await.unwrap();
        assert!(matches!(stream.next().await, Some(Ok(CompletionEvent::Started { generation_id: Some(_) }))));
        let mut text = String::new();
        loop {
            match stream.next().await.unwrap() {
                Ok(CompletionEvent::Delta(more)) => text.push_str(&more),
                Ok(CompletionEvent::Finished(finish)) => {
                    assert!(stream.next().await.is_none());
                    return (text, Ok(finish));
                }
                Ok(CompletionEvent::Started { .. }) => panic!("it started twice"),
                Err(error) => {
                    assert!(stream.next().await.is_none());
                    return (text, Err(error));
                }
            }
        }
    }

    #[tokio::test]
    async fn echoes_without_a_script() {
        let model = ScriptedChatModel::new();
        let (text, finish) = text_of(&model).await;
        let finish = finish.unwrap();
        assert_eq!(text, "echo: olá, mundo");
        assert_eq!((finish.usage, finish.model.as_deref()), (default_usage(), Some("vendor/asked")));
        assert_eq!(finish.usage.cost.unwrap().to_string(), "0.000015");
        let json = model.complete(&key(), &request(schema())).await.unwrap();
        assert_eq!(json.text, r#"{"operations":[]}"#);
        assert_eq!((model.text_calls().len(), model.json_calls().len(), model.cut_off()), (1, 1, 0));
        assert_eq!(model.calls()[0].key.expose(), "sk-or-test");
        assert!(model.calls()[0].streamed && !model.calls()[1].streamed);
    }

    #[tokio::test]
    async fn follows_its_scripts_in_order() {
        let model = ScriptedChatModel::new();
        model.script(Script::refused(ModelError::Credentials));
        model.script(Script::reply("one two").answered_by("vendor/other").ended_by("length"));
        model.script(Script::new().say("par").fail(ModelError::Timeout));
        model.script_json(Script::new().say("[]"));
        let refused = model.stream(&key(), &request(ResponseFormat::Text)).await;
        assert!(matches!(refused, Err(ModelError::Credentials)));
        let (text, finish) = text_of(&model).await;
        assert_eq!(text, "one two");
        assert_eq!(finish.as_ref().unwrap().model.as_deref(), Some("vendor/other"));
        assert_eq!(finish.unwrap().finish_reason.as_deref(), Some("length"));
        let (text, finish) = text_of(&model).await;
        assert_eq!(text, "par");
        assert!(matches!(finish, Err(ModelError::Timeout)));
        assert_eq!(model.complete(&key(), &request(schema())).await.unwrap().text, "[]");
        model.set_mood(Mood::Fails(|| ModelError::OutOfCredits));
        assert!(matches!(model.complete(&key(), &request(ResponseFormat::Text)).await, Err(ModelError::OutOfCredits)));
    }

    #[tokio::test]
    async fn stands_at_gates_and_notices_being_dropped() {
        let model = ScriptedChatModel::new();
        let gate = Gate::new();
        model.script(Script::new().gate(&gate).say("open"));
        let mut stream = model.stream(&key(), &request(ResponseFormat::Text)).await.unwrap();
        stream.next().await;
        assert!(stream.next().now_or_never().is_none());
        gate.reached().await;
        gate.open();
        assert!(matches!(stream.next().await, Some(Ok(CompletionEvent::Delta(text))) if text == "open"));
        drop(stream);
        assert_eq!(model.cut_off(), 1);
        model.script(Script::new().hang());
        assert!(model.complete(&key(), &request(ResponseFormat::Text)).now_or_never().is_none());
        assert_eq!(model.cut_off(), 2);
        model.script(Script::silent());
        assert!(model.stream(&key(), &request(ResponseFormat::Text)).now_or_never().is_none());
        assert_eq!(model.cut_off(), 2);
    }
}
