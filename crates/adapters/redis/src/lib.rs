//! Cache and rate limits in Redis.
