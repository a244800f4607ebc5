//! How long an echo took, out of two stamps of the wall clock. Pure.
//!
//! The kernel stamps an arriving packet by the wall clock, so the sending is stamped by the same. Guarded here: somebody
//! may set that clock in between (NTP, a person), and no RTT becomes negative or longer than what has passed by the
//! steady clock.

use std::time::Duration;

use kentongan_model::time::Moment;

/// When a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Departure {
    /// By the wall clock, right before the system call.
    pub(super) wall_ns: i64,
    /// What the wall clock was ahead of the time since boot.
    pub(super) ahead_ns: i64,
}

/// How long an echo took, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) rtt: Duration,
    /// Whether the wall clock was set between sending and reading, or is not the one that the kernel stamps by.
    pub(super) was_set: bool,
}

/// Two readings of a clock differ by what it is slewed (at most 500 ppm by the kernel) and by how well they are read.
const TOLERANCE_NS: i64 = 1_000_000;

/// How far the wall clock is ahead of the time since boot.
pub(super) fn ahead(moment: Moment) -> i64 {
    moment.wall_ns.saturating_sub(nanos(moment.since_boot))
}

/// The RTT of a request that departed, whose reply the kernel stamped `arrived_ns`, and that was read at `read`.
pub(super) fn taken(departure: Departure, arrived_ns: i64, read: Moment) -> Taken {
    let Departure { wall_ns, ahead_ns } = departure;
    let plain = arrived_ns.saturating_sub(wall_ns);
    let step = ahead(read).saturating_sub(ahead_ns);
    let passed = nanos(read.since_boot).saturating_sub(wall_ns.saturating_sub(ahead_ns)).max(0);
    let tolerance = TOLERANCE_NS + passed / 1_000;
    if step.saturating_abs() <= tolerance {
        // Where a program is shown another clock than the kernel's, its stamps say nothing.
        let is_ours = (-tolerance..=passed.saturating_add(tolerance)).contains(&plain);
        return Taken { rtt: length(if is_ours { plain } else { passed }), was_set: !is_ours };
    }
    // Set before the arrival or after it: the one that is possible. Most of the time before reading lies after it.
    let possible = |rtt: &i64| (0..=passed).contains(rtt);
    let rtt = [plain, plain.saturating_sub(step)].into_iter().find(possible).unwrap_or(passed);
    Taken { rtt: length(rtt), was_set: true }
}

fn length(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

fn nanos(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: i64 = 1_000_000;

    /// An echo that took `rtt` and was read after `read`, while the wall clock was set by `step` at `set`; all in
    /// nanoseconds since its sending.
    fn echo(rtt: i64, read: i64, set: i64, step: i64) -> Taken {
        let (booted, sent) = (1_700_000_000_000 * MS, 60_000 * MS);
        let wall = |since: i64| booted + sent + since + if since >= set { step } else { 0 };
        let departure = Departure { wall_ns: wall(0), ahead_ns: wall(0) - sent };
        let moment =
            Moment { wall_ns: wall(read), since_boot: Duration::from_nanos((sent + read).cast_unsigned()) };
        taken(departure, wall(rtt), moment)
    }

    #[test]
    fn a_clock_that_nobody_sets_tells_the_rtt_to_the_nanosecond() {
        assert_eq!(
            echo(1_234_567, 30 * MS, i64::MAX, 0),
            Taken { rtt: Duration::from_nanos(1_234_567), was_set: false }
        );
    }

    #[test]
    fn a_clock_that_is_set_before_or_after_the_arrival_changes_no_rtt() {
        for step in [-3_600_000 * MS, -500 * MS, 500 * MS, 1_700_000_000_000 * MS] {
            for set in [MS, 10 * MS] {
                let told = echo(5 * MS, 30 * MS, set, step);
                assert_eq!(told, Taken { rtt: Duration::from_millis(5), was_set: true }, "{step} at {set}");
            }
        }
    }

    #[test]
    fn stamps_of_another_clock_than_ours_are_not_believed() {
        for other in [-3_600_000 * MS, 3_600_000 * MS, 1_700_000_000_000 * MS] {
            let departure = Departure { wall_ns: 60_000 * MS, ahead_ns: 0 };
            let read = Moment { wall_ns: 60_030 * MS, since_boot: Duration::from_millis(60_030) };
            let told = taken(departure, departure.wall_ns + other + 5 * MS, read);
            assert_eq!(told, Taken { rtt: Duration::from_millis(30), was_set: true }, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_rtt_is_absurd_whatever_is_done_to_the_clock(
            rtt in 0..2_000 * MS, wait in 0..100 * MS, set in 1..2_100 * MS, step in -4_000 * MS..4_000 * MS,
        ) {
            let told = echo(rtt, rtt + wait, set, step).rtt;
            prop_assert!(told <= Duration::from_nanos((rtt + wait + 2 * MS + (rtt + wait) / 1_000).cast_unsigned()));
            if set > rtt + wait {
                prop_assert_eq!(told.as_nanos(), u128::from(rtt.cast_unsigned()));
            }
        }
    }
}
