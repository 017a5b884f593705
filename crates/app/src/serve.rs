//! `palavra serve`: from settings to a server that has stopped.

use crate::{
    compose::{Composed, compose},
    readiness::Stores,
    settings::Settings,
    telemetry,
};
use anyhow::{Context, Result};
use palavra_http::{AppState, HttpPolicy, ServerOptions, serve as serve_http};
use std::{net::TcpListener, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// The longest body that is read.
const BODY_LIMIT: usize = 1 << 20;
/// How often the metrics' own housekeeping is done.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Serves until the process is told to stop.
#[allow(clippy::print_stdout, reason = "the address is what whoever starts the server waits for")]
pub(crate) async fn serve(settings: Settings) -> Result<()> {
    telemetry::log(&settings.log)?;
    let prometheus = telemetry::count()?;
    let Composed { app, tasks, ids, tables, ports, follower, chats_are_ours, _data } = compose(&settings).await?;
    if settings.memories_are_in_the_data_folder() {
        follower.reembedding.take_over().await.context("cannot take over from the process before")?;
    }
    if chats_are_ours {
        app.housekeeping.take_over().await.context("cannot take over from the process before")?;
    }

    let listen = settings.http.listen;
    let listener = TcpListener::bind(listen)
        .with_context(|| format!("cannot listen on {listen}: choose another address with PALAVRA__HTTP__LISTEN"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let rendered = prometheus.clone();
    let state = Arc::new(AppState {
        app: app.clone(),
        readiness: Arc::new(Stores(ports)),
        ids,
        metrics: Arc::new(move || rendered.render()),
        policy: HttpPolicy { body_limit: BODY_LIMIT, heartbeat: settings.http.heartbeat },
    });
    let workers = match settings.http.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let options = ServerOptions {
        workers,
        header_timeout: settings.http.header_timeout,
        shutdown_timeout: settings.http.shutdown_timeout,
    };
    let server = serve_http(listener, state, options).context("cannot serve")?;
    let handle = server.handle();
    let serving = tokio::spawn(server);

    let remember = app.remember.clone();
    let remembering = tokio::spawn(async move { remember.run().await });
    let housekeeping = tokio::spawn(async move { app.housekeeping.run().await });
    let following = tokio::spawn(async move { follower.run().await });
    let upkeep = tokio::spawn(async move {
        loop {
            tokio::time::sleep(METRICS_UPKEEP).await;
            prometheus.run_upkeep();
        }
    });
    println!("palavra listens on http://{address} (documentation at /docs)");

    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for signals")?,
    }
    tracing::info!("stopping: no new requests; answers under way are finished");
    let finish = async {
        tokio::join!(handle.stop(true), tasks.finish());
    };
    if tokio::time::timeout(settings.http.shutdown_timeout, finish).await.is_err() {
        tracing::warn!("some answers were not finished in time; they become interrupted at the next start");
    }
    for task in [&remembering, &housekeeping, &following, &upkeep] {
        task.abort();
    }
    serving.abort();
    tables.close_all().await;
    Ok(())
}
