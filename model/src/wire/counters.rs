//! The columns of counters, each of the eight in its turn.
//!
//! The first reading of a counter is told in full, a later one by how much it has grown. Octets are expected to grow as they
//! did before; packets by the octets of the same interface, at so many octets a packet as it had before. What is expected of
//! traffic is never quite right, but mostly by a like part of it.

use std::{collections::BTreeMap, ops::Range};

use super::{
    COUNTERS, DeviceReading, WireError,
    coder::{Coder, Number},
};

/// The columns of packets; before them are those of their octets.
const PACKETS: Range<usize> = 2..4;
/// Octets a packet until it is known better: the middle of what links between 64 and 1500 carry.
const OCTETS_A_PACKET: u64 = 768;
/// Traffic is compared with what was expected in steps of about a 48th of that: so many bits of it count.
const BITS_THAT_COUNT: u32 = 6;
/// A ratio of 1.
const EQUAL: u64 = 1 << 10;

/// Memory for what is known of an interface's counters, and for how its octets have changed.
pub(super) const AN_INTERFACE: usize =
    COUNTERS.len() * size_of::<((u16, u16), Reading)>() + PACKETS.start * size_of::<Option<Change>>();

/// What is known of counters.
pub(super) struct Meters {
    size: PacketSize,
    /// How many packets there were, in the mean of late, for each that was expected by all that a link has ever carried.
    drift: u64,
    pairs: [Pair; 4],
    /// Of each column, the last reading of each interface: by device and link.
    known: [BTreeMap<(u16, u16), Reading>; COUNTERS.len()],
}

impl Meters {
    pub(super) fn new() -> Self {
        Meters {
            size: PacketSize { octets: OCTETS_A_PACKET, packets: 1 },
            drift: EQUAL,
            pairs: [Pair::traffic(), Pair::traffic(), Pair::mostly_zero(), Pair::mostly_zero()],
            known: Default::default(),
        }
    }

    /// Codes those counters of a batch's `readings` that are there.
    pub(super) fn code(
        &mut self,
        coder: &mut dyn Coder,
        readings: &mut [DeviceReading],
    ) -> Result<(), WireError> {
        let mut octets: [Vec<Option<Change>>; PACKETS.start] = Default::default();
        for column in 0..COUNTERS.len() {
            let interfaces = readings.iter_mut().flat_map(|DeviceReading { device, interfaces, .. }| {
                interfaces.iter_mut().map(|interface| (*device, interface))
            });
            for (place, (device, interface)) in interfaces.enumerate() {
                let link = (device, interface.link);
                let of_octets =
                    PACKETS.contains(&column).then(|| octets[column - PACKETS.start][place]).flatten();
                let change = match &mut interface.counters[column] {
                    None => None,
                    Some(counter) => {
                        let change = self.counter(coder, column, link, of_octets, *counter)?;
                        *counter = change.now.value;
                        Some(change)
                    }
                };
                if let Some(octets) = octets.get_mut(column) {
                    octets.push(change);
                }
            }
        }
        Ok(())
    }

    /// Codes one counter; of packets, after what the octets of its interface did.
    fn counter(
        &mut self,
        coder: &mut dyn Coder,
        column: usize,
        link: (u16, u16),
        octets: Option<Change>,
        value: u64,
    ) -> Result<Change, WireError> {
        let pair = &mut self.pairs[column / 2];
        let before = self.known[column].get(&link).copied();
        let now = match (before, octets) {
            (None, None) => Reading { value: coder.number(&mut pair.first, value)?, growth: None },
            (None, Some(octets)) => {
                let expected = self.size.packets_of(octets.now.value);
                let value = coder.near(&mut pair.first, expected, value)?;
                if let Some(size) = PacketSize::of(octets.now.value, value) {
                    self.size = size;
                }
                Reading { value, growth: None }
            }
            (
                Some(before),
                Some(Change { before: Some(octets_before), now: Reading { growth: Some(grown), .. } }),
            ) => {
                let ever = PacketSize::of(octets_before.value, before.value).unwrap_or(self.size);
                let by_ever = ever.packets_of(grown);
                let late = octets_before.growth.zip(before.growth);
                let late = late.and_then(|(octets, packets)| PacketSize::of(octets, packets));
                let expected = match late {
                    Some(late) => late.packets_of(grown),
                    None => times(by_ever, self.drift, EQUAL),
                };
                let now = pair.grow(coder, before, Some(expected), value)?;
                if let (1.., Some(growth @ 1..)) = (by_ever, now.growth) {
                    let ratio = times(growth, EQUAL, by_ever).min(4 * EQUAL);
                    self.drift = self.drift - self.drift / 4 + ratio / 4;
                }
                now
            }
            (Some(before), _) => pair.grow(coder, before, before.growth, value)?,
        };
        self.known[column].insert(link, now);
        Ok(Change { before, now })
    }
}

/// A reading of a counter, and how much it had grown since the one before, if there was one.
#[derive(Debug, Clone, Copy)]
struct Reading {
    value: u64,
    growth: Option<u64>,
}

/// A reading of a counter and the one before.
#[derive(Debug, Clone, Copy)]
struct Change {
    before: Option<Reading>,
    now: Reading,
}

/// Octets and the packets that they were, neither of them 0.
#[derive(Debug, Clone, Copy)]
struct PacketSize {
    octets: u64,
    packets: u64,
}

impl PacketSize {
    fn of(octets: u64, packets: u64) -> Option<Self> {
        (octets > 0 && packets > 0).then_some(PacketSize { octets, packets })
    }

    fn packets_of(self, octets: u64) -> u64 {
        times(octets, self.packets, self.octets)
    }
}

/// `value` × `part` / `whole`, rounded down; no more than fits.
fn times(value: u64, part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(part) / u128::from(whole)).unwrap_or(u64::MAX)
}

/// What the columns of the two directions share.
struct Pair {
    first: Number,
    /// How much a counter has grown that nothing is expected of.
    growth: Number,
    /// By how much that is off what was expected; the bits that count.
    off: Number,
    bits_that_count: u32,
}

impl Pair {
    fn traffic() -> Self {
        Pair {
            first: Number::long(24..48),
            growth: Number::long(8..32),
            off: Number::new(&[16, 16, 16, 16, 14, 14, 12, 12, 64, 24, 6, 2]),
            bits_that_count: BITS_THAT_COUNT,
        }
    }

    fn mostly_zero() -> Self {
        Pair {
            first: Number::rare(),
            growth: Number::rare(),
            off: Number::rare(),
            bits_that_count: u64::BITS,
        }
    }

    /// Codes a later reading of a counter.
    fn grow(
        &mut self,
        coder: &mut dyn Coder,
        before: Reading,
        expected: Option<u64>,
        value: u64,
    ) -> Result<Reading, WireError> {
        let growth = value.wrapping_sub(before.value);
        let growth = match expected {
            None => coder.number(&mut self.growth, growth)?,
            Some(expected) => {
                let below = (u64::BITS - expected.leading_zeros()).saturating_sub(self.bits_that_count);
                let high = coder.near(&mut self.off, expected >> below, growth >> below)?;
                high << below | coder.raw(below, growth)?
            }
        };
        Ok(Reading { value: before.value.wrapping_add(growth), growth: Some(growth) })
    }
}
