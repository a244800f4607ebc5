//! The columns of counters, each of the eight in its turn.
//!
//! A batch stands alone, so the first reading of a counter in it is told in full; a later one as how its growth differs
//! from the growth before. Packets are expected from the octets of the same interface, at so many octets a packet as
//! the interface before them had.

use std::collections::BTreeMap;

use super::{
    COUNTERS, DeviceReading, WireError,
    coder::{Coder, Number},
};

/// The columns of packets, each after its octets by this many columns.
const PACKETS: [usize; 2] = [2, 3];
const AFTER_OCTETS: usize = 2;
/// Octets a packet until it is known better: the middle of what links between 64 and 1500 carry.
const OCTETS_A_PACKET: u64 = 768;

/// What is known of a counter from its last reading.
#[derive(Debug, Clone, Copy)]
struct Last {
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
    fn packets_of(self, octets: u64) -> u64 {
        let packets = u128::from(octets) * u128::from(self.packets) / u128::from(self.octets.max(1));
        u64::try_from(packets).unwrap_or(u64::MAX)
    }
}

/// Codes the counters of all readings.
pub(super) fn code(coder: &mut impl Coder, readings: &mut [DeviceReading]) -> Result<(), WireError> {
    let mut size = PacketSize { octets: OCTETS_A_PACKET, packets: 1 };
    let mut octets: Vec<Vec<Option<Last>>> = vec![Vec::new(); COUNTERS.len()];
    let kinds = [Number::any(), Number::any(), Number::rare(), Number::rare()];
    let (mut first, mut later) = (kinds.clone(), kinds);
    for column in 0..COUNTERS.len() {
        let (first, later) = (&mut first[column / 2], &mut later[column / 2]);
        let mut known: BTreeMap<(u16, u16), Last> = BTreeMap::new();
        let mut place = 0;
        for reading in &mut *readings {
            for interface in &mut reading.interfaces {
                let its_octets =
                    PACKETS.contains(&column).then(|| octets[column - AFTER_OCTETS][place]).flatten();
                place += 1;
                let counter = &mut interface.counters[column];
                let Some(value) = *counter else {
                    octets[column].push(None);
                    continue;
                };
                let last = known.get(&(reading.device, interface.link)).copied();
                let now = match last {
                    None => {
                        let value = match its_octets {
                            Some(octets) => coder.near(first, size.packets_of(octets.value), value)?,
                            None => coder.number(first, value)?,
                        };
                        Last { value, growth: 0 }
                    }
                    Some(last) => {
                        let growth = its_octets.map_or(last.growth, |octets| size.packets_of(octets.growth));
                        let expected = last.value.wrapping_add(growth);
                        let value = coder.near(later, expected, value)?;
                        Last { value, growth: value.wrapping_sub(last.value) }
                    }
                };
                if let Some(octets) = its_octets.filter(|octets| octets.value > 0 && now.value > 0) {
                    size = PacketSize { octets: octets.value, packets: now.value };
                }
                *counter = Some(now.value);
                octets[column].push(Some(now));
                known.insert((reading.device, interface.link), now);
            }
        }
    }
    Ok(())
}
