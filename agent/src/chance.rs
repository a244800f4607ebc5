//! Chance: idents, request ids, series and the jitter of waiting, from the system's random source.

use std::time::Duration;

pub(crate) fn bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    // A system without random numbers gives zeros: numbers repeat, and nothing breaks.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

pub(crate) fn u64() -> u64 {
    u64::from_le_bytes(bytes())
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
