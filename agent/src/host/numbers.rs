//! The numbers of this router's gauges: a number for each that is met, and what it means when that has to be said.

use std::{collections::HashMap, time::Duration};

use kentongan_model::wire::{Gauge, Label};

use super::Value;
use crate::hourly::Hourly;

/// What a number means is said again after this.
const SAID_AGAIN: Duration = Duration::from_secs(3_600);
/// Gauges that are numbered; further ones are left out, and counted. A router with four radios and eight SSIDs has 40.
const MOST: usize = 256;

/// The numbers that were given out.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    given: HashMap<Label, (u16, Duration)>,
    told: Hourly,
}

impl Numbers {
    /// Values as they are told at `now`, time since boot.
    pub(super) fn number(&mut self, values: Vec<Value>, now: Duration) -> Vec<Gauge> {
        let all = values.len();
        let mut gauges: Vec<Gauge> = values.into_iter().filter_map(|value| self.gauge(value, now)).collect();
        let left_out = all - gauges.len();
        if left_out > 0 && self.told.is_due(now) {
            tracing::warn!(left_out, "gauges of this router are not kept: {MOST} have numbers already");
        }
        gauges.sort_by_key(|gauge| gauge.number);
        gauges
    }

    fn gauge(&mut self, (label, value): Value, now: Duration) -> Option<Gauge> {
        if let Some((number, said)) = self.given.get_mut(&label) {
            let again = now.saturating_sub(*said) >= SAID_AGAIN;
            if again {
                *said = now;
            }
            return Some(Gauge { number: *number, label: again.then_some(label), value });
        }
        let number = u16::try_from(self.given.len()).ok().filter(|_| self.given.len() < MOST)?;
        self.given.insert(label.clone(), (number, now));
        Some(Gauge { number, label: Some(label), value })
    }
}

#[cfg(test)]
mod tests {
    use kentongan_model::gauge::GaugeKind;

    use super::*;
    use crate::hourly::tests::Log;

    fn clients(place: &str, value: i64) -> Value {
        (Label { kind: GaugeKind::Clients, place: place.to_owned() }, value)
    }

    fn told(gauges: &[Gauge]) -> Vec<(u16, Option<&str>, i64)> {
        let place = |gauge: &Gauge| gauge.label.as_ref().map(|label| label.place.clone().leak() as &str);
        gauges.iter().map(|gauge| (gauge.number, place(gauge), gauge.value)).collect()
    }

    #[test]
    fn what_a_number_means_is_said_when_it_is_new_and_every_hour() {
        let mut numbers = Numbers::default();
        let minute = |n: u64| Duration::from_secs(60 * n);
        let mut look = |at, values: &[(&str, i64)]| {
            let values = values.iter().map(|(place, value)| clients(place, *value)).collect();
            numbers.number(values, at)
        };
        assert_eq!(told(&look(minute(0), &[("wlan0", 3)])), [(0, Some("wlan0"), 3)]);
        assert_eq!(
            told(&look(minute(1), &[("wlan1", 7), ("wlan0", 4)])),
            [(0, None, 4), (1, Some("wlan1"), 7)]
        );
        assert_eq!(
            told(&look(minute(60), &[("wlan0", 4), ("wlan1", 7)])),
            [(0, Some("wlan0"), 4), (1, None, 7)]
        );
        assert_eq!(told(&look(minute(61), &[("wlan1", 8)])), [(1, Some("wlan1"), 8)]);
    }

    #[test]
    fn names_without_end_are_not_numbered_without_end() {
        let mut numbers = Numbers::default();
        for n in 0..2 * MOST {
            numbers.number(vec![clients(&format!("ssid {n}"), 1)], Duration::ZERO);
        }
        assert_eq!(numbers.given.len(), MOST);
    }

    #[test]
    fn how_many_were_left_out_is_told_once_an_hour() {
        let (mut numbers, log) = (Numbers::default(), Log::begin());
        let values = |more: usize| (0..MOST + more).map(|n| clients(&format!("ssid {n}"), 1)).collect();
        numbers.number(values(0), Duration::ZERO);
        assert_eq!(log.take(), "");
        for (minute, told) in [(0, true), (1, false), (59, false), (60, true), (61, false)] {
            assert_eq!(numbers.number(values(7), Duration::from_secs(60 * minute)).len(), MOST);
            assert_eq!(log.take().contains("left_out=7"), told, "minute {minute}");
        }
    }
}
