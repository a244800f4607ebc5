//! The columns of counters, each of the eight in its turn.
//!
//! The first reading of a counter is told in full, a later one as how its growth differs from the growth before. Packets
//! are expected from the octets of the same interface, at so many octets a packet as the interface before them had.

use std::{collections::BTreeMap, ops::Range};

use super::{
    COUNTERS, DeviceReading, WireError,
    coder::{Coder, Number},
};

/// The columns of packets, and how far before them those of their octets are.
const PACKETS: Range<usize> = 2..4;
const OCTETS_BEFORE: usize = 2;
/// Octets a packet until it is known better: the middle of what links between 64 and 1500 carry.
const OCTETS_A_PACKET: u64 = 768;

/// What is known of counters.
pub(super) struct Meters {
    size: PacketSize,
    pairs: [Pair; 4],
    /// Of each column, the last reading of each interface: by device and link.
    known: [BTreeMap<(u16, u16), Reading>; COUNTERS.len()],
}

impl Meters {
    pub(super) fn new() -> Self {
        Meters {
            size: PacketSize { octets: OCTETS_A_PACKET, packets: 1 },
            pairs: [Pair::large(), Pair::large(), Pair::mostly_zero(), Pair::mostly_zero()],
            known: Default::default(),
        }
    }

    /// Codes those counters of a batch's `readings` that are there.
    pub(super) fn code(
        &mut self,
        coder: &mut impl Coder,
        readings: &mut [DeviceReading],
    ) -> Result<(), WireError> {
        let mut coded: [Vec<Option<Reading>>; COUNTERS.len()] = Default::default();
        for column in 0..COUNTERS.len() {
            let pair = &mut self.pairs[column / 2];
            let known = &mut self.known[column];
            let interfaces = readings.iter_mut().flat_map(|DeviceReading { device, interfaces, .. }| {
                interfaces.iter_mut().map(|interface| (*device, interface))
            });
            for (place, (device, interface)) in interfaces.enumerate() {
                let Some(counter) = &mut interface.counters[column] else {
                    coded[column].push(None);
                    continue;
                };
                let link = (device, interface.link);
                let octets =
                    PACKETS.contains(&column).then(|| coded[column - OCTETS_BEFORE][place]).flatten();
                let expected = octets.map(|octets| self.size.packets_of(octets));
                let reading = pair.code(coder, known.get(&link), expected, *counter)?;
                if let Some(octets) = octets.filter(|octets| octets.value > 0 && reading.value > 0) {
                    self.size = PacketSize { octets: octets.value, packets: reading.value };
                }
                *counter = reading.value;
                coded[column].push(Some(reading));
                known.insert(link, reading);
            }
        }
        Ok(())
    }
}

/// A reading of a counter, and how much it had grown since the one before in the batch.
#[derive(Debug, Clone, Copy)]
struct Reading {
    value: u64,
    growth: u64,
}

/// Octets and the packets that they were.
#[derive(Debug, Clone, Copy)]
struct PacketSize {
    octets: u64,
    packets: u64,
}

impl PacketSize {
    fn packets_of(self, octets: Reading) -> Reading {
        let packets = |octets: u64| {
            let packets = u128::from(octets) * u128::from(self.packets) / u128::from(self.octets);
            u64::try_from(packets).unwrap_or(u64::MAX)
        };
        Reading { value: packets(octets.value), growth: packets(octets.growth) }
    }
}

/// What the columns of the two directions share.
struct Pair {
    first: Number,
    later: Number,
}

impl Pair {
    fn large() -> Self {
        Pair { first: Number::any(), later: Number::any() }
    }

    fn mostly_zero() -> Self {
        Pair { first: Number::rare(), later: Number::rare() }
    }

    /// Codes a counter after what is known of it, and what is expected by its octets.
    fn code(
        &mut self,
        coder: &mut impl Coder,
        last: Option<&Reading>,
        expected: Option<Reading>,
        value: u64,
    ) -> Result<Reading, WireError> {
        let Some(last) = last else {
            let value = match expected {
                Some(expected) => coder.near(&mut self.first, expected.value, value)?,
                None => coder.number(&mut self.first, value)?,
            };
            return Ok(Reading { value, growth: 0 });
        };
        let growth = expected.map_or(last.growth, |expected| expected.growth);
        let value = coder.near(&mut self.later, last.value.wrapping_add(growth), value)?;
        Ok(Reading { value, growth: value.wrapping_sub(last.value) })
    }
}
