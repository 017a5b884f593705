//! Retries of calls to models. Times are real and short: the rules do not depend on their size.

use crate::world::{api_key, model, soon};
use async_trait::async_trait;
use palavra_application::decorators::{RetriedChatModel, RetriedEmbedder, RetryPolicy};
use palavra_domain::{
    ApiKey, CompletionRequest, EmbedAs, EmbeddingSpace, Embeddings, ModelError, ResponseFormat, Usage,
    ports::{ChatModel, Embedder},
};
use palavra_inmem::fakes::{Script, ScriptedChatModel};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const QUICK: RetryPolicy = RetryPolicy { retries: 2, within: Duration::from_secs(5), pause: Duration::from_millis(10) };

fn request() -> CompletionRequest {
    CompletionRequest {
        model: model("vendor/any"),
        messages: Vec::new(),
        format: ResponseFormat::Text,
        max_tokens: None,
        temperature: None,
        end_user: "u".into(),
    }
}

fn unavailable(retry_after: Option<Duration>) -> ModelError {
    ModelError::Unavailable { retry_after, source: "503".into() }
}

/// Asks once, whole or streamed, of a model that first fails like this. Returns the calls made, how long it took, and whether
/// an answer came.
async fn asked(policy: RetryPolicy, failures: Vec<ModelError>, streamed: bool) -> (usize, Duration, bool) {
    let inner = Arc::new(ScriptedChatModel::new());
    for failure in failures {
        inner.script(Script::refused(failure));
    }
    let retried = RetriedChatModel::new(inner.clone(), policy);
    let begun = Instant::now();
    let key = api_key("sk-or-test");
    let answered = if streamed {
        soon(retried.stream(&key, &request())).await.is_ok()
    } else {
        soon(retried.complete(&key, &request())).await.is_ok()
    };
    (inner.calls().len(), begun.elapsed(), answered)
}

#[tokio::test]
async fn what_may_pass_is_tried_twice_again() {
    for streamed in [true, false] {
        let (calls, _, answered) = asked(QUICK, vec![unavailable(None)], streamed).await;
        assert_eq!((calls, answered), (2, true));
        let limited = ModelError::RateLimited { retry_after: None };
        let (calls, _, answered) = asked(QUICK, vec![unavailable(None), limited], streamed).await;
        assert_eq!((calls, answered), (3, true));
        let failures = (0..3).map(|_| unavailable(None)).collect();
        let (calls, _, answered) = asked(QUICK, failures, streamed).await;
        assert_eq!((calls, answered), (3, false));
    }
}

#[tokio::test]
async fn the_provider_says_how_long_to_wait() {
    let wait = Duration::from_millis(150);
    let limited = ModelError::RateLimited { retry_after: Some(wait) };
    let (calls, elapsed, answered) = asked(QUICK, vec![limited, unavailable(Some(wait))], true).await;
    assert_eq!((calls, answered), (3, true));
    assert!(elapsed >= 2 * wait && elapsed < Duration::from_secs(3), "{elapsed:?}");
}

#[tokio::test]
async fn pauses_are_between_half_and_all_of_theirs_and_double() {
    let policy = RetryPolicy { pause: Duration::from_millis(100), ..QUICK };
    let (_, elapsed, _) = asked(policy, vec![unavailable(None), unavailable(None)], true).await;
    assert!(elapsed >= Duration::from_millis(150) && elapsed < Duration::from_secs(2), "{elapsed:?}");
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_not_waited() {
    // The real policy: ten seconds in all.
    let limited = ModelError::RateLimited { retry_after: Some(Duration::from_millis(10_001)) };
    let (calls, elapsed, answered) = asked(RetryPolicy::default(), vec![limited], true).await;
    assert_eq!((calls, answered), (1, false));
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    // What was waited before counts.
    let policy = RetryPolicy { within: Duration::from_millis(250), ..QUICK };
    let waits = |_| unavailable(Some(Duration::from_millis(150)));
    let (calls, elapsed, answered) = asked(policy, (0..3).map(waits).collect(), true).await;
    assert_eq!((calls, answered), (2, false));
    assert!(elapsed < Duration::from_millis(1_500), "{elapsed:?}");
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    let lasting: [fn() -> ModelError; 9] = [
        || ModelError::ContextTooLong,
        || ModelError::Refused,
        || ModelError::Credentials,
        || ModelError::OutOfCredits,
        || ModelError::ModelNotFound,
        || ModelError::Rejected { status: 400, reason: "no".into() },
        || ModelError::Timeout,
        || ModelError::Malformed { source: "odd".into() },
        || ModelError::Interrupted,
    ];
    for error in lasting {
        for streamed in [true, false] {
            let (calls, _, answered) = asked(QUICK, vec![error()], streamed).await;
            assert_eq!((calls, answered), (1, false), "{}", error());
        }
    }
}

#[tokio::test]
async fn a_stream_that_has_begun_is_not_begun_again() {
    use futures::StreamExt;
    let inner = Arc::new(ScriptedChatModel::new());
    inner.script(Script::new().say("par").fail(unavailable(None)));
    let retried = RetriedChatModel::new(inner.clone(), QUICK);
    let events: Vec<_> = retried.stream(&api_key("k"), &request()).await.unwrap().collect().await;
    assert!(matches!(events.last(), Some(Err(ModelError::Unavailable { .. }))));
    assert_eq!(inner.calls().len(), 1);
}

struct FailingEmbedder {
    space: EmbeddingSpace,
    failures: Mutex<Vec<ModelError>>,
    calls: Mutex<usize>,
}

#[async_trait]
impl Embedder for FailingEmbedder {
    fn space(&self) -> &EmbeddingSpace {
        &self.space
    }

    fn needs_user_key(&self) -> bool {
        true
    }

    async fn embed(&self, _: Option<&ApiKey>, _: &[String], _: EmbedAs) -> Result<Embeddings, ModelError> {
        *self.calls.lock().unwrap() += 1;
        match self.failures.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => Ok(Embeddings { vectors: vec![vec![1.0]], usage: Usage::default() }),
        }
    }
}

#[tokio::test]
async fn embedding_is_tried_again_likewise() {
    let embedder = Arc::new(FailingEmbedder {
        space: EmbeddingSpace { model: "m".into(), dimensions: 1 },
        failures: Mutex::new(vec![unavailable(None), unavailable(None)]),
        calls: Mutex::new(0),
    });
    let retried = RetriedEmbedder::new(embedder.clone(), QUICK);
    assert!(retried.needs_user_key() && retried.space().dimensions == 1);
    let texts = ["x".to_owned()];
    assert!(retried.embed(None, &texts, EmbedAs::Query).await.is_ok());
    assert_eq!(*embedder.calls.lock().unwrap(), 3);
    embedder.failures.lock().unwrap().push(ModelError::Credentials);
    assert!(retried.embed(None, &texts, EmbedAs::Query).await.is_err());
    assert_eq!(*embedder.calls.lock().unwrap(), 4);
}
