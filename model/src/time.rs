//! Time: points of it to the millisecond, and the only place in the workspace that reads a clock.
//!
//! Pure code takes `now` as an argument; a program's shell holds a [`Clock`] and asks it. Tests hold a [`HandClock`].

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::time::ClockId;
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC with three decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not an RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a time such as 2026-11-01T00:00:05.250Z")]
pub struct TimestampError(String);

impl Timestamp {
    /// The earliest time that can be written (year -9999).
    pub const MIN: Timestamp = Timestamp(-377_705_023_201_000);
    /// The latest time that can be written (year 9999).
    pub const MAX: Timestamp = Timestamp(253_402_207_200_000);

    /// The time that lies `millis` after the epoch, kept between [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Timestamp(millis)
        }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to here; negative when `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0 - earlier.0
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.millis_since(earlier)).unwrap_or(0))
    }

    /// The same instant as a `jiff` timestamp, for calendars and time zones.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Digits beyond the millisecond are cut off.
    fn from(time: jiff::Timestamp) -> Self {
        Timestamp::from_millis(i64::try_from(time.as_nanosecond().div_euclid(1_000_000)).unwrap_or(0))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;
    /// Reads RFC 3339 with any offset; digits beyond the millisecond are cut off.
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        text.parse::<jiff::Timestamp>().map(Timestamp::from).map_err(|_| TimestampError(text.to_owned()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC, three decimals"))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Timestamp {}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, length: Duration) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_add(millis(length)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, length: Duration) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_sub(millis(length)))
    }
}

/// A duration in whole milliseconds, as signed arithmetic on times needs it.
#[must_use]
pub fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// A boot of a router, told apart from its others: 32 bits of the kernel's random boot id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BootId(pub u32);

/// One moment as a router knows it: time since boot (sleep included), which is steady but means nothing to others, and
/// its wall clock, which may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Which boot `mono_ms` counts from.
    pub boot: BootId,
    /// Milliseconds since boot (CLOCK_BOOTTIME).
    pub mono_ms: u64,
    /// What the wall clock said.
    pub wall: Timestamp,
}

/// Where a program's shell gets the time from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Wall clock, boot and time since boot, in one moment.
    fn stamp(&self) -> Stamp;
    /// Time since boot, never going back, to the nanosecond.
    fn since_boot(&self) -> Duration;
}

/// The clocks of the machine.
#[derive(Debug, Clone)]
pub struct SystemClock {
    boot: BootId,
}

impl SystemClock {
    /// Reads the boot id of the machine (`/proc/sys/kernel/random/boot_id`); where there is none, one is made of the
    /// wall clock less the time since boot.
    #[must_use]
    pub fn new() -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().and_then(|text| {
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).take(8).collect();
            u32::from_str_radix(&digits, 16).ok()
        });
        let made = || ((wall_millis() - millis(boot_time())) / 10_000) as u32;
        SystemClock { boot: BootId(boot.unwrap_or_else(made)) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

/// The machine's two clocks, read as one moment. The kernel stamps packets by the wall clock, which somebody may set at any
/// moment; by the other one can tell that somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Nanoseconds since 1970, as the wall clock has it.
    pub wall_ns: i64,
    /// Time since boot (CLOCK_BOOTTIME).
    pub since_boot: Duration,
}

impl SystemClock {
    /// The wall clock in nanoseconds since 1970, as the kernel stamps packets.
    #[must_use]
    pub fn wall_nanos() -> i64 {
        let since_1970 = read(ClockId::CLOCK_REALTIME);
        since_1970.as_secs().cast_signed() * 1_000_000_000 + i64::from(since_1970.subsec_nanos())
    }

    /// Both clocks. A pair between whose halves this thread was put to sleep is read again, a few times at most.
    #[must_use]
    pub fn moment() -> Moment {
        let mut since_boot = boot_time();
        for _ in 0..4 {
            let (wall_ns, again) = (Self::wall_nanos(), boot_time());
            if again.saturating_sub(since_boot) < Duration::from_micros(50) {
                return Moment { wall_ns, since_boot: again };
            }
            since_boot = again;
        }
        Moment { wall_ns: Self::wall_nanos(), since_boot }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall_millis() -> i64 {
    match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}

fn boot_time() -> Duration {
    read(ClockId::CLOCK_BOOTTIME)
}

// By libc's own `timespec`, as std does. rustix takes musl's for one of 64-bit seconds; on 32-bit routers (MIPS, ARM) the
// call that Rust programs are linked with still fills in the old one, and the time since boot would be nonsense.
fn read(clock: ClockId) -> Duration {
    nix::time::clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(wall_millis())
    }

    fn stamp(&self) -> Stamp {
        Stamp { boot: self.boot, mono_ms: millis(boot_time()).cast_unsigned(), wall: self.now() }
    }

    fn since_boot(&self) -> Duration {
        boot_time()
    }
}

/// A clock that stands still until a test moves it. Clones share one hand.
#[derive(Debug, Clone)]
pub struct HandClock {
    boot: BootId,
    booted: Timestamp,
    wall: Arc<Mutex<Timestamp>>,
}

impl HandClock {
    /// A clock that shows `now`, on a machine that booted at `booted`.
    #[must_use]
    pub fn new(now: Timestamp, booted: Timestamp) -> Self {
        HandClock { boot: BootId(booted.as_millis() as u32), booted, wall: Arc::new(Mutex::new(now)) }
    }

    /// Moves the hand on.
    pub fn advance(&self, by: Duration) {
        let mut hand = self.hand();
        *hand = *hand + by;
    }

    // A lock, as 32-bit MIPS has no atomic numbers of 64 bits.
    fn hand(&self) -> MutexGuard<'_, Timestamp> {
        self.wall.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.hand()
    }

    fn stamp(&self) -> Stamp {
        Stamp { boot: self.boot, mono_ms: millis(self.since_boot()).cast_unsigned(), wall: self.now() }
    }

    fn since_boot(&self) -> Duration {
        self.now().since(self.booted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_any_offset_and_written_in_utc_to_the_millisecond() {
        for (text, shown) in [
            ("2026-11-01T00:00:05Z", "2026-11-01T00:00:05.000Z"),
            ("2026-11-01T07:00:05.2509+07:00", "2026-11-01T00:00:05.250Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), shown);
        }
        assert!("kemarin".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_ends_of_time_can_be_written_and_arithmetic_stops_there() {
        for end in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(end.to_string().parse::<Timestamp>().unwrap(), end);
        }
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::MIN - Duration::MAX, Timestamp::MIN);
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
    }

    #[test]
    fn the_machine_says_when_it_is_and_how_long_it_has_run() {
        let clock = SystemClock::new();
        let (first, second) = (clock.stamp(), clock.stamp());
        assert!(first.boot == second.boot && first.mono_ms <= second.mono_ms);
        assert!(clock.now() > "2026-01-01T00:00:00Z".parse().unwrap());
        let (first, second) = (SystemClock::moment(), SystemClock::moment());
        assert!(first.since_boot <= second.since_boot);
        assert_eq!(first.wall_ns / 1_000_000_000_000, clock.now().as_millis() / 1_000_000);
    }
}
