//! Users, sessions and chats in SQLite
