//! What is decided about a target, and what is not yet: between a round and the next one's moment.
//!
//! The same automaton that judges the evidence at the collector (a round fails, is poor or is good; streaks confirm
//! down, up and degraded; silence starts anew), run here only to know when to probe faster and what to deliver at once.
//! Nothing of it travels. Pure: times are arguments.

use std::time::Duration;

use kentongan_model::{plan::PlannedTarget, wire::MeasuredRound};

use crate::spool::Weight;

/// What a round says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// No probe was answered.
    Failed,
    /// Some were, with too much loss or too long a median RTT.
    Poor,
    /// Neither.
    Good,
}

impl Class {
    /// Judges a round by the plan's thresholds.
    #[must_use]
    pub fn of(round: &MeasuredRound, target: &PlannedTarget) -> Class {
        if round.rtts_us.is_empty() {
            return Class::Failed;
        }
        let lost = usize::from(round.sent).saturating_sub(round.rtts_us.len());
        let lossy = 100.0 * lost as f64 >= target.loss_warn * f64::from(round.sent);
        let slow = target.rtt_warn_us.is_some_and(|warn| twice_median(&round.rtts_us) >= 2 * warn);
        if lossy || slow { Class::Poor } else { Class::Good }
    }
}

/// Twice the median: of an even number it is the mean of the middle two, which need not be whole.
fn twice_median(rtts_us: &[u32]) -> u64 {
    let mut sorted = rtts_us.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    let upper = u64::from(sorted[middle]);
    let lower = if sorted.len().is_multiple_of(2) { u64::from(sorted[middle - 1]) } else { upper };
    lower + upper
}

/// What is confirmed about a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet.
    Unknown,
    /// It answers.
    Up,
    /// It answers poorly.
    Degraded,
    /// It does not answer.
    Down,
}

/// What a round has brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What is confirmed now differs from what was before.
    pub changed: bool,
    /// A streak has begun that neither confirms nor confutes anything yet.
    pub undecided: bool,
    /// What the round means for the state: whether it is part of a streak that may change it, or does.
    pub weight: Weight,
}

/// The automaton of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    standing: Standing,
    failed: u32,
    answered: u32,
    poor: u32,
    good: u32,
    last: Option<Duration>,
}

impl Default for Decision {
    fn default() -> Self {
        Decision { standing: Standing::Unknown, failed: 0, answered: 0, poor: 0, good: 0, last: None }
    }
}

impl Decision {
    /// What is confirmed.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Takes in a round that began at `at`, time since boot.
    pub fn observe(&mut self, at: Duration, class: Class, target: &PlannedTarget) -> Verdict {
        let stale_after = 3 * Duration::from_millis(target.interval_ms);
        if self.last.is_some_and(|last| at.saturating_sub(last) > stale_after) {
            *self = Decision::default();
        }
        self.last = Some(at);
        let (was, was_undecided) = (self.standing, self.is_undecided());
        self.count(class);
        self.standing = self.next(target);
        let (changed, undecided) = (self.standing != was, self.is_undecided());
        let weight = match (changed, undecided || was_undecided) {
            (true, _) => Weight::Deciding,
            (false, true) => Weight::Telling,
            (false, false) => Weight::Usual,
        };
        Verdict { changed, undecided, weight }
    }

    fn count(&mut self, class: Class) {
        let grown = |streak: u32| streak.saturating_add(1);
        (self.failed, self.answered) =
            if class == Class::Failed { (grown(self.failed), 0) } else { (0, grown(self.answered)) };
        self.poor = if class == Class::Poor { grown(self.poor) } else { 0 };
        self.good = if class == Class::Good { grown(self.good) } else { 0 };
    }

    fn next(&self, target: &PlannedTarget) -> Standing {
        let (down_after, up_after) = (target.down_after.max(1), target.up_after.max(1));
        if self.failed >= down_after {
            return Standing::Down;
        }
        let answers = match self.standing {
            Standing::Unknown | Standing::Down => self.answered >= up_after,
            Standing::Up | Standing::Degraded => true,
        };
        match self.standing {
            standing if !answers => standing,
            Standing::Degraded if self.good >= up_after => Standing::Up,
            Standing::Degraded => Standing::Degraded,
            _ if self.poor >= down_after => Standing::Degraded,
            _ => Standing::Up,
        }
    }

    fn is_undecided(&self) -> bool {
        match self.standing {
            Standing::Unknown => true,
            Standing::Up => self.failed > 0 || self.poor > 0,
            Standing::Degraded => self.failed > 0 || self.good > 0,
            Standing::Down => self.answered > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> PlannedTarget {
        PlannedTarget {
            subject: "a/gateway".parse().unwrap(),
            address: [127, 0, 0, 1].into(),
            probe: kentongan_model::probe::Probe::Icmp,
            interval_ms: 5_000,
            probes: 5,
            timeout_ms: 1_000,
            down_after: 3,
            up_after: 2,
            loss_warn: 20.0,
            rtt_warn_us: Some(1_000),
            witnesses: Vec::new(),
        }
    }

    /// Runs rounds (`x` failed, `~` poor, `.` good) a second apart and writes down what stands after each: the state's
    /// initial, in capitals where undecided.
    fn story(rounds: &str) -> String {
        let (mut decision, target) = (Decision::default(), target());
        let mut told = String::new();
        for (second, round) in rounds.chars().enumerate() {
            let class = match round {
                'x' => Class::Failed,
                '~' => Class::Poor,
                _ => Class::Good,
            };
            let verdict = decision.observe(Duration::from_secs(second as u64), class, &target);
            let initial = match decision.standing() {
                Standing::Unknown => 'n',
                Standing::Up => 'u',
                Standing::Degraded => 'g',
                Standing::Down => 'd',
            };
            told.push(if verdict.undecided { initial.to_ascii_uppercase() } else { initial });
        }
        told
    }

    #[test]
    fn streaks_confirm_and_whatever_breaks_a_standing_is_undecided_until_they_do() {
        for (rounds, told) in [
            ("..", "Nu"),
            ("xxx", "NNd"),
            ("..xxx", "NuUUd"),
            ("..xx.", "NuUUu"),
            ("..xxx..", "NuUUdDu"),
            ("xxx.x", "NNdDd"),
            ("..~~~", "NuUUg"),
            ("~~~", "NUg"),
            ("..~~x~~~", "NuUUUUUg"),
            ("..~~~..", "NuUUgGu"),
            ("..~~~.~", "NuUUgGg"),
            ("..~~~xxx", "NuUUgGGd"),
            ("x.x.x..", "NNNNNNu"),
        ] {
            assert_eq!(story(rounds), told, "{rounds}");
        }
    }

    #[test]
    fn the_rounds_of_a_streak_tell_of_a_change_and_those_that_confirm_what_stands_do_not() {
        let (mut decision, target) = (Decision::default(), target());
        let weights = "....x..xxx.x...".chars().enumerate().map(|(second, round)| {
            let class = if round == 'x' { Class::Failed } else { Class::Good };
            match decision.observe(Duration::from_secs(second as u64), class, &target).weight {
                Weight::Usual => '-',
                Weight::Telling => 't',
                Weight::Deciding => 'D',
            }
        });
        assert_eq!(weights.collect::<String>(), "tD--tt-ttDtttD-");
    }

    #[test]
    fn poor_rounds_that_confirm_up_and_are_enough_make_it_degraded_at_once() {
        let mut eager = target();
        (eager.up_after, eager.down_after) = (3, 2);
        let mut decision = Decision::default();
        for second in 0..3 {
            decision.observe(Duration::from_secs(second), Class::Poor, &eager);
        }
        assert_eq!(decision.standing(), Standing::Degraded);
    }

    #[test]
    fn a_silence_of_more_than_three_intervals_starts_anew() {
        let (mut decision, target) = (Decision::default(), target());
        for second in [0, 1] {
            decision.observe(Duration::from_secs(second), Class::Good, &target);
        }
        assert_eq!(decision.standing(), Standing::Up);
        decision.observe(Duration::from_secs(16), Class::Good, &target);
        assert_eq!(decision.standing(), Standing::Up);
        decision.observe(Duration::from_millis(31_001), Class::Good, &target);
        assert_eq!(decision.standing(), Standing::Unknown);
    }

    #[test]
    fn a_round_is_judged_by_its_loss_and_the_median_of_its_rtts() {
        for (sent, rtts_us, class) in [
            (5, vec![], Class::Failed),
            (5, vec![10; 5], Class::Good),
            (5, vec![10; 4], Class::Poor),
            (6, vec![10; 5], Class::Good),
            (5, vec![1, 1, 1_000, 2_000, 3_000], Class::Poor),
            (4, vec![1, 999, 1_001, 3_000], Class::Poor),
            (4, vec![1, 999, 1_000, 3_000], Class::Good),
        ] {
            let round = MeasuredRound { target: 0, mono_ms: 0, sent, rtts_us };
            assert_eq!(Class::of(&round, &target()), class, "{round:?}");
        }
    }
}
