//! A digest that is the same in every run. Quick and well mixed, nothing more.

/// 64 bits that depend on every bit of `seed` and `bytes` (FNV-1a, finished as in `SplitMix64`).
pub(super) fn digest(seed: u64, bytes: &[u8]) -> u64 {
    let start = mix(seed ^ 0xcbf2_9ce4_8422_2325);
    mix(bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)))
}

fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// 32 bytes that depend on every bit of `bytes`.
pub(super) fn wide_digest(bytes: &[u8]) -> [u8; 32] {
    let mut wide = [0; 32];
    for (part, seed) in wide.chunks_exact_mut(8).zip(1..) {
        part.copy_from_slice(&digest(seed, bytes).to_be_bytes());
    }
    wide
}
