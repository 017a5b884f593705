//! Password hashing, sealing of API keys, access and refresh tokens
