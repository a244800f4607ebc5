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
        let times = || rounds.clone().chain(batch.readings.iter().map(|reading| reading.mono_ms));
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
