//! Placing: when was something measured, in the collector's time?
//!
//! A router's wall clock may be anything, its time since boot is steady. How that maps onto the collector's time is
//! learnt from the deliveries of each boot ([`Boot`]), decided once when a delivery is filed, and kept with it, so that
//! it is placed alike whenever it is read. What cannot be placed within 2 s is untrusted: kept, and counting for nothing.

use std::time::Duration;

use kentongan_model::{
    time::{Stamp, Timestamp},
    wire::Delivery,
};

use crate::boot::{Boot, shown};

/// Whether times can be placed within 2 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// They can.
    Trusted,
    /// They cannot; what they are placed at is the best guess.
    Untrusted,
}

/// How the times of one delivery are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placing {
    /// When it was received.
    pub(crate) received_at: Timestamp,
    /// When the boot in which it was sent began; none while that is not known.
    pub(crate) boot_at: Option<Timestamp>,
    /// When the clock stood at 0 that its measurements were taken by.
    pub(crate) zero_ms: i64,
    /// Whether that is known well enough.
    pub(crate) trust: Trust,
}

/// The clock readings of a delivery, all that placing it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readings {
    /// When it was sent.
    pub(crate) sent: Stamp,
    /// When its batch was sealed.
    pub(crate) sealed: Stamp,
    /// The first and the last measurement in it, in milliseconds since boot.
    pub(crate) measured: Option<(u64, u64)>,
}

impl Readings {
    /// Those of a delivery.
    pub(crate) fn of(delivery: &Delivery) -> Readings {
        let batch = &delivery.batch;
        let rounds = batch.rounds.iter().map(|round| round.mono_ms);
        let readings = batch.readings.iter().map(|reading| reading.mono_ms);
        let gauges = batch.gauges.iter().map(|reading| reading.mono_ms);
        let traces = batch.traces.iter().map(|trace| trace.mono_ms);
        let times = || rounds.clone().chain(readings.clone()).chain(gauges.clone()).chain(traces.clone());
        let measured = times().min().zip(times().max());
        Readings { sent: delivery.sent, sealed: batch.sealed, measured }
    }
}

impl Placing {
    /// As `sending`, the boot in which it was sent, and `measuring`, the one in which its batch was sealed, have it.
    /// Of a boot in which nothing was ever sent only the wall clock tells, and nothing says whether that was right.
    pub(crate) fn by(
        readings: &Readings,
        received_at: Timestamp,
        sending: &Boot,
        measuring: Option<&Boot>,
    ) -> Placing {
        let mono_ms = shown(readings.sealed.mono_ms);
        let known = measuring.and_then(|boot| boot.zero(mono_ms));
        let guess = || measuring.and_then(|boot| boot.guess(mono_ms));
        let wall = readings.sealed.wall.as_millis() - mono_ms;
        Placing {
            received_at,
            boot_at: sending.boot_at(),
            zero_ms: known.or_else(guess).unwrap_or(wall),
            trust: if known.is_some() { Trust::Trusted } else { Trust::Untrusted },
        }
    }

    /// By this delivery alone, as what was filed before boots were known: by its age at receipt, or, when it was sent in
    /// a later boot than it was measured in, by the wall clock.
    pub(crate) fn alone(delivery: &Delivery, received_at: Timestamp) -> Placing {
        let (sent, sealed) = (delivery.sent, delivery.batch.sealed);
        let zero_ms = if sent.boot == sealed.boot {
            received_at.as_millis() - shown(sent.mono_ms)
        } else {
            sealed.wall.as_millis() - shown(sealed.mono_ms)
        };
        let boot_at = Some(received_at - Duration::from_millis(sent.mono_ms));
        Placing { received_at, boot_at, zero_ms, trust: Trust::Trusted }
    }

    /// When `mono_ms` after the boot was. What would lie after receipt was measured at receipt at the latest.
    pub(crate) fn at(&self, mono_ms: u64) -> Timestamp {
        Timestamp::from_millis(self.zero_ms.saturating_add(shown(mono_ms))).min(self.received_at)
    }

    /// The first and the last time of what was measured, if it counts.
    pub(crate) fn span(&self, readings: &Readings) -> Option<(Timestamp, Timestamp)> {
        let (first, last) = readings.measured.filter(|_| self.trust == Trust::Trusted)?;
        Some((self.at(first), self.at(last)))
    }
}

#[cfg(test)]
mod tests {
    use kentongan_model::time::BootId;

    use super::*;
    use crate::boot::Sight;

    const RECEIVED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn stamp(boot: u32, mono_ms: u64, wall_ms: i64) -> Stamp {
        Stamp { boot: BootId(boot), mono_ms, wall: Timestamp::from_millis(wall_ms) }
    }

    /// A boot of which two deliveries agreed that its clock stood at 0 then.
    fn known(zero: Timestamp) -> Boot {
        let mut boot = Boot::default();
        for mono_ms in [1_000, 31_000] {
            boot.see(Sight::of(&stamp(1, mono_ms, 0), zero + Duration::from_millis(mono_ms)));
        }
        boot
    }

    fn placed(sent: Stamp, sealed: Stamp, sending: &Boot, measuring: Option<&Boot>) -> Placing {
        let readings = Readings { sent, sealed, measured: Some((40_000, 94_000)) };
        Placing::by(&readings, RECEIVED, sending, measuring)
    }

    #[test]
    fn the_time_since_boot_places_a_round_whatever_the_wall_clock_says() {
        let zero = RECEIVED - Duration::from_secs(100);
        let boot = known(zero);
        for wall in [0, 1_800_000_600_000, -5] {
            // This delivery itself took half a minute.
            let placing = placed(stamp(7, 70_000, wall), stamp(7, 65_000, wall), &boot, Some(&boot));
            assert_eq!((placing.trust, placing.boot_at), (Trust::Trusted, Some(zero)));
            assert_eq!(placing.at(40_000), zero + Duration::from_secs(40));
        }
    }

    #[test]
    fn a_batch_of_an_earlier_boot_is_placed_by_that_boot_and_by_nothing_else() {
        let (sent, sealed) = (stamp(7, 3_000, RECEIVED.as_millis()), stamp(6, 95_000, 1_799_999_000_000));
        let now = known(RECEIVED - Duration::from_secs(3));
        let zero = RECEIVED - Duration::from_secs(1_000);
        let earlier = placed(sent, sealed, &now, Some(&known(zero)));
        assert_eq!((earlier.trust, earlier.at(94_000)), (Trust::Trusted, zero + Duration::from_secs(94)));
        let unknown = placed(sent, sealed, &now, None);
        assert_eq!(unknown.trust, Trust::Untrusted);
        assert_eq!(
            unknown.at(94_000),
            Timestamp::from_millis(1_799_998_999_000),
            "the wall clock is a guess"
        );
        let readings = Readings { sent, sealed, measured: Some((1, 2)) };
        assert_eq!(unknown.span(&readings), None, "it holds nothing that counts");
    }

    #[test]
    fn nothing_is_placed_after_its_receipt_and_impossible_clocks_do_no_harm() {
        let boot = known(RECEIVED);
        for (mono_ms, wall) in [(u64::MAX, i64::MAX), (1, i64::MIN), (0, 0)] {
            let (sent, sealed) = (stamp(7, mono_ms, wall), stamp(6, mono_ms, wall));
            for measuring in [None, Some(&boot)] {
                let placing = placed(sent, sealed, &boot, measuring);
                assert!(placing.at(u64::MAX) <= RECEIVED && placing.at(0) <= RECEIVED);
            }
        }
    }
}
