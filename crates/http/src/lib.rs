//! The HTTP face of Palavra: routes, shapes, problems, server-sent events.
//!
//! The only crate that knows our JSON and our status codes. [`serve`] is shared by the binary and the tests: it takes the
//! composed [`AppState`] and a listener.
//!
//! - `routes` are the handlers, a module a resource; each turns a DTO into domain values, calls one use case, and turns
//!   what comes back into a DTO.
//! - `problem` is the one table of error codes; every failure becomes a [`problem::Problem`].
//! - `extract` reads bodies, queries and tokens so that what is wrong with them has the same shape as every other error.

mod cursor;
mod dto;
mod extract;
mod middleware;
mod openapi;
pub mod problem;
mod routes;
mod server;
mod sse;
mod state;

pub use openapi::openapi;
pub use server::{ServerOptions, serve};
pub use state::{AppState, HttpPolicy, Readiness, StoreHealth};
