//! The labels of a device's gauges and their numbers: who has which, and which the collector has been told.

use kentongan_model::{
    plan::PlannedDevice,
    wire::{Gauge, Label},
};

use super::gauges::{MAX_OF_DEVICE, Shown};

/// Bytes of labels in one reading: it has to fit a frame of the spool. Gauges whose labels do not fit come with the next.
const MAX_TOLD: usize = 128 * 1024;
/// Numbers that there are.
const NUMBERS: u32 = 1 << 16;

#[derive(Default)]
pub(super) struct Labels {
    /// In their order.
    known: Vec<Named>,
    /// How many of them have been found since the tables were begun to be walked.
    held: usize,
    /// Numbers that have been given; beyond [`NUMBERS`], the first are given again.
    given: u32,
    /// How many gauges and rows had to be left out because there are too many, since it was told last.
    pub(super) left_out: u32,
    /// Whether gauges have been found anew and nothing has been said of them.
    is_new: bool,
}

struct Named {
    label: Label,
    number: u16,
    /// Whether the collector has been told what the number means, since gauges were found.
    is_told: bool,
    /// Whether it has been found.
    is_held: bool,
}

impl Labels {
    /// Gauges are found anew from now on.
    pub(super) fn let_go(&mut self) {
        self.known.retain(|named| named.is_held);
        self.known.iter_mut().for_each(|named| named.is_held = false);
        (self.held, self.is_new) = (0, true);
    }

    /// All gauges have been found: what has not been is forgotten, and all labels are told again.
    pub(super) fn settle(&mut self, device: &PlannedDevice) {
        if !std::mem::take(&mut self.is_new) {
            return;
        }
        self.known.retain(|named| named.is_held);
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            let (subject, address) = (&device.subject, device.address);
            tracing::warn!(device = %subject, %address, left_out, "it has more gauges than are read of a device ({MAX_OF_DEVICE}); the first are read");
        }
        self.known.iter_mut().for_each(|named| named.is_told = false);
    }

    /// The number of a gauge that was found; none if it is had already and not one of `several` that count as one, or
    /// if there are too many.
    pub(super) fn number(&mut self, label: Label, several: bool) -> Option<u16> {
        let at = match self.known.binary_search_by(|named| named.label.cmp(&label)) {
            Ok(at) if self.known[at].is_held => return several.then_some(self.known[at].number),
            found if self.held < MAX_OF_DEVICE => found,
            _ => {
                self.left_out = self.left_out.saturating_add(1);
                return None;
            }
        };
        let at = at.unwrap_or_else(|at| {
            let number = self.free();
            self.known.insert(at, Named { label, number, is_told: false, is_held: false });
            at
        });
        self.known[at].is_held = true;
        self.held += 1;
        Some(self.known[at].number)
    }

    /// A number that nobody has, and that nobody has had for as long as can be: what waits in the spool may speak of it.
    fn free(&mut self) -> u16 {
        loop {
            let number = u16::try_from(self.given % NUMBERS).unwrap_or_default();
            self.given = self.given.checked_add(1).unwrap_or(NUMBERS);
            if self.given <= NUMBERS || self.known.iter().all(|named| named.number != number) {
                return number;
            }
        }
    }

    /// Readings of what was shown, each gauge once; those that are summed are added up. Labels go along where they have
    /// not been told.
    pub(super) fn gauges(&mut self, shown: Vec<Shown>) -> Vec<Gauge> {
        let mut gauges: Vec<Gauge> = Vec::new();
        for Shown { number, value, sum } in shown {
            match gauges.binary_search_by_key(&number, |gauge| gauge.number) {
                Ok(at) if sum => gauges[at].value = gauges[at].value.saturating_add(value),
                Ok(_) => {}
                Err(at) => gauges.insert(at, Gauge { number, label: None, value }),
            }
        }
        let mut room = MAX_TOLD;
        for named in self.known.iter_mut().filter(|named| !named.is_told) {
            let Ok(at) = gauges.binary_search_by_key(&named.number, |gauge| gauge.number) else { continue };
            match room.checked_sub(named.label.place.len()) {
                Some(left) => {
                    (room, named.is_told) = (left, true);
                    gauges[at].label = Some(named.label.clone());
                }
                // Without its label it means nothing to the collector.
                None => drop(gauges.remove(at)),
            }
        }
        gauges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kentongan_model::gauge::GaugeKind;

    use super::*;

    fn label(place: &str) -> Label {
        Label { kind: GaugeKind::RxDbm, place: place.to_owned() }
    }

    fn device() -> PlannedDevice {
        let json = r#"{"subject": "kec-a/olt", "address": "192.0.2.1", "port": 161, "interval_ms": 30000,
            "access": {"version": "2c", "community": "public"}, "links": []}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn names_that_are_gone_make_room_and_no_number_soon_means_another() {
        let mut labels = Labels::default();
        let mut given = BTreeSet::new();
        // Fifteen times every ONU gets another name.
        for finding in 0..15 {
            labels.let_go();
            for onu in 0..MAX_OF_DEVICE {
                let number = labels.number(label(&format!("ONU {onu} of {finding}")), false).unwrap();
                assert!(given.insert(number), "{number} is given twice");
            }
            assert_eq!(labels.number(label("one more"), false), None);
            assert_eq!(labels.left_out, 1);
            labels.settle(&device());
            assert_eq!((labels.known.len(), labels.left_out), (MAX_OF_DEVICE, 0));
        }
        // The numbers have come to an end, and those that nobody has are given again.
        for finding in 15..20 {
            labels.let_go();
            let all =
                (0..MAX_OF_DEVICE).map(|onu| labels.number(label(&format!("ONU {onu} of {finding}")), false));
            assert_eq!(all.flatten().collect::<BTreeSet<u16>>().len(), MAX_OF_DEVICE);
            labels.settle(&device());
        }
    }

    #[test]
    fn a_name_keeps_its_number_and_two_tables_show_it_once() {
        let mut labels = Labels::default();
        labels.let_go();
        let first = labels.number(label("pon1"), false);
        assert_eq!((labels.number(label("pon1"), false), labels.number(label("pon1"), true)), (None, first));
        labels.settle(&device());
        labels.let_go();
        assert_eq!(
            (labels.number(label("pon0"), false), labels.number(label("pon1"), false)),
            (Some(1), first)
        );
    }

    #[test]
    fn labels_that_fit_no_reading_come_with_the_next_and_their_values_with_them() {
        let mut labels = Labels::default();
        labels.let_go();
        let numbers: Vec<u16> =
            (0..1_000).filter_map(|n| labels.number(label(&format!("{n:0255}")), false)).collect();
        labels.settle(&device());
        let shown = || numbers.iter().map(|number| Shown { number: *number, value: 1, sum: false }).collect();
        let first = labels.gauges(shown());
        assert_eq!(first.len(), MAX_TOLD / 255);
        assert!(first.iter().all(|gauge| gauge.label.is_some()));
        let second = labels.gauges(shown());
        assert!(second.iter().take(first.len()).all(|gauge| gauge.label.is_none()));
        assert_eq!(second.len(), 1_000);
    }
}
