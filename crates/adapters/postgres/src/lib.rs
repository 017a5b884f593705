//! Users and sessions in Postgres (12 or newer).
//!
//! [`PostgresStore::open`] brings the schema up to date and gives the two ports. Each keeps to its own table, so that either
//! can be served by another store. Any number of processes may have a database open.
//!
//! - **Writes** are single statements, each a transaction of its own: a caller that goes away leaves no half write and no
//!   open transaction.
//! - **Waiting** is bounded everywhere by [`PostgresOptions::timeout`]; what is over it is `StoreError::Unavailable`.
//! - **Connections** on which a call did not come to its end are closed and never used again; those that the server has
//!   closed are replaced.
//! - **A row that cannot be read** is logged with its id. Finding it is `StoreError::Corrupt`, in lists it is that in its
//!   place.

mod cached;
mod columns;
mod connect;
mod database;
mod errors;
mod inspect;
mod migrate;
mod open;
mod options;
mod place;
mod schema;
mod sessions;
mod store;
mod tls;
mod users;

pub use open::OpenError;
pub use options::PostgresOptions;
pub use sessions::PostgresSessionStore;
pub use store::PostgresStore;
pub use users::PostgresUserRepository;
