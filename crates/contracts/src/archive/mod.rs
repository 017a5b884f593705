//! What the archive ports must do: what copying between stores and checking them needs.

pub mod chats;
pub mod memories;
mod moving;
pub mod users;

use palavra_domain::{Page, StoreError, ports::Scan};

/// The records of a scan's page, all of which can be read.
fn readable<T, C>(scan: Scan<T, C>) -> Page<T, C> {
    let items = scan.items.into_iter().map(|item: Result<T, StoreError>| item.unwrap()).collect();
    Page { items, next: scan.next }
}
