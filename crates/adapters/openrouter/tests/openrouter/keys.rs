//! Keys: what is known of them, and where they go.

use crate::{KEY, bench, config, key, prompt};
use palavra_domain::{
    EmbedAs, EmbeddingSpace, ModelError,
    ports::{ApiKeyInspector as _, ChatModel as _, Embedder as _, KeyStatus, ModelCatalog as _},
};
use palavra_openrouter::{
    OpenRouterCatalog, OpenRouterChatModel, OpenRouterClient, OpenRouterConfig, OpenRouterEmbedder,
    OpenRouterKeyInspector, SetupError,
};
use palavra_openrouter_sim::{Fault, FaultRule, SimOptions, Simulator};
use std::{process::Command, time::Duration};

#[tokio::test]
async fn keys_are_looked_up() {
    let bench = bench();
    let inspector = OpenRouterKeyInspector::new(bench.client.clone());
    for (text, status) in [
        (KEY, KeyStatus::Usable),
        ("sk-or-broke-1", KeyStatus::Usable),
        ("sk-or-mgmt-1", KeyStatus::Management),
        ("sk-or-bad-1", KeyStatus::Rejected),
        ("nonsense", KeyStatus::Rejected),
    ] {
        assert_eq!(inspector.inspect(&key(text)).await.unwrap(), status, "{text}");
    }
    // A server of the protocol that has no such route.
    for status in [404, 405] {
        bench.fault(Fault::status(status));
        assert_eq!(inspector.inspect(&key(KEY)).await.unwrap(), KeyStatus::Usable);
    }
    for (fault, what) in
        [(Fault::status(503), "down"), (Fault::Garbage, "garbage"), (Fault::HangBeforeHeaders, "hangs")]
    {
        bench.fault(fault);
        assert!(inspector.inspect(&key(KEY)).await.is_err(), "{what}");
    }
}

#[tokio::test]
async fn a_key_never_follows_a_redirect() {
    let bench = bench();
    let elsewhere = Simulator::start(SimOptions::default()).unwrap();
    let location = format!("{}/chat/completions", elsewhere.base_url());
    bench.simulator.fault(FaultRule::new(Fault::Redirect { location }).times(5));
    let (chat, request) = (&bench.chat, prompt("sim/fast", "Olá"));
    let redirected =
        |error: ModelError| assert!(matches!(error, ModelError::Rejected { status: 307, .. }), "{error:?}");
    redirected(chat.complete(&key(KEY), &request).await.unwrap_err());
    redirected(chat.stream(&key(KEY), &request).await.map(drop).unwrap_err());
    redirected(OpenRouterCatalog::new(bench.client.clone()).models().await.unwrap_err());
    redirected(OpenRouterKeyInspector::new(bench.client.clone()).inspect(&key(KEY)).await.unwrap_err());
    let space = EmbeddingSpace { model: "m".into(), dimensions: 8 };
    let embedder = OpenRouterEmbedder::with_user_key(&bench.client, space, Duration::from_secs(1));
    redirected(embedder.embed(Some(&key(KEY)), &["a".to_owned()], EmbedAs::Query).await.unwrap_err());
    assert_eq!(bench.simulator.pending_faults(), 0);
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
}

#[tokio::test]
async fn settings_are_checked() {
    for base_url in
        ["", "openrouter.ai/api", "ftp://openrouter.ai", "https://user:pass@openrouter.ai", "https://a/?k=v"]
    {
        let refused = OpenRouterClient::new(config(base_url.into()));
        assert!(matches!(refused, Err(SetupError::Address { .. })), "{base_url}");
    }
    let title = OpenRouterConfig { app_title: Some("a\nb".into()), ..OpenRouterConfig::default() };
    assert!(matches!(OpenRouterClient::new(title), Err(SetupError::Header { setting: "openrouter.app_title" })));
    let bench = bench();
    let slash = OpenRouterClient::new(config(format!("{}/", bench.simulator.base_url()))).unwrap();
    OpenRouterChatModel::new(slash).complete(&key(KEY), &prompt("sim/fast", "Olá")).await.unwrap();
    assert!(!format!("{:?} {:?}", bench.client, bench.chat).contains("canary"));
}

/// The environment of a process cannot be changed safely, so the test runs itself again in another.
#[tokio::test]
async fn plain_http_needs_no_ca_certificates() {
    if std::env::var_os("PALAVRA_TEST_WITHOUT_CA").is_none() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "keys::plain_http_needs_no_ca_certificates", "--nocapture"])
            .env("PALAVRA_TEST_WITHOUT_CA", "1")
            .env("SSL_CERT_FILE", "/nonexistent/certificates.pem")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && shown.contains("1 passed"),
            "{shown}{}",
            String::from_utf8_lossy(&child.stderr)
        );
        return;
    }
    let bench = bench();
    bench.ask("Olá").await.end.unwrap();
    let https = OpenRouterClient::new(OpenRouterConfig::default());
    let Err(SetupError::Connections { .. }) = &https else { panic!("{https:?}") };
    assert!(https.unwrap_err().to_string().contains("ca-certificates"));
}

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    if std::env::var_os("PALAVRA_TEST_PROXY").is_none() {
        let proxy = Simulator::start(SimOptions::default()).unwrap();
        let address = format!("http://{}", proxy.address());
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "keys::proxies_of_the_environment_are_not_used", "--nocapture"])
            .env("PALAVRA_TEST_PROXY", "1")
            .envs(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].map(|name| (name, address.as_str())))
            .env_remove("no_proxy")
            .env_remove("NO_PROXY")
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && shown.contains("1 passed"),
            "{shown}{}",
            String::from_utf8_lossy(&child.stderr)
        );
        assert!(proxy.requests().is_empty(), "{:?}", proxy.requests());
        return;
    }
    let bench = bench();
    bench.ask("Olá").await.end.unwrap();
    assert_eq!(bench.request().key.as_deref(), Some(KEY));
}
