//! The adapters against a simulated OpenRouter, over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are test code")]

mod catalog;
mod chat;
mod embedder;
mod faults;
mod keys;

use futures::StreamExt as _;
use palavra_domain::{
    ApiKey, CompletionEvent, CompletionFinish, CompletionRequest, Message, ModelError, ModelId, ResponseFormat, Role,
    ports::{ChatModel as _, CompletionStream},
};
use palavra_openrouter::{OpenRouterChatModel, OpenRouterClient, OpenRouterConfig};
use palavra_openrouter_sim::{Fault, FaultRule, RequestRecord, SimOptions, Simulator};
use std::time::Duration;

const KEY: &str = "sk-or-v1-canary-0123456789";

/// A simulator of its own for a test, and a client of it with short limits.
struct Bench {
    simulator: Simulator,
    client: OpenRouterClient,
    chat: OpenRouterChatModel,
}

fn config(base_url: String) -> OpenRouterConfig {
    OpenRouterConfig {
        base_url,
        app_referer: Some("https://palavra.example".into()),
        app_title: Some("Palavra".into()),
        connect_timeout: Duration::from_secs(2),
        read_timeout: Duration::from_millis(400),
        stream_timeout: Duration::from_secs(20),
        total_timeout: Duration::from_millis(800),
        lookup_timeout: Duration::from_millis(800),
        catalogue_ttl: Duration::from_secs(600),
        catalogue_max_bytes: 256 * 1024,
    }
}

fn bench() -> Bench {
    with_options(SimOptions::default())
}

fn with_options(options: SimOptions) -> Bench {
    let simulator = Simulator::start(options).unwrap();
    let client = OpenRouterClient::new(config(simulator.base_url())).unwrap();
    let chat = OpenRouterChatModel::new(client.clone());
    Bench { simulator, client, chat }
}

fn key(text: &str) -> ApiKey {
    ApiKey::parse(text.to_owned()).unwrap()
}

fn prompt(model: &str, text: &str) -> CompletionRequest {
    CompletionRequest {
        model: ModelId::parse(model).unwrap(),
        messages: vec![Message::new(Role::System, "Be brief."), Message::new(Role::User, text)],
        format: ResponseFormat::Text,
        max_tokens: None,
        temperature: None,
        end_user: "pseudonym-1".into(),
    }
}

/// What a stream gave: its text, and how it ended.
struct Heard {
    started: Option<Option<String>>,
    deltas: Vec<String>,
    end: Result<CompletionFinish, ModelError>,
}

impl Heard {
    fn text(&self) -> String {
        self.deltas.concat()
    }
}

/// Listens to the end and checks the order that the port promises.
async fn hear(mut stream: CompletionStream) -> Heard {
    let (mut started, mut deltas) = (None, Vec::new());
    let end = loop {
        match stream.next().await.expect("a stream ends with Finished or an error") {
            Ok(CompletionEvent::Started { generation_id }) => {
                assert!(started.is_none() && deltas.is_empty(), "Started comes first, once");
                started = Some(generation_id);
            }
            Ok(CompletionEvent::Delta(text)) => {
                assert!(started.is_some() && !text.is_empty());
                deltas.push(text);
            }
            Ok(CompletionEvent::Finished(finish)) => break Ok(finish),
            Err(error) => break Err(error),
        }
    };
    assert!(started.is_some(), "Started comes first");
    assert!(stream.next().await.is_none(), "nothing follows the end");
    Heard { started, deltas, end }
}

impl Bench {
    fn fault(&self, fault: Fault) {
        self.simulator.fault(FaultRule::new(fault));
    }

    async fn ask(&self, text: &str) -> Heard {
        hear(self.chat.stream(&key(KEY), &prompt("sim/fast", text)).await.unwrap()).await
    }

    /// The only request that came.
    fn request(&self) -> RequestRecord {
        let mut requests = self.simulator.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

/// Waits for something that another thread is about to do.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to this: {what}");
}
