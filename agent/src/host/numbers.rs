//! The numbers of this router's gauges: a number for each that is met, and what it means when that has to be said. Pure.

use std::{collections::HashMap, time::Duration};

use kentongan_model::wire::{Gauge, Label};

use super::Value;

/// What a number means is said again after this.
const SAID_AGAIN: Duration = Duration::from_secs(3_600);
/// Gauges that are numbered; further ones are left out. A router with four radios and eight SSIDs has 40.
const MOST: usize = 256;

/// The numbers that were given out.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    given: HashMap<Label, (u16, Duration)>,
}

impl Numbers {
    /// Values as they are told at `now`, time since boot.
    pub(super) fn number(&mut self, values: Vec<Value>, now: Duration) -> Vec<Gauge> {
        let mut gauges: Vec<Gauge> = values.into_iter().filter_map(|value| self.gauge(value, now)).collect();
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
}
