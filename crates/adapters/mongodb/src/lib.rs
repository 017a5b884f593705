//! Chats in MongoDB.
