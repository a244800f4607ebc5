//! When flash may be written: it wears, so at most once a minute; but a change of state at once, as long as not too many
//! come in a row. Pure.

use std::time::Duration;

/// Between two writes.
const PAUSE: Duration = Duration::from_secs(60);
/// So many writes are allowed in a row; one more for every pause that passes.
const URGENT: u32 = 10;

/// When flash was written, and how often ahead of time. Times are since boot.
#[derive(Debug, Clone, Default)]
pub(super) struct Flash {
    written: Option<Duration>,
    /// The pauses of all that has been written, as far as they have not passed yet.
    owed: Duration,
}

impl Flash {
    /// Whether everything may be written now.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.written.is_none_or(|written| now.saturating_sub(written) >= PAUSE)
    }

    /// Whether what is urgent may be written now.
    pub(super) fn is_allowed(&self, now: Duration) -> bool {
        self.is_due(now) || self.owed(now) <= PAUSE * (URGENT - 1)
    }

    /// It was written.
    pub(super) fn written(&mut self, now: Duration) {
        (self.owed, self.written) = ((self.owed(now) + PAUSE).min(PAUSE * URGENT), Some(now));
    }

    fn owed(&self, now: Duration) -> Duration {
        self.owed.saturating_sub(now.saturating_sub(self.written.unwrap_or(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Duration {
        Duration::from_secs(1_000 + second)
    }

    #[test]
    fn flash_is_written_once_a_minute_and_for_changes_at_once_until_too_many_come() {
        let mut flash = Flash::default();
        assert!(flash.is_due(at(0)));
        flash.written(at(0));
        assert!(!flash.is_due(at(59)) && flash.is_due(at(60)) && flash.is_allowed(at(1)));
        let urgent = (1..=40).filter(|second| {
            let is_allowed = flash.is_allowed(at(*second));
            if is_allowed {
                flash.written(at(*second));
            }
            is_allowed
        });
        assert_eq!(urgent.count(), 9);
        assert!(!flash.is_allowed(at(50)) && flash.is_allowed(at(60)));
    }

    #[test]
    fn in_a_day_of_nothing_but_changes_flash_is_written_no_more_than_once_a_minute_in_the_long_run() {
        let mut flash = Flash::default();
        let day = 24 * 60 * 60;
        let mut times = 0;
        for second in 0..day {
            if flash.is_allowed(at(second)) {
                flash.written(at(second));
                times += 1;
            }
        }
        assert!((day / 60..=day / 60 + 10).contains(&times), "{times} times");
    }
}
