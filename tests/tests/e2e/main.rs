//! The binary, end to end: over HTTP, with a simulated provider, on real stores. Each test has a server of its own.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod common;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod footprint;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod needles;
#[cfg(test)]
mod polyglot;
#[cfg(test)]
mod reembed;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod spans;
#[cfg(test)]
mod startup;
#[cfg(test)]
mod tokens;
