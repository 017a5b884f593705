//! What memories took the place of.

use palavra_domain::MemoryId;
use std::collections::{HashMap, HashSet};

/// These memories, and all that they took the place of, directly or by way of others. `superseded` has the memories whose
/// place was taken, each with what took it.
pub(crate) fn lineage(
    of: impl IntoIterator<Item = MemoryId>,
    superseded: impl IntoIterator<Item = (MemoryId, MemoryId)>,
) -> HashSet<MemoryId> {
    let mut replaced: HashMap<MemoryId, Vec<MemoryId>> = HashMap::new();
    for (id, by) in superseded {
        replaced.entry(by).or_default().push(id);
    }
    let mut found = HashSet::new();
    let mut to_follow: Vec<MemoryId> = of.into_iter().collect();
    while let Some(id) = to_follow.pop() {
        // Each is followed once: memories that name each other in a circle come to an end, too.
        if found.insert(id) {
            to_follow.extend(replaced.get(&id).into_iter().flatten());
        }
    }
    found
}
