//! The objects that are read: sysUpTime (SNMPv2-MIB, RFC 3418) and columns of ifTable and ifXTable (IF-MIB, RFC 2863).
//!
//! OIDs are handled as their BER bytes: arcs that fit no integer cannot be misread.

use kentongan_model::profile::oid::{arcs, push_arc};

/// sysUpTime.0, 1.3.6.1.2.1.1.3.0.
pub(super) const SYS_UP_TIME: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 3, 0];
/// ifEntry, 1.3.6.1.2.1.2.2.1.
const IF_ENTRY: &[u8] = &[0x2b, 6, 1, 2, 1, 2, 2, 1];
/// ifXEntry, 1.3.6.1.2.1.31.1.1.1.
const IF_X_ENTRY: &[u8] = &[0x2b, 6, 1, 2, 1, 31, 1, 1, 1];

/// A column of an interface table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Column {
    Name,
    /// ifDescr, where there is no ifName.
    Descr,
    Alias,
    OperStatus,
    /// ifHighSpeed in Mbit/s.
    HighSpeed,
    /// ifSpeed in bit/s, where there is no ifHighSpeed.
    Speed,
    /// The counter at this place of `model::wire::COUNTERS`.
    Counter(usize),
    /// The 32-bit counter that stands in for it, where there is one.
    Narrow(usize),
}

impl Column {
    /// What is asked of an interface that has everything.
    pub(super) fn wanted() -> impl Iterator<Item = Column> {
        [Column::Name, Column::Alias, Column::OperStatus, Column::HighSpeed]
            .into_iter()
            .chain((0..8).map(Column::Counter))
    }

    /// What is asked where this is missing.
    pub(super) fn stand_in(self) -> Option<Column> {
        match self {
            Column::Name => Some(Column::Descr),
            Column::HighSpeed => Some(Column::Speed),
            Column::Counter(place @ 0..=3) => Some(Column::Narrow(place)),
            _ => None,
        }
    }

    /// Whether the column needs a type that SNMP v1 lacks.
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Column::Counter(0..=3))
    }

    fn entry(self) -> (&'static [u8], u8) {
        match self {
            Column::Name => (IF_X_ENTRY, 1),
            Column::Descr => (IF_ENTRY, 2),
            Column::Alias => (IF_X_ENTRY, 18),
            Column::OperStatus => (IF_ENTRY, 8),
            Column::HighSpeed => (IF_X_ENTRY, 15),
            Column::Speed => (IF_ENTRY, 5),
            Column::Counter(0) => (IF_X_ENTRY, 6),
            Column::Counter(1) => (IF_X_ENTRY, 10),
            Column::Counter(2) => (IF_X_ENTRY, 7),
            Column::Counter(3) => (IF_X_ENTRY, 11),
            Column::Counter(4) => (IF_ENTRY, 14),
            Column::Counter(5) => (IF_ENTRY, 20),
            Column::Counter(6) => (IF_ENTRY, 13),
            Column::Counter(_) => (IF_ENTRY, 19),
            Column::Narrow(0) => (IF_ENTRY, 10),
            Column::Narrow(1) => (IF_ENTRY, 16),
            Column::Narrow(2) => (IF_ENTRY, 11),
            Column::Narrow(_) => (IF_ENTRY, 17),
        }
    }

    /// The column itself, as BER bytes.
    pub(super) fn oid(self) -> Vec<u8> {
        let (entry, number) = self.entry();
        [entry, &[number]].concat()
    }

    /// Its instance for an ifIndex.
    pub(super) fn at(self, if_index: u32) -> Vec<u8> {
        let mut oid = self.oid();
        push_arc(&mut oid, u64::from(if_index));
        oid
    }
}

/// The ifIndex that an index of an interface table is; none for anything else.
pub(super) fn if_index(index: &[u8]) -> Option<u32> {
    let mut arcs = arcs(index);
    let only =
        arcs.next().filter(|_| arcs.next().is_none() && index.last().is_some_and(|last| last & 0x80 == 0));
    only.and_then(|arc| u32::try_from(arc).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_up_to_the_largest_read_back_and_others_are_none() {
        for index in [0, 1, 127, 128, 16_383, 16_384, 2_147_483_648, u32::MAX] {
            let column = Column::Alias.oid();
            assert_eq!(if_index(&Column::Alias.at(index)[column.len()..]), Some(index));
        }
        for index in [&[][..], &[0x80], &[1, 2], &[0x90, 0x80, 0x80, 0x80, 0x00], &[0xff; 11]] {
            assert_eq!(if_index(index), None, "{index:?}");
        }
    }
}
