//! How long to wait after a failure before the collector is bothered again. Pure but for the jitter.
//!
//! The wait doubles from 1 s to a minute, half of it by chance, so that many agents do not come back at once. A state
//! change may be tried at once all the same, but not more often than every [`URGENT_PAUSE`], and never against the collector's
//! own word (`Retry-After`).

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Between two tries that a state change asks for.
const URGENT_PAUSE: Duration = Duration::from_secs(5);

/// When the collector may be tried again. Times are since boot.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience {
    failures: u32,
    not_before: Duration,
    told_to_wait: bool,
    last_try: Duration,
}

impl Patience {
    pub(super) fn not_before(&self) -> Duration {
        self.not_before
    }

    /// Whether the last try failed.
    pub(super) fn is_tried(&self) -> bool {
        self.failures > 0 || self.told_to_wait
    }

    pub(super) fn succeeded(&mut self) {
        *self = Patience::default();
    }

    pub(super) fn failed(&mut self, now: Duration, jitter: impl Fn(Duration) -> Duration) {
        let wait = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        (self.not_before, self.told_to_wait, self.last_try) = (now + jitter(wait), false, now);
    }

    /// The collector asks to wait so long. Many agents may have been told the same at the same time: each adds up to a
    /// quarter by chance.
    pub(super) fn told_to_wait(
        &mut self,
        now: Duration,
        wait: Duration,
        jitter: impl Fn(Duration) -> Duration,
    ) {
        self.failures = self.failures.saturating_add(1);
        (self.not_before, self.told_to_wait, self.last_try) = (now + wait + jitter(wait / 4), true, now);
    }

    /// Something urgent has come up.
    pub(super) fn hasten(&mut self, now: Duration) {
        if !self.told_to_wait {
            self.not_before = self.not_before.min(self.last_try + URGENT_PAUSE).max(now.min(self.not_before));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn the_wait_doubles_to_a_minute_and_is_forgotten_after_a_success() {
        let mut patience = Patience::default();
        assert_eq!(patience.not_before(), seconds(0));
        let mut now = seconds(100);
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            patience.failed(now, |wait| wait);
            assert_eq!(patience.not_before(), now + seconds(wait));
            now = patience.not_before();
        }
        patience.succeeded();
        assert!(!patience.is_tried() && patience.not_before() == seconds(0));
    }

    #[test]
    fn a_state_change_may_be_tried_soon_but_not_against_the_collectors_word() {
        let mut patience = Patience::default();
        for _ in 0..8 {
            patience.failed(seconds(100), |wait| wait);
        }
        patience.hasten(seconds(102));
        assert_eq!(patience.not_before(), seconds(105));
        patience.hasten(seconds(130));
        assert!(patience.not_before() <= seconds(130));
        patience.told_to_wait(seconds(130), seconds(300), |_| seconds(7));
        patience.hasten(seconds(200));
        assert_eq!(patience.not_before(), seconds(437));
    }
}
