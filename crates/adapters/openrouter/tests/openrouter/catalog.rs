//! The catalogue.

use crate::{KEY, bench, config, with_options};
use palavra_domain::{ModelError, ModelId, ports::ModelCatalog as _};
use palavra_openrouter::{OpenRouterCatalog, OpenRouterClient, OpenRouterConfig};
use palavra_openrouter_sim::{Fault, FaultRule, SimOptions, SimPath};
use std::{sync::Arc, time::Duration};

fn id(text: &str) -> ModelId {
    ModelId::parse(text).unwrap()
}

#[tokio::test]
async fn models_come_with_prices_and_windows() {
    let bench = bench();
    let catalog = OpenRouterCatalog::new(bench.client.clone());
    let fast = catalog.find(&id("sim/fast")).await.unwrap().unwrap();
    assert_eq!(fast.prompt_price, Some("0.00000015".parse().unwrap()));
    assert_eq!((fast.context_length, fast.max_completion_tokens), (Some(32_768), Some(8_192)));
    assert!(fast.structured_outputs);
    assert!(!catalog.find(&id("sim/plain")).await.unwrap().unwrap().structured_outputs);
    let auto = catalog.find(&id("sim/auto")).await.unwrap().unwrap();
    assert_eq!((auto.prompt_price, auto.completion_price), (None, None));
    let free = catalog.find(&id("sim/free")).await.unwrap().unwrap();
    assert_eq!(free.prompt_price, Some(palavra_domain::Usd::ZERO));
    assert_eq!(catalog.find(&id("sim/none")).await.unwrap(), None);
    let nitro = catalog.find(&id("sim/small:nitro")).await.unwrap().unwrap();
    assert_eq!((nitro.id.as_str(), nitro.context_length), ("sim/small:nitro", Some(4096)));
    assert_eq!(catalog.models().await.unwrap().len(), 6);
    // All that came of one load, without a key.
    assert_eq!(bench.request().key, None);
}

#[tokio::test]
async fn loads_are_shared() {
    let bench = bench();
    bench.fault(Fault::Slow { ms_per_chunk: 200 });
    let catalog = Arc::new(OpenRouterCatalog::new(bench.client.clone()));
    let asking = (0..50).map(|_| {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move { catalog.models().await.unwrap().len() })
    });
    for models in futures::future::join_all(asking).await {
        assert_eq!(models.unwrap(), 6);
    }
    assert_eq!(bench.simulator.requests().len(), 1);
}

#[tokio::test]
async fn an_old_list_is_better_than_none() {
    let bench = bench();
    let short = OpenRouterConfig { catalogue_ttl: Duration::from_millis(50), ..config(bench.simulator.base_url()) };
    let catalog = OpenRouterCatalog::new(OpenRouterClient::new(short).unwrap());
    // Nothing to fall back on yet; the failure is not kept.
    bench.fault(Fault::status(503));
    assert!(matches!(catalog.models().await, Err(ModelError::Unavailable { .. })));
    let first = catalog.models().await.unwrap();

    bench.simulator.fault(FaultRule::new(Fault::status(503)).path(SimPath::Models));
    tokio::time::sleep(Duration::from_millis(80)).await;
    let old = catalog.models().await.unwrap();
    assert!(Arc::ptr_eq(&first, &old));
    assert_eq!(bench.simulator.pending_faults(), 0, "a load was tried");
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert!(!Arc::ptr_eq(&first, &catalog.models().await.unwrap()), "a new list takes over");
}

#[tokio::test]
async fn failures_without_a_list_are_told() {
    let bench = with_options(SimOptions::default());
    let catalog = OpenRouterCatalog::new(bench.client.clone());
    bench.fault(Fault::Garbage);
    assert!(matches!(catalog.models().await, Err(ModelError::Malformed { .. })));
    bench.fault(Fault::HugeLine { bytes: 300 * 1024 });
    assert!(matches!(catalog.models().await, Err(ModelError::Malformed { .. })));
    bench.fault(Fault::HangBeforeHeaders);
    assert!(matches!(catalog.models().await, Err(ModelError::Timeout)));
    bench.fault(Fault::status(404));
    assert!(matches!(catalog.find(&id("sim/fast")).await, Err(ModelError::Rejected { status: 404, .. })));
    assert!(bench.simulator.requests_of(KEY).is_empty());
}
