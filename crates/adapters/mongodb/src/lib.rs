//! Chats in MongoDB: one document a chat, one document a turn, and no transaction.
//!
//! What must happen together happens in one document: a chat is made busy, its totals are added to and it is freed, each by
//! one update that names the turn it is for. Between the steps of a method a process may die; what it leaves is finished by
//! whoever calls the method again, or by [`ChatRepository::interrupt_turn`](palavra_domain::ports::ChatRepository).

mod chats;
mod documents;
mod errors;
mod inspect;
mod open;
mod options;

pub use chats::MongoChatRepository;
pub use open::MongoStore;
pub use options::{MongoOptions, OpenError};
