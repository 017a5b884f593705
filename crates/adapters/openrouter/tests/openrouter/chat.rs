//! Answers as they should be, and what is sent for them.

use crate::{KEY, bench, eventually, hear, key, prompt, with_options};
use futures::StreamExt as _;
use palavra_domain::{
    CompletionEvent, CompletionRequest, Message, ModelError, ResponseFormat, Role, ports::ChatModel as _,
};
use palavra_openrouter::{OpenRouterChatModel, OpenRouterClient};
use palavra_openrouter_sim::{Fault, FaultRule, SimOptions};
use serde_json::{Value, json};
use std::{collections::HashSet, time::Duration};

const SCHEMA: &str = r#"{"type":"object","required":["operations"],"additionalProperties":false,"properties":{"operations":
    {"type":"array","items":{"type":"object","required":["kind","text"],"properties":{"kind":{"type":"string"},"text":{"type":"string"}}}}}}"#;

#[tokio::test]
async fn a_streamed_answer_is_the_same_as_a_whole_one() {
    let bench = bench();
    let question = "Qual é a capital? “日本” 😀";
    let heard = bench.ask(question).await;
    let whole = bench.chat.complete(&key(KEY), &prompt("sim/fast", question)).await.unwrap();
    assert!(heard.text().contains(question), "{}", heard.text());
    assert_eq!(heard.text(), whole.text);
    assert!(heard.deltas.len() > 3);

    let finish = heard.end.unwrap();
    assert_eq!(heard.started.flatten(), finish.generation_id);
    assert!(finish.generation_id.is_some_and(|id| id.starts_with("gen-")));
    assert_eq!(finish.finish_reason.as_deref(), Some("stop"));
    assert_eq!(finish.usage, whole.finish.usage);
    let usage = finish.usage;
    let (prompt, completion) = (usage.prompt_tokens.unwrap(), usage.completion_tokens.unwrap());
    assert_eq!(usage.total_tokens, Some(prompt + completion));
    // sim/fast takes 0.15 and 0.60 dollars a million: exact to the last digit.
    let micro_cents = prompt * 15 + completion * 60;
    assert_eq!(usage.cost.unwrap(), format!("{micro_cents}e-8").parse().unwrap());
}

#[tokio::test]
async fn the_model_that_answered_is_told() {
    let bench = bench();
    let finish = bench.chat.complete(&key(KEY), &prompt("sim/auto", "Olá")).await.unwrap().finish;
    assert_eq!(finish.model.as_deref(), Some("sim/fast"));
    let stream = bench.chat.stream(&key(KEY), &prompt("sim/auto", "Olá")).await.unwrap();
    assert_eq!(hear(stream).await.end.unwrap().model.as_deref(), Some("sim/fast"));
}

#[tokio::test]
async fn what_is_sent_is_what_the_reference_says() {
    let bench = bench();
    let request = CompletionRequest {
        messages: vec![
            Message::new(Role::System, "s"),
            Message::new(Role::User, "u\u{1}\"\\ ção"),
            Message::new(Role::Assistant, "a"),
            Message::new(Role::User, "v"),
        ],
        max_tokens: Some(200),
        temperature: Some(0.2),
        ..prompt("sim/fast", "")
    };
    hear(bench.chat.stream(&key(KEY), &request).await.unwrap()).await.end.unwrap();
    let sent = bench.request();
    assert_eq!(
        sent.body,
        json!({
            "model": "sim/fast", "stream": true, "stream_options": {"include_usage": true}, "usage": {"include": true},
            "messages": [
                {"role": "system", "content": "s"}, {"role": "user", "content": "u\u{1}\"\\ ção"},
                {"role": "assistant", "content": "a"}, {"role": "user", "content": "v"},
            ],
            "max_completion_tokens": 200, "temperature": 0.2, "user": "pseudonym-1",
            "plugins": [{"id": "context-compression", "enabled": false}],
        })
    );
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/api/v1/chat/completions"));
    assert_eq!(sent.key.as_deref(), Some(KEY));
    assert_eq!(sent.headers["http-referer"], "https://palavra.example");
    assert_eq!(sent.headers["x-openrouter-title"], "Palavra");
    assert!(sent.headers["user-agent"].starts_with("palavra/"));
}

#[tokio::test]
async fn a_schema_is_demanded_of_the_provider() {
    let bench = bench();
    let format = ResponseFormat::JsonSchema { name: "operations", schema: SCHEMA };
    let request = CompletionRequest { format, ..prompt("sim/fast", "sou desenvolvedor de software") };
    let answer = bench.chat.complete(&key(KEY), &request).await.unwrap();
    let expected = json!({"operations": [{"kind": "profile", "text": "É desenvolvedor de software"}]});
    assert_eq!(serde_json::from_str::<Value>(&answer.text).unwrap(), expected);
    let sent = bench.request().body;
    assert_eq!(sent["provider"], json!({"require_parameters": true}));
    assert_eq!(sent["response_format"]["json_schema"]["strict"], true);
    assert_eq!(sent["response_format"]["json_schema"]["schema"], serde_json::from_str::<Value>(SCHEMA).unwrap());
    assert!(sent.get("stream_options").is_none() && sent["stream"] == false);

    let unable = CompletionRequest { format: request.format.clone(), ..prompt("sim/plain", "sou médico") };
    assert!(matches!(bench.chat.complete(&key(KEY), &unable).await, Err(ModelError::ModelNotFound)));
    let no_json = CompletionRequest { format: ResponseFormat::JsonSchema { name: "x", schema: "{" }, ..unable };
    assert!(matches!(bench.chat.complete(&key(KEY), &no_json).await, Err(ModelError::Rejected { status: 400, .. })));
}

#[tokio::test]
async fn an_answer_cut_at_its_tokens_is_finished() {
    let bench = bench();
    let request = CompletionRequest { max_tokens: Some(3), ..prompt("sim/fast", "Qual é a capital?") };
    let heard = hear(bench.chat.stream(&key(KEY), &request).await.unwrap()).await;
    let finish = heard.end.as_ref().unwrap();
    assert_eq!(finish.finish_reason.as_deref(), Some("length"));
    assert!(heard.text().len() <= 12 && finish.usage.completion_tokens == Some(3));
}

#[tokio::test]
async fn an_empty_answer_is_finished_without_text() {
    let bench = bench();
    bench.fault(Fault::Empty);
    let heard = bench.ask("Olá").await;
    assert!(heard.deltas.is_empty());
    assert_eq!(heard.end.unwrap().finish_reason.as_deref(), Some("stop"));
    bench.fault(Fault::Empty);
    let whole = bench.chat.complete(&key(KEY), &prompt("sim/fast", "Olá")).await.unwrap();
    assert_eq!((whole.text.as_str(), whole.finish.usage.completion_tokens), ("", Some(0)));
}

#[tokio::test]
async fn dropping_a_stream_ends_the_call() {
    let bench = with_options(SimOptions { chunk_delay: Duration::from_millis(30), ..SimOptions::default() });
    let mut stream = bench.chat.stream(&key(KEY), &prompt("sim/fast", "Olá")).await.unwrap();
    while let Some(event) = stream.next().await {
        if matches!(event.unwrap(), CompletionEvent::Delta(_)) {
            break;
        }
    }
    assert!(!bench.request().client_gone);
    drop(stream);
    eventually("the simulator sees the client go", || bench.request().client_gone).await;
}

#[tokio::test]
async fn a_slow_answer_is_no_stalled_one() {
    let bench = bench();
    // Longer in all than the longest silence, with shorter pauses.
    bench.fault(Fault::Slow { ms_per_chunk: 60 });
    let heard = bench.ask("Olá").await;
    assert!(heard.deltas.len() >= 8, "{:?}", heard.deltas);
    heard.end.unwrap();
}

#[tokio::test]
async fn a_stream_has_a_longest_time_too() {
    let bench = bench();
    let config = palavra_openrouter::OpenRouterConfig {
        stream_timeout: Duration::from_millis(200),
        ..crate::config(bench.simulator.base_url())
    };
    let chat = OpenRouterChatModel::new(OpenRouterClient::new(config).unwrap());
    bench.fault(Fault::Slow { ms_per_chunk: 60 });
    let heard = hear(chat.stream(&key(KEY), &prompt("sim/fast", "Olá")).await.unwrap()).await;
    assert!(!heard.deltas.is_empty());
    assert!(matches!(heard.end, Err(ModelError::Timeout)), "{:?}", heard.end);
}

#[tokio::test]
async fn connections_are_used_again() {
    let bench = bench();
    for _ in 0..20 {
        bench.ask("Olá").await.end.unwrap();
        bench.chat.complete(&key(KEY), &prompt("sim/fast", "Olá")).await.unwrap();
        bench.simulator.fault(FaultRule::new(Fault::status(429)));
        bench.chat.complete(&key(KEY), &prompt("sim/fast", "Olá")).await.unwrap_err();
    }
    let connections: HashSet<_> = bench.simulator.requests().into_iter().filter_map(|call| call.peer).collect();
    assert!((1..=5).contains(&connections.len()), "60 calls took {} connections", connections.len());
}
