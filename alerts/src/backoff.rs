//! How long a failed message rests: doubling pauses with jitter, so that many messages do not come back at once.
//!
//! Pure: the jitter comes from the message's own key, which is random for each installation.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// The pause after failed attempt number `attempt` (1, 2, …): between half and all of `first` × 2^(attempt - 1), `longest`
/// at most.
#[must_use]
pub(crate) fn pause(attempt: u32, key: &str, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    let full = doubled.min(longest);
    let mut hasher = DefaultHasher::new();
    (key, attempt).hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 1_001).unwrap_or(0);
    full / 2 + full / 2_000 * share
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(2);
    const LONGEST: Duration = Duration::from_secs(300);

    #[test]
    fn pauses_double_up_to_the_longest_and_keep_at_least_half() {
        for attempt in 1..200 {
            let full = FIRST.saturating_mul(2_u32.saturating_pow(attempt - 1)).min(LONGEST);
            let pause = pause(attempt, "a-1", FIRST, LONGEST);
            assert!(pause >= full / 2 && pause <= full, "attempt {attempt}: {pause:?} of {full:?}");
        }
    }

    #[test]
    fn two_messages_rarely_come_back_together() {
        let pauses: std::collections::BTreeSet<_> =
            (0..100).map(|message| pause(8, &format!("a-{message}"), FIRST, LONGEST)).collect();
        assert!(pauses.len() > 80, "only {} different pauses", pauses.len());
    }
}
