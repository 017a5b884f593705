//! The polyglot profile: Postgres, MongoDB, Redis and a shared LanceDB.

mod copy;
mod instances;
mod mixed;
mod outages;
mod startup;
mod trips;
