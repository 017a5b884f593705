//! The simulator as a client sees it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are test code")]

use palavra_openrouter_sim::{Fault, FaultRule, SimOptions, SimPath, Simulator};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const KEY: &str = "sk-or-v1-test";

fn start() -> Simulator {
    Simulator::start(SimOptions::default()).unwrap()
}

fn client() -> Client {
    Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

async fn post(simulator: &Simulator, key: &str, path: &str, body: Value) -> Response {
    let url = format!("{}{path}", simulator.base_url());
    client().post(url).bearer_auth(key).json(&body).send().await.unwrap()
}

async fn get(simulator: &Simulator, key: &str, path: &str) -> (u16, Value) {
    let url = format!("{}{path}", simulator.base_url());
    let response = client().get(url).bearer_auth(key).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn ask(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

async fn answer(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn keys_decide_who_may_call() {
    let simulator = start();
    for (key, status) in [(KEY, 200), ("sk-or-bad-1", 401), ("nonsense", 401), ("sk-or-broke-1", 402)] {
        let (got, body) = answer(post(&simulator, key, "/chat/completions", ask("sim/fast", "Olá")).await).await;
        assert_eq!(got, status, "{key}");
        assert_eq!(body["error"]["code"].as_u64(), (status != 200).then_some(status.into()), "{key}");
    }
    let without = client().get(format!("{}/key", simulator.base_url())).send().await.unwrap();
    assert_eq!(without.status(), 401);
    // The catalogue is public.
    let models = client().get(format!("{}/models", simulator.base_url())).send().await.unwrap();
    let models: Value = models.json().await.unwrap();
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert_eq!(ids, ["sim/fast", "sim/large", "sim/plain", "sim/small", "sim/free", "sim/auto"]);
    assert_eq!(models["data"][5]["pricing"]["prompt"], "-1");
    assert_eq!(get(&simulator, "sk-or-mgmt-1", "/key").await.1["data"]["is_management_key"], true);
    assert_eq!(get(&simulator, KEY, "/key").await.1["data"]["is_management_key"], false);
    assert_eq!(get(&simulator, KEY, "/embeddings/models").await.1["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_stream_has_comments_chunks_usage_and_an_end() {
    let simulator = start();
    let mut body = ask("sim/fast", "Qual é a capital?");
    body["stream"] = json!(true);
    let response = post(&simulator, KEY, "/chat/completions", body).await;
    let id = response.headers()["x-generation-id"].to_str().unwrap().to_owned();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let text = response.text().await.unwrap();
    let frames: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!((frames[0], frames[frames.len() - 1]), (": OPENROUTER PROCESSING", "data: [DONE]"));
    let chunk = |at: usize| serde_json::from_str::<Value>(frames[at].strip_prefix("data: ").unwrap()).unwrap();
    let last = chunk(frames.len() - 2);
    assert_eq!((&last["choices"], last["id"].as_str()), (&json!([]), Some(id.as_str())));
    // 18 bytes are 5 tokens.
    assert_eq!(last["usage"]["prompt_tokens"], 5);
    assert_eq!(chunk(frames.len() - 3)["choices"][0]["finish_reason"], "stop");
    let said: String = (1..frames.len() - 2)
        .map(|at| chunk(at)["choices"][0]["delta"]["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(said.starts_with("Você perguntou: “Qual é a capital?”"), "{said}");
}

#[tokio::test]
async fn a_generation_is_found_the_second_time() {
    let simulator = start();
    let (_, body) = answer(post(&simulator, KEY, "/chat/completions", ask("sim/large", "Olá")).await).await;
    let path = format!("/generation?id={}", body["id"].as_str().unwrap());
    assert_eq!(get(&simulator, KEY, &path).await.0, 404);
    assert_eq!(get(&simulator, "sk-or-other", &path).await.0, 404);
    let (status, found) = get(&simulator, KEY, &path).await;
    assert_eq!((status, &found["data"]["total_cost"]), (200, &body["usage"]["cost"]));
    assert_eq!(
        (&found["data"]["cancelled"], &found["data"]["tokens_completion"]),
        (&json!(false), &body["usage"]["completion_tokens"])
    );
    assert_eq!(get(&simulator, KEY, "/generation?id=gen-none").await.0, 404);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let simulator = start();
    simulator.fault(FaultRule::new(Fault::HangBeforeHeaders));
    simulator.fault(FaultRule::new(Fault::HangMidStream { after_chunks: 3 }));
    let mut body = ask("sim/fast", "Olá, tudo bem?");
    body["stream"] = json!(true);
    let hung = post(&simulator, KEY, "/chat/completions", body.clone());
    assert!(tokio::time::timeout(Duration::from_millis(100), hung).await.is_err());
    let mut response = post(&simulator, KEY, "/chat/completions", body).await;
    let id = response.headers()["x-generation-id"].to_str().unwrap().to_owned();
    let mut heard = String::new();
    while heard.matches("data:").count() < 4 {
        heard.push_str(&String::from_utf8_lossy(&response.chunk().await.unwrap().unwrap()));
    }
    drop(response);
    for _ in 0..200 {
        if simulator.requests().iter().all(|request| request.client_gone && !request.finished) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(simulator.requests().iter().all(|request| request.client_gone), "{:?}", simulator.requests());
    let path = format!("/generation?id={id}");
    get(&simulator, KEY, &path).await;
    let (_, found) = get(&simulator, KEY, &path).await;
    assert_eq!(found["data"]["cancelled"], true, "{found}");
    assert!(found["data"]["tokens_completion"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn faults_and_requests_are_controlled_over_http() {
    let simulator = start();
    let control = format!("http://{}/sim", simulator.address());
    let http = client();
    let rule = json!({"key": KEY, "path": "chat", "model": "sim/fast", "times": 2,
        "fault": {"type": "status", "status": 429, "retry_after": 3, "message": "slow down"}});
    assert_eq!(http.post(format!("{control}/faults")).json(&rule).send().await.unwrap().status(), 204);
    let bad = json!({"fault": {"type": "status"}});
    assert_eq!(http.post(format!("{control}/faults")).json(&bad).send().await.unwrap().status(), 400);

    // Other keys, models and routes do not meet it.
    assert_eq!(post(&simulator, "sk-or-other", "/chat/completions", ask("sim/fast", "a")).await.status(), 200);
    assert_eq!(post(&simulator, KEY, "/chat/completions", ask("sim/large", "a")).await.status(), 200);
    assert_eq!(get(&simulator, KEY, "/key").await.0, 200);
    let limited = post(&simulator, KEY, "/chat/completions", ask("sim/fast", "a")).await;
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "3"));
    assert_eq!(limited.json::<Value>().await.unwrap()["error"]["message"], "slow down");
    assert_eq!(simulator.pending_faults(), 1);
    let listed: Value = http.get(format!("{control}/faults")).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["faults"][0]["times"], 1);
    assert_eq!(http.delete(format!("{control}/faults")).send().await.unwrap().status(), 204);
    assert_eq!(post(&simulator, KEY, "/chat/completions", ask("sim/fast", "a")).await.status(), 200);

    let url = format!("{control}/requests?key=sk-or-other");
    let logged: Value = http.get(url).send().await.unwrap().json().await.unwrap();
    let requests = logged["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        (&requests[0]["path"], &requests[0]["body"]),
        (&json!("/api/v1/chat/completions"), &ask("sim/fast", "a"))
    );
    assert_eq!((&requests[0]["finished"], &requests[0]["client_gone"]), (&json!(true), &json!(false)));
    http.delete(format!("{control}/requests")).send().await.unwrap();
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn embeddings_take_one_text_or_several() {
    let simulator = start();
    let embed = async |body: Value| answer(post(&simulator, KEY, "/embeddings", body).await).await;
    let (_, one) = embed(json!({"model": "any", "input": "Moro em Recife"})).await;
    assert_eq!(one["data"][0]["embedding"].as_array().map(Vec::len), Some(1536));
    let (_, two) = embed(json!({"model": "any", "input": ["a", "Moro em Recife"], "dimensions": 64})).await;
    assert_eq!((two["data"].as_array().map(Vec::len), &two["data"][1]["index"]), (Some(2), &json!(1)));
    assert_eq!(two["data"][1]["embedding"].as_array().map(Vec::len), Some(64));
    assert_eq!(two["usage"]["total_tokens"], 5);
    for bad in [json!({"model": "any"}), json!({"model": "any", "input": "a", "dimensions": 0}), json!({"input": 7})] {
        assert_eq!(embed(bad.clone()).await.0, 400, "{bad}");
    }
    simulator.fault(FaultRule::new(Fault::Dimensions { n: 7 }).path(SimPath::Embeddings));
    let (_, odd) = embed(json!({"model": "any", "input": "a", "dimensions": 64})).await;
    assert_eq!(odd["data"][0]["embedding"].as_array().map(Vec::len), Some(7));
}

#[tokio::test]
async fn limits_and_parameters_are_those_of_the_model() {
    let simulator = start();
    let chat = async |body: Value| answer(post(&simulator, KEY, "/chat/completions", body).await).await;
    let (status, body) = chat(ask("sim/small", &"palavra ".repeat(2100))).await;
    assert_eq!((status, &body["error"]["metadata"]["error_type"]), (400, &json!("context_length_exceeded")));
    assert_eq!(chat(ask("sim/none", "a")).await.0, 400);
    assert_eq!(chat(json!({"model": "sim/fast", "messages": []})).await.0, 400);
    assert_eq!(chat(json!({"model": "sim/fast"})).await.0, 400);

    let mut wanted = ask("sim/plain", "moro em Recife");
    wanted["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "m", "strict": true, "schema": {
        "type": "object", "required": ["operations"], "properties": {"operations": {"type": "array", "items": {"type": "object"}}}}}});
    // A parameter that the model does not know is dropped, unless it was demanded.
    let (status, body) = chat(wanted.clone()).await;
    assert!(
        status == 200 && body["choices"][0]["message"]["content"].as_str().unwrap().contains("perguntou"),
        "{body}"
    );
    wanted["provider"] = json!({"require_parameters": true});
    let (status, body) = chat(wanted.clone()).await;
    assert!(status == 404 && body["error"]["message"].as_str().unwrap().starts_with("No endpoints found"), "{body}");
    wanted["model"] = json!("sim/fast");
    let (_, body) = chat(wanted).await;
    let content = body["choices"][0]["message"]["content"].as_str().unwrap();
    let operation =
        json!({"op": "add", "id": "", "quote": "moro em Recife", "kind": "profile", "text": "Mora em Recife"});
    assert_eq!(serde_json::from_str::<Value>(content).unwrap(), json!({"operations": [operation]}));
}

#[tokio::test]
async fn an_open_server_that_keeps_nothing() {
    let options = SimOptions { record: false, require_auth: false, workers: 2, ..SimOptions::default() };
    let simulator = Simulator::start(options).unwrap();
    let http = client();
    let url = format!("{}/chat/completions", simulator.base_url());
    let calls = (0..64).map(|n| http.post(&url).json(&ask("sim/fast", &format!("Olá {n}"))).send());
    for (n, response) in futures::future::join_all(calls).await.into_iter().enumerate() {
        let body: Value = response.unwrap().json().await.unwrap();
        assert!(body["choices"][0]["message"]["content"].as_str().unwrap().contains(&format!("“Olá {n}”")), "{body}");
    }
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn dropping_it_stops_it_at_once() {
    let simulator = start();
    simulator.fault(FaultRule::new(Fault::HangBeforeHeaders));
    let url = format!("{}/chat/completions", simulator.base_url());
    let hung = tokio::spawn(client().post(&url).bearer_auth(KEY).json(&ask("sim/fast", "a")).send());
    while simulator.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begun = Instant::now();
    drop(simulator);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(hung.await.unwrap().is_err());
    assert!(client().get(url).send().await.is_err());
}
