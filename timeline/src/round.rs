//! One round as the automaton needs it: how it went, in sixteen bytes.
//!
//! This is where probes and RTTs end and outcomes begin. Rule guarded here: what makes a round failed or poor, and
//! which of two different rounds of the same millisecond counts (more answers, then fewer probes sent, then the lower
//! median RTT).

use kentongan_model::{inventory::Settings, time::Timestamp};

/// How a round went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No probe was answered.
    Failed,
    /// Answered, but with much loss or a long median RTT.
    Poor,
    /// Answered well.
    Good,
}

/// From where on a round is poor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    loss_warn: f64,
    rtt_warn_ns: u128,
}

impl Limits {
    pub(crate) fn of(settings: &Settings) -> Self {
        Limits {
            loss_warn: settings.loss_warn,
            rtt_warn_ns: settings.rtt_warn.map_or(u128::MAX, |rtt| rtt.as_nanos()),
        }
    }
}

/// A round, reduced to its moment and its counts.
///
/// The counts are packed so that the larger value is the round that counts: answered (16 bits), the complement of sent
/// (16 bits), the complement of twice the median RTT in µs (32 bits). Counts beyond 65,535 and medians beyond 2,147 s
/// are kept at those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    counts: u64,
}

impl Sample {
    /// Packs a round. Sorts the RTTs: their order means nothing.
    pub(crate) fn new(at: Timestamp, sent: u32, rtts_us: &mut [u32]) -> Self {
        let answered = u64::try_from(rtts_us.len()).unwrap_or(u64::MAX).min(0xffff);
        let sent = u64::from(sent.min(0xffff));
        let median = twice_median(rtts_us).min(u64::from(u32::MAX));
        Sample { at, counts: answered << 48 | (0xffff - sent) << 32 | (u64::from(u32::MAX) - median) }
    }

    /// How it went.
    #[expect(clippy::cast_precision_loss, reason = "counts of 16 bits")]
    pub(crate) fn outcome(self, limits: &Limits) -> Outcome {
        let answered = self.counts >> 48;
        let sent = 0xffff - (self.counts >> 32 & 0xffff);
        let twice_median = u64::from(u32::MAX) - (self.counts & u64::from(u32::MAX));
        let lost = sent.saturating_sub(answered);
        if answered == 0 {
            Outcome::Failed
        } else if (lost * 100) as f64 >= limits.loss_warn * sent as f64
            || u128::from(twice_median) * 500 >= limits.rtt_warn_ns
        {
            Outcome::Poor
        } else {
            Outcome::Good
        }
    }
}

/// Twice the median, in µs: of an even number the sum of the middle two. 0 without any RTT.
fn twice_median(rtts_us: &mut [u32]) -> u64 {
    rtts_us.sort_unstable();
    let half = rtts_us.len() / 2;
    match rtts_us.len() {
        0 => 0,
        odd if odd % 2 == 1 => u64::from(rtts_us[half]) * 2,
        _ => u64::from(rtts_us[half - 1]) + u64::from(rtts_us[half]),
    }
}

/// Sorts the rounds of one piece of evidence by time; of several at one millisecond the one that counts stays.
pub(crate) fn in_order(samples: &mut Vec<Sample>) {
    if samples.is_sorted_by(|a, b| a.at < b.at) {
        return;
    }
    samples.sort_unstable_by(|a, b| a.at.cmp(&b.at).then(b.counts.cmp(&a.counts)));
    samples.dedup_by_key(|sample| sample.at);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample(sent: u32, rtts: &[u32]) -> Sample {
        Sample::new(Timestamp::from_millis(7), sent, &mut rtts.to_vec())
    }

    #[test]
    fn a_round_is_poor_from_the_limits_on_and_failed_without_an_answer() {
        let limits =
            Limits::of(&Settings { rtt_warn: Some(Duration::from_millis(150)), ..Settings::default() });
        let table = [
            (5, vec![], Outcome::Failed),
            (5, vec![900; 5], Outcome::Good),
            (5, vec![900; 4], Outcome::Poor),
            (6, vec![900; 5], Outcome::Good),
            (2, vec![100_000, 200_000], Outcome::Poor),
            (2, vec![100_000, 199_999], Outcome::Good),
            (3, vec![150_000, 1, 999_999], Outcome::Poor),
        ];
        for (sent, rtts, outcome) in table {
            assert_eq!(sample(sent, &rtts).outcome(&limits), outcome, "{sent} sent, {rtts:?}");
        }
    }

    #[test]
    fn of_two_rounds_at_one_millisecond_the_better_known_one_counts() {
        let better_first =
            [sample(9, &[9, 9]), sample(2, &[8]), sample(3, &[5]), sample(3, &[6]), sample(1, &[])];
        let mut samples: Vec<Sample> = better_first.iter().rev().copied().collect();
        in_order(&mut samples);
        assert_eq!(samples, [better_first[0]]);
        assert!(better_first.is_sorted_by(|a, b| a > b));
    }
}
