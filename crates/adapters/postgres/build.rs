//! Embedded migrations: Cargo does not know by itself that a new folder changes the crate.

#[allow(clippy::print_stdout, reason = "it is how a build script speaks to Cargo")]
fn main() {
    println!("cargo:rerun-if-changed=../../../migrations/postgres");
}
