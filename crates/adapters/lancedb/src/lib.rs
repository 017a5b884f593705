//! Memories in LanceDB
