//! Boots: how the clock of one boot of a router maps onto the collector's, learnt from the deliveries sent in it. Pure.
//!
//! A delivery says what the router's clock showed when it was sent; with the moment of its receipt that gives the
//! *zero*: when the clock stood at 0. It comes out too late by the time that the delivery took, so the least zero is
//! the best, once a second delivery (or the wall clock) agrees with it. docs/collector.md tells how sure it is.

use kentongan_model::time::{Stamp, Timestamp};
use serde::{Deserialize, Serialize};

/// Two readings of a clock that lie no further apart agree.
pub(crate) const AGREEMENT_MS: i64 = 500;
/// What may be off by more than this is not placed.
pub(crate) const TRUSTED_MS: i64 = 2_000;
/// How much faster or slower than the collector's clock a router's may run: 100 µs a second.
const CRYSTAL_PPM: i64 = 100;
/// How much a router's clock may leave its own mean rate, as the cabinet warms and cools.
const WANDER_PPM: i64 = 20;
/// One knot is kept for each stretch of this length in which something was delivered.
const STRETCH_MS: i64 = 3_600_000;
/// Knots that are kept; the oldest goes. What was measured in a stretch without deliveries lies between two that stay.
const KNOTS: usize = 48;
/// Late deliveries that have to agree, with none in time, before the collector's clock is taken to have been set.
const SET: u32 = 12;
/// No clock is taken to show more: 140,000 years, so that sums of times stay far from the end of numbers.
const LONGEST_MS: u64 = 1 << 52;

/// What one delivery says of the clock of the boot in which it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    mono_ms: i64,
    zero_ms: i64,
    wall_agrees: bool,
}

/// What a sight was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// Another one, or the wall clock, agrees with it.
    Agreed,
    /// None agrees with it yet, and it is the first of its stretch.
    First,
    /// None agrees with it yet.
    Alone,
    /// It took longer than others did.
    Late,
}

/// The mapping of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Boot {
    /// When it began: the first zero that was agreed on, until it is disproved, so that it does not drift.
    boot_ms: Option<i64>,
    /// Ascending by what the router's clock showed. No knot lies above another by more than a crystal may drift.
    knots: Vec<Knot>,
    late: Option<Late>,
}

/// The least zero of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Knot {
    mono_ms: i64,
    zero_ms: i64,
    agreed: bool,
}

/// Deliveries that have all been late for some time. When [`SET`] of them agree over a whole stretch, it was not they
/// who were late: the collector's clock was set forward where it could not be seen, before its machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Late {
    since_ms: i64,
    least_ms: i64,
    agreeing: u32,
}

/// What a clock showed, as a number that can be reckoned with.
pub(crate) fn shown(mono_ms: u64) -> i64 {
    mono_ms.min(LONGEST_MS).cast_signed()
}

impl Sight {
    /// What the stamp of a delivery says that was received at `received_at`.
    pub(crate) fn of(sent: &Stamp, received_at: Timestamp) -> Sight {
        let mono_ms = shown(sent.mono_ms);
        Sight {
            mono_ms,
            zero_ms: received_at.as_millis() - mono_ms,
            wall_agrees: received_at.millis_since(sent.wall).abs() <= AGREEMENT_MS,
        }
    }
}

impl Boot {
    /// Learns from a delivery.
    pub(crate) fn see(&mut self, sight: Sight) -> Worth {
        let Sight { mono_ms, zero_ms, .. } = sight;
        if self.latest_zero(mono_ms).is_some_and(|latest| zero_ms - latest > AGREEMENT_MS) {
            return self.see_late(sight);
        }
        self.late = None;
        let near = |zero: i64| (zero - zero_ms).abs() <= AGREEMENT_MS;
        let neighbours = |knot: &Knot| (knot.mono_ms - mono_ms).abs() <= STRETCH_MS && near(knot.zero_ms);
        let agreed = sight.wall_agrees || self.knots.iter().any(neighbours);
        self.lower(mono_ms, zero_ms);
        let stretch = |mono_ms: i64| mono_ms.div_euclid(STRETCH_MS);
        let mut first = false;
        match self.knots.iter_mut().find(|knot| stretch(knot.mono_ms) == stretch(mono_ms)) {
            Some(knot) => {
                knot.agreed |= agreed;
                if zero_ms < knot.zero_ms {
                    (knot.mono_ms, knot.zero_ms) = (mono_ms, zero_ms);
                }
            }
            None => {
                first = true;
                self.knots.push(Knot { mono_ms, zero_ms, agreed });
                self.knots.sort_by_key(|knot| knot.mono_ms);
                if self.knots.len() > KNOTS {
                    self.knots.remove(0);
                }
            }
        }
        if self.boot_ms.is_none() {
            let first = self.agreed().next().map(|knot| knot.zero_ms);
            self.boot_ms = first;
        }
        match (agreed, first) {
            (true, _) => Worth::Agreed,
            (false, true) => Worth::First,
            (false, false) => Worth::Alone,
        }
    }

    /// The zero as seen from `mono_ms`, if it is known well enough to place what was measured then.
    pub(crate) fn zero(&self, mono_ms: i64) -> Option<i64> {
        let before = self.agreed().rev().find(|knot| knot.mono_ms <= mono_ms);
        let after = self.agreed().find(|knot| knot.mono_ms > mono_ms);
        let (zero, unsure) = match (before, after) {
            (None, None) => return None,
            (Some(before), Some(after)) => {
                let reach = (mono_ms - before.mono_ms).min(after.mono_ms - mono_ms);
                (between(before, after, mono_ms), drift(reach, WANDER_PPM))
            }
            (Some(nearest), None) | (None, Some(nearest)) => self.beyond(nearest, mono_ms),
        };
        (AGREEMENT_MS + unsure <= TRUSTED_MS).then_some(zero)
    }

    /// The best that can be said of the zero as seen from `mono_ms`, however unsure; none when nothing is known.
    pub(crate) fn guess(&self, mono_ms: i64) -> Option<i64> {
        self.zero(mono_ms).or_else(|| self.latest_zero(mono_ms))
    }

    /// When the boot began.
    pub(crate) fn boot_at(&self) -> Option<Timestamp> {
        self.boot_ms.map(Timestamp::from_millis)
    }

    /// The collector's clock was set by so much.
    pub(crate) fn shift(&mut self, by_ms: i64) {
        self.boot_ms = self.boot_ms.map(|at| at.saturating_add(by_ms));
        for knot in &mut self.knots {
            knot.zero_ms = knot.zero_ms.saturating_add(by_ms);
        }
        if let Some(late) = &mut self.late {
            late.least_ms = late.least_ms.saturating_add(by_ms);
        }
    }

    fn agreed(&self) -> impl DoubleEndedIterator<Item = &Knot> {
        self.knots.iter().filter(|knot| knot.agreed)
    }

    /// The zero as seen from `mono_ms` is not later than this.
    fn latest_zero(&self, mono_ms: i64) -> Option<i64> {
        let latest = |knot: &Knot| knot.zero_ms + drift((mono_ms - knot.mono_ms).abs(), CRYSTAL_PPM);
        self.knots.iter().map(latest).min()
    }

    /// Outside of the knots the clock goes on at the rate that they show, if they show one.
    fn beyond(&self, nearest: &Knot, mono_ms: i64) -> (i64, i64) {
        let reach = (mono_ms - nearest.mono_ms).abs();
        let mut agreed = self.agreed();
        let first = agreed.next().unwrap_or(nearest);
        let last = agreed.next_back().unwrap_or(first);
        let span = last.mono_ms - first.mono_ms;
        let learnt_ppm = WANDER_PPM + AGREEMENT_MS * 1_000_000 / span.max(1);
        if learnt_ppm < CRYSTAL_PPM {
            let rest = between(first, last, mono_ms) - between(first, last, nearest.mono_ms);
            (nearest.zero_ms + rest, drift(reach, learnt_ppm))
        } else {
            (nearest.zero_ms, drift(reach, CRYSTAL_PPM))
        }
    }

    /// No zero can be later than a delivery says: what was agreed on and lies above was not the truth.
    fn lower(&mut self, mono_ms: i64, zero_ms: i64) {
        for knot in &mut self.knots {
            let limit = zero_ms + drift((knot.mono_ms - mono_ms).abs(), CRYSTAL_PPM);
            if knot.zero_ms - limit > AGREEMENT_MS {
                knot.agreed = false;
                self.boot_ms = None;
            }
            knot.zero_ms = knot.zero_ms.min(limit);
        }
    }

    fn see_late(&mut self, sight: Sight) -> Worth {
        let Sight { mono_ms, zero_ms, .. } = sight;
        let first = Late { since_ms: mono_ms, least_ms: zero_ms, agreeing: 0 };
        let mut late = self.late.filter(|late| late.least_ms - zero_ms <= AGREEMENT_MS).unwrap_or(first);
        if zero_ms - late.least_ms <= AGREEMENT_MS {
            late.agreeing = late.agreeing.saturating_add(1);
        }
        late.least_ms = late.least_ms.min(zero_ms);
        self.late = Some(late);
        if late.agreeing < SET || mono_ms - late.since_ms < STRETCH_MS {
            return Worth::Late;
        }
        let knots = vec![Knot { mono_ms, zero_ms, agreed: true }];
        *self = Boot { boot_ms: Some(zero_ms), knots, late: None };
        Worth::Agreed
    }
}

/// How far a clock drifts at `ppm` within `ms`.
fn drift(ms: i64, ppm: i64) -> i64 {
    ms * ppm / 1_000_000
}

/// The straight line through two knots.
fn between(first: &Knot, last: &Knot, mono_ms: i64) -> i64 {
    let run = i128::from(last.mono_ms - first.mono_ms).max(1);
    let rise = i128::from(last.zero_ms - first.zero_ms) * i128::from(mono_ms - first.mono_ms) / run;
    first.zero_ms.saturating_add(i64::try_from(rise).unwrap_or(0))
}

#[cfg(test)]
mod tests;
