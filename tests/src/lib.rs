//! End-to-end tests, demo and benchmark of the binary over HTTP
