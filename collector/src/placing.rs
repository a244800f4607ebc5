//! Placing: when was something measured, in the collector's time? Pure.
//!
//! A router's wall clock may be anything, its time since boot is steady. So the age of a measurement at the moment of
//! sending is taken from the time since boot, and counted back from the moment of receipt. Only a batch that is sent
//! in a later boot than it was measured in leaves nothing but the wall clock to go by; what is placed so is marked.

use std::time::Duration;

use kentongan_model::{
    time::{Stamp, Timestamp},
    wire::Delivery,
};

/// What a time was placed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Its age at the moment of sending, counted back from receipt.
    Age,
    /// The router's wall clock when the batch was sealed.
    WallClock,
}

/// How the times of one delivery are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placing {
    /// What by.
    pub(crate) basis: Basis,
    anchor: Timestamp,
    anchor_mono_ms: u64,
    latest: Timestamp,
}

impl Placing {
    /// How to place what is in `delivery`, which was received at `received_at`.
    pub(crate) fn of(delivery: &Delivery, received_at: Timestamp) -> Placing {
        let (sent, sealed) = (delivery.sent, delivery.batch.sealed);
        let placing = |basis, anchor, stamp: Stamp| Placing {
            basis,
            anchor,
            anchor_mono_ms: stamp.mono_ms,
            latest: received_at,
        };
        if sent.boot == sealed.boot {
            placing(Basis::Age, received_at, sent)
        } else {
            placing(Basis::WallClock, sealed.wall, sealed)
        }
    }

    /// When `mono_ms` after the boot was. What would lie after receipt was measured at receipt at the latest.
    pub(crate) fn at(&self, mono_ms: u64) -> Timestamp {
        let age = i128::from(self.anchor_mono_ms) - i128::from(mono_ms);
        let at = i128::from(self.anchor.as_millis()) - age;
        let (first, last) = (Timestamp::MIN.as_millis(), self.latest.as_millis());
        let at = at.clamp(i128::from(first), i128::from(last.max(first)));
        i64::try_from(at).map_or(self.latest, Timestamp::from_millis)
    }

    /// The first and the last time of what `delivery` carries.
    pub(crate) fn span(&self, delivery: &Delivery) -> Option<(Timestamp, Timestamp)> {
        let batch = &delivery.batch;
        let rounds = batch.rounds.iter().map(|round| round.mono_ms);
        let times = rounds
            .chain(batch.readings.iter().map(|reading| reading.mono_ms))
            .map(|mono_ms| self.at(mono_ms));
        times.fold(None, |span, at| match span {
            None => Some((at, at)),
            Some((first, last)) => Some((at.min(first), at.max(last))),
        })
    }
}

/// When the router that sent at `sent` booted, as seen from the moment of receipt.
pub(crate) fn booted(sent: &Stamp, received_at: Timestamp) -> Timestamp {
    received_at - Duration::from_millis(sent.mono_ms)
}

#[cfg(test)]
mod tests {
    use kentongan_model::{
        id::Vantage,
        plan::PlanRevision,
        time::BootId,
        wire::{Batch, MeasuredRound},
    };

    use super::*;

    fn stamp(boot: u32, mono_ms: u64, wall_ms: i64) -> Stamp {
        Stamp { boot: BootId(boot), mono_ms, wall: Timestamp::from_millis(wall_ms) }
    }

    fn delivery(sent: Stamp, sealed: Stamp, rounds: &[u64]) -> Delivery {
        let round = |&mono_ms: &u64| MeasuredRound { target: 0, mono_ms, sent: 1, rtts_us: vec![1] };
        let rounds = rounds.iter().map(round).collect();
        let batch = Batch {
            agent: Vantage::Core,
            series: 1,
            sequence: 1,
            sealed,
            plan: PlanRevision(0),
            dropped_rounds: 0,
            rounds,
            readings: Vec::new(),
        };
        Delivery { sent, batch }
    }

    const RECEIVED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn the_age_at_sending_places_a_round_whatever_the_wall_clock_says() {
        for wall in [0, 1_800_000_600_000, -5] {
            let delivery = delivery(stamp(7, 100_000, wall), stamp(7, 95_000, wall), &[40_000, 94_000]);
            let placing = Placing::of(&delivery, RECEIVED);
            assert_eq!(placing.basis, Basis::Age);
            let at = |age_ms| RECEIVED - Duration::from_millis(age_ms);
            assert_eq!(placing.span(&delivery), Some((at(60_000), at(6_000))));
        }
    }

    #[test]
    fn a_batch_of_an_earlier_boot_is_placed_by_its_wall_clock_and_marked() {
        let sealed = stamp(6, 95_000, 1_799_999_000_000);
        let delivery = delivery(stamp(7, 3_000, 1_800_000_000_000), sealed, &[94_000]);
        let placing = Placing::of(&delivery, RECEIVED);
        assert_eq!(placing.basis, Basis::WallClock);
        assert_eq!(placing.at(94_000), Timestamp::from_millis(1_799_998_999_000));
    }

    #[test]
    fn nothing_is_placed_after_its_receipt_and_impossible_clocks_do_no_harm() {
        let ahead = delivery(stamp(7, 3_000, 0), stamp(6, 1, i64::MAX), &[]);
        assert_eq!(Placing::of(&ahead, RECEIVED).at(u64::MAX), RECEIVED);
        let back = delivery(stamp(7, u64::MAX, 0), stamp(7, 1, 0), &[]);
        assert_eq!(Placing::of(&back, RECEIVED).at(0), Timestamp::MIN);
        assert_eq!(Placing::of(&back, RECEIVED).span(&back), None);
        booted(&stamp(7, u64::MAX, 0), RECEIVED);
    }
}
