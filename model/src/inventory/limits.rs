//! How large an inventory may grow. At a limit the file is refused with a fault that names it: nothing is cut off
//! silently. The largest network thought of, every village of Indonesia, has 83,762 sites and takes about 15 MB.

use std::{ops::RangeInclusive, time::Duration};

/// Bytes of the file.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// Sites in a network.
pub const MAX_SITES: usize = 200_000;
/// Targets at a site.
pub const MAX_TARGETS: usize = 4_096;
/// Links of a target.
pub const MAX_LINKS: usize = 1_024;
/// Upstreams of a site, and who may observe it.
pub const MAX_UPSTREAMS: usize = 64;
/// References of the core.
pub const MAX_REFERENCES: usize = 64;
/// Maintenance windows in a file.
pub const MAX_WINDOWS: usize = 100_000;
/// Contracts in a file.
pub const MAX_CONTRACTS: usize = 4_096;
/// Causes that a contract does not count; there are three.
pub const MAX_CAUSES: usize = 3;
/// Texts in the list of a site's service hours.
pub const MAX_SERVICE_HOURS: usize = 64;
/// SNMP credentials in a file.
pub const MAX_CREDENTIALS: usize = 4_096;
/// Characters in a name, a provider, a reason, an interface.
pub const MAX_TEXT: usize = 200;
/// Faults that are kept of one file; further ones are counted in [`Faults::left_out`](super::Faults::left_out).
pub const MAX_FAULTS: usize = 10_000;
/// Faults of one file that get a "did you mean": looking for one compares with every name.
pub const MAX_SUGGESTIONS: usize = 100;

/// How often a site may be probed, and an agent deliver.
pub const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
/// How long an echo reply may be waited for.
pub const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
/// The median RTT from which a round may be called poor.
pub const RTT_WARN: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
/// Echo requests in a round.
pub const PROBES: RangeInclusive<u64> = 1..=100;
/// Room that an interval must have for each echo request of a round: agents send them this far apart.
pub const PROBE_SPACING: Duration = Duration::from_millis(30);
/// Rounds in a row that confirm a state.
pub const STREAK: RangeInclusive<u64> = 1..=100;
/// kB of a backlog in a minute. The least takes a spool of 2 MB along in a day and a half.
pub const BACKLOG_KB: RangeInclusive<u64> = 1..=100_000;
/// People whom a site may serve.
pub const POPULATION: RangeInclusive<u64> = 0..=1_000_000_000;
/// The length up to which a contract may leave outages out.
pub const MIN_OUTAGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(31 * 86_400);
/// What a provider may give back for each percent that is missed, in percent of the month's price.
pub const RESTITUTION: RangeInclusive<f64> = 0.0..=100.0;
