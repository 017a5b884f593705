//! The server itself.

use crate::{
    middleware::observe,
    openapi::openapi,
    problem::{Code, Problem},
    routes,
    state::AppState,
};
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    middleware::from_fn,
    web::{self, Data},
};
use std::{io, net::TcpListener, sync::Arc, time::Duration};
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::SwaggerUi;

/// How the server runs.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Threads that serve connections.
    pub workers: usize,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long connections may take to end when the server stops.
    pub shutdown_timeout: Duration,
}

/// Serves the API on `listener`. The server that is returned runs when it is awaited; its handle stops it.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(listener: TcpListener, state: Arc<AppState>, options: ServerOptions) -> io::Result<Server> {
    let state = Data::from(state);
    let description = openapi();
    let methods = Data::new(Methods::of(&description));
    let server = HttpServer::new(move || {
        let description = description.clone();
        App::new()
            .app_data(state.clone())
            .app_data(methods.clone())
            .wrap(from_fn(observe))
            .configure(|config| routes::configure(&mut ServiceConfig::new(config)))
            .service(web::redirect("/docs", "/docs/"))
            .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", description))
            .default_service(web::to(elsewhere))
    })
    .workers(options.workers)
    // A client that goes away in the middle of a stream is noticed.
    .h1_allow_half_closed(false)
    // Else a part of a stream waits up to 40 ms for the client to acknowledge the part before it.
    .tcp_nodelay(true)
    .client_request_timeout(options.header_timeout)
    .shutdown_timeout(options.shutdown_timeout.as_secs())
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(server)
}

/// The methods of each path.
struct Methods(Vec<(String, Vec<&'static str>)>);

impl Methods {
    fn of(description: &utoipa::openapi::OpenApi) -> Self {
        let paths = description.paths.paths.iter().map(|(path, item)| {
            let methods = [
                (item.get.is_some(), "GET"),
                (item.post.is_some(), "POST"),
                (item.put.is_some(), "PUT"),
                (item.patch.is_some(), "PATCH"),
                (item.delete.is_some(), "DELETE"),
            ];
            (path.clone(), methods.into_iter().filter_map(|(there, name)| there.then_some(name)).collect())
        });
        // Not described, and there all the same.
        let others = ["/openapi.json", "/docs/", "/docs/{page}"].map(|path| (path.to_owned(), vec!["GET"]));
        Self(paths.chain(others).collect())
    }

    fn allowed(&self, path: &str) -> Option<&[&'static str]> {
        let fits = |template: &str| {
            let (mut left, mut right) = (template.split('/'), path.split('/'));
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return true,
                    (Some(part), Some(given)) if part == given || (part.starts_with('{') && !given.is_empty()) => {}
                    _ => return false,
                }
            }
        };
        self.0.iter().find(|(template, _)| fits(template)).map(|(_, methods)| methods.as_slice())
    }
}

/// What no handler takes: another method of a known path, or an unknown path.
async fn elsewhere(request: HttpRequest, methods: Data<Methods>) -> Result<HttpResponse, Problem> {
    match methods.allowed(request.path()) {
        Some(allowed) => {
            let allow = allowed.join(", ");
            let problem = Problem::new(Code::MethodNotAllowed).detail(format!("This address takes {allow}."));
            Err(problem.allow(allow))
        }
        None => Err(Problem::new(Code::NotFound)),
    }
}
