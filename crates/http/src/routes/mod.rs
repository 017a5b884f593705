//! The handlers, a module a resource.

mod accounts;
mod chat;
mod chats;
mod memories;
mod models;
mod operations;

pub(crate) use chat::answer;

use crate::problem::{Code, Problem};
use palavra_domain::{ModelError, TurnFailure};
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers every documented call.
pub(crate) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(accounts::register)
        .service(accounts::login)
        .service(accounts::refresh)
        .service(accounts::logout)
        .service(accounts::profile)
        .service(accounts::update_profile)
        .service(chat::send_prompt)
        .service(chat::history)
        .service(chats::list)
        .service(chats::rename)
        .service(chats::delete)
        .service(memories::list)
        .service(memories::export)
        .service(memories::history)
        .service(memories::create)
        .service(memories::update)
        .service(memories::delete)
        .service(memories::delete_all)
        .service(models::list)
        .service(operations::livez)
        .service(operations::readyz)
        .service(operations::metrics);
}

/// A failed call to a model outside a turn.
fn model_problem(error: ModelError) -> Problem {
    Problem::from(TurnFailure::from(&error)).caused_by(error)
}

/// A good token of an account that is gone.
fn unknown_user() -> Problem {
    Problem::new(Code::Unauthenticated)
}
