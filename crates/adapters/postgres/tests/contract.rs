//! The contract suites.

fn main() {}
