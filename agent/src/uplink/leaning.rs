//! What a delivery leans on: a batch that went over the same stream before, so that the collector has it. Pure.
//!
//! The larger of the batches that went lately is the best to lean on: it knows the most targets and counters. A report
//! that a change asked for holds a few rounds only, and is not leant on while a full one is at hand.

use kentongan_model::{
    time::Stamp,
    wire::{Batch, Delivery},
};

/// A base is given up when so many deliveries have gone since: the collector looks no further back than 64.
const OLDEST: u32 = 32;
/// Rounds, readings and gauges in a base at most, since it is kept in memory, opened.
const LARGEST: usize = 1_000;

/// What the next delivery may lean on.
#[derive(Debug, Default)]
pub(super) struct Leaning {
    base: Option<Batch>,
    /// Deliveries since.
    age: u32,
}

impl Leaning {
    /// The delivery of a batch, leaning if that is shorter; and whether it leans.
    pub(super) fn wrap(&self, sent: &Stamp, sealed: &[u8], batch: Option<&Batch>) -> (Vec<u8>, bool) {
        let whole = || (Delivery::wrap(sent, sealed), false);
        let (Some(batch), Some(base)) = (batch, &self.base) else { return whole() };
        if (base.series, base.sealed.boot) != (batch.series, batch.sealed.boot) {
            return whole();
        }
        match Delivery::wrap_on(sent, batch, base) {
            Ok(leaning) if leaning.len() < sealed.len() => (leaning, true),
            _ => whole(),
        }
    }

    /// A batch has been sent.
    pub(super) fn sent(&mut self, batch: Batch) {
        self.age += 1;
        let known = self.base.as_ref().filter(|base| base.series == batch.series && self.age < OLDEST);
        let takes_over = known.is_none_or(|base| weight(&batch) * 2 >= weight(base));
        if takes_over {
            self.age = 0;
            self.base = (weight(&batch) <= LARGEST).then_some(batch);
        }
    }

    /// The collector does not have it.
    pub(super) fn forget(&mut self) {
        *self = Leaning::default();
    }
}

/// How much a batch tells.
fn weight(batch: &Batch) -> usize {
    let interfaces = batch.readings.iter().map(|reading| 1 + reading.interfaces.len());
    let gauges = batch.gauges.iter().map(|reading| 1 + reading.gauges.len());
    batch.rounds.len() + interfaces.sum::<usize>() + gauges.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use kentongan_model::{
        plan::PlanRevision,
        time::{BootId, Timestamp},
        wire::MeasuredRound,
    };

    use super::*;

    const SENT: Stamp =
        Stamp { boot: BootId(1), mono_ms: 90_000, wall: Timestamp::from_millis(1_800_000_000_000) };

    fn batch(sequence: u64, rounds: u16) -> Batch {
        let round = |target| MeasuredRound {
            target,
            mono_ms: 5_000 * sequence + u64::from(target),
            sent: 5,
            rtts_us: vec![1_000, 1_010, 1_020, 1_030, 1_040],
        };
        Batch {
            agent: "kec-a".parse().unwrap(),
            series: 7,
            sequence,
            sealed: SENT,
            plan: PlanRevision(9),
            dropped_rounds: 0,
            rounds: (0..rounds).map(round).collect(),
            readings: Vec::new(),
            gauges: Vec::new(),
            traces: Vec::new(),
        }
    }

    /// The sequence of the batch that a full one leans on, after these were sent as (sequence, rounds).
    fn base_after(sent: &[(u64, u16)]) -> Option<u64> {
        let mut leaning = Leaning::default();
        sent.iter().for_each(|&(sequence, rounds)| leaning.sent(batch(sequence, rounds)));
        let next = batch(1_000, 60);
        let (delivery, leans) = leaning.wrap(&SENT, &next.seal().unwrap(), Some(&next));
        let (base, opened) = (leaning.base.as_ref(), |base: &Batch| {
            Delivery::decode_with(&delivery, |_| Some(base.clone())).unwrap().batch
        });
        base.filter(|_| leans).map(|base| {
            assert_eq!(opened(base), next);
            base.sequence
        })
    }

    #[test]
    fn a_full_batch_is_leant_on_until_another_full_one_was_sent_or_it_is_too_old() {
        assert_eq!(base_after(&[]), None);
        assert_eq!(base_after(&[(1, 60), (2, 60)]), Some(2));
        assert_eq!(base_after(&[(1, 60), (2, 3), (3, 2)]), Some(1));
        let short: Vec<(u64, u16)> = (2..40).map(|sequence| (sequence, 20)).collect();
        assert!(base_after(&[&[(1, 60)], &short[..]].concat()) > Some(1));
    }

    #[test]
    fn nothing_leans_on_another_series_another_boot_or_something_huge() {
        let mut leaning = Leaning::default();
        leaning.sent(batch(1, 60));
        let leans =
            |leaning: &Leaning, batch: &Batch| leaning.wrap(&SENT, &batch.seal().unwrap(), Some(batch)).1;
        assert!(leans(&leaning, &batch(2, 60)));
        let other_series = Batch { series: 8, ..batch(2, 60) };
        let other_boot = Batch { sealed: Stamp { boot: BootId(2), ..SENT }, ..batch(2, 60) };
        assert!(!leans(&leaning, &other_series) && !leans(&leaning, &other_boot));
        leaning.sent(batch(2, 2_000));
        assert!(!leans(&leaning, &batch(3, 60)));
        leaning.sent(batch(3, 60));
        leaning.forget();
        assert!(!leans(&leaning, &batch(4, 60)));
    }
}
