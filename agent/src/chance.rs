//! Chance: idents, request ids, series and the jitter of waiting, from the system's random source.

use std::time::Duration;

pub(crate) fn u64() -> u64 {
    let mut bytes = [0; 8];
    // A system without random numbers gives zeros: numbers repeat, and nothing breaks.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

pub(crate) fn u32() -> u32 {
    (u64() >> 32) as u32
}

pub(crate) fn u16() -> u16 {
    (u64() >> 48) as u16
}

/// A length between half of `whole` and all of it.
pub(crate) fn jitter(whole: Duration) -> Duration {
    let half = whole / 2;
    let parts = 1 + u32::from(u16());
    half + half * parts / 65_536
}
