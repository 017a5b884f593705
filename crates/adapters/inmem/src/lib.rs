//! Every port in memory: for tests, and the in-process cache
