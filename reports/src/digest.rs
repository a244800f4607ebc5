//! The digest of the figures: SHA-256 over every figure of a report in one compact form, which `docs/reports.md` defines.
//!
//! Not over its JSON: writing every moment as text would take longer than computing the month. The rule guarded here:
//! every field is named, so that one that is added and not digested does not compile.

use kentongan_model::{
    id::SiteId,
    state::{Cause, Kind},
    time::Timestamp,
};
use kentongan_timeline::Span;
use sha2::{Digest, Sha256};

use crate::{
    month::Month,
    report::{
        CauseSplit, ContractResult, Day, Excluded, Figures, GroupReport, LeftOut, Outage, Report,
        SiteContract, SiteReport,
    },
};

/// Bytes that are gathered before they are hashed.
const GATHERED: usize = 1 << 16;

/// SHA-256 over all of a report but its seal, in hexadecimal digits.
pub(crate) fn digest(report: &Report) -> String {
    let mut bytes = Bytes { gathered: Vec::with_capacity(2 * GATHERED), hash: Sha256::new() };
    let Report {
        seal: _,
        network,
        operator,
        month,
        timezone,
        period,
        as_of,
        by,
        summary,
        groups,
        worst,
        sites,
        contracts,
    } = report;
    (network, operator, month, timezone).enter(&mut bytes);
    (period, as_of, by, summary).enter(&mut bytes);
    (groups, worst, sites, contracts).enter(&mut bytes);
    bytes.hash.update(&bytes.gathered);
    hex::encode(bytes.hash.finalize())
}

/// What is hashed.
struct Bytes {
    gathered: Vec<u8>,
    hash: Sha256,
}

impl Bytes {
    fn add(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED {
            self.hash.update(&self.gathered);
            self.gathered.clear();
        }
    }
}

/// What has a compact form.
trait Entered {
    fn enter(&self, bytes: &mut Bytes);
}

impl<T: Entered + ?Sized> Entered for &T {
    fn enter(&self, bytes: &mut Bytes) {
        (**self).enter(bytes);
    }
}

/// Whole numbers and fractions: eight bytes, the least significant first.
macro_rules! numbers {
    ($($number:ty => $wide:ty),*) => {$(
        impl Entered for $number {
            fn enter(&self, bytes: &mut Bytes) {
                bytes.add(&<$wide>::from(*self).to_le_bytes());
            }
        }
    )*};
}
numbers!(i64 => i64, u32 => i64, i16 => i64, i8 => i64, bool => i64, f64 => f64);

impl Entered for usize {
    fn enter(&self, bytes: &mut Bytes) {
        bytes.add(&(*self as u64).to_le_bytes());
    }
}

impl Entered for Timestamp {
    fn enter(&self, bytes: &mut Bytes) {
        self.as_millis().enter(bytes);
    }
}

/// Texts: their length, then UTF-8.
impl Entered for str {
    fn enter(&self, bytes: &mut Bytes) {
        self.len().enter(bytes);
        bytes.add(self.as_bytes());
    }
}

impl Entered for String {
    fn enter(&self, bytes: &mut Bytes) {
        self.as_str().enter(bytes);
    }
}

/// What has a word is that word.
macro_rules! words {
    ($($named:ty: $word:expr;)*) => {$(
        impl Entered for $named {
            fn enter(&self, bytes: &mut Bytes) {
                let word: fn(&$named) -> &str = $word;
                word(self).enter(bytes);
            }
        }
    )*};
}
words! {
    SiteId: SiteId::as_str;
    Kind: |kind| kind.as_str();
    Cause: |cause| match cause {
        Cause::Power => "power",
        Cause::Link => "link",
        Cause::Undetermined => "undetermined",
    };
    LeftOut: |why| match why {
        LeftOut::Maintenance => "maintenance",
        LeftOut::OffHours => "off_hours",
        LeftOut::Short => "short",
        LeftOut::Cause => "cause",
        LeftOut::Elsewhere => "elsewhere",
    };
}

/// What may be missing: whether it is there, then it.
impl<T: Entered> Entered for Option<T> {
    fn enter(&self, bytes: &mut Bytes) {
        self.is_some().enter(bytes);
        if let Some(there) = self {
            there.enter(bytes);
        }
    }
}

/// Lists: how many, then each.
impl<T: Entered> Entered for Vec<T> {
    fn enter(&self, bytes: &mut Bytes) {
        self.len().enter(bytes);
        self.iter().for_each(|one| one.enter(bytes));
    }
}

impl<A: Entered, B: Entered, C: Entered, D: Entered> Entered for (A, B, C, D) {
    fn enter(&self, bytes: &mut Bytes) {
        self.0.enter(bytes);
        self.1.enter(bytes);
        self.2.enter(bytes);
        self.3.enter(bytes);
    }
}

/// Objects: their fields in order, which is that of the JSON.
macro_rules! objects {
    ($($object:ident { $($field:ident),* })*) => {$(
        impl Entered for $object {
            fn enter(&self, bytes: &mut Bytes) {
                let $object { $($field),* } = self;
                $($field.enter(bytes);)*
            }
        }
    )*};
}
objects! {
    Month { year, month }
    Span { from, to }
    CauseSplit { power_s, link_s, undetermined_s }
    Figures {
        up_s, down_s, unreachable_s, unknown_s, maintenance_s, uptime_pct, own_uptime_pct, observed_pct, outages, mttr_s,
        mtbf_s, longest_s, causes, enough
    }
    GroupReport {
        key, name, sites, sites_enough, sites_met, figures, median_uptime_pct, population_uptime_pct, worst_site
    }
    SiteReport {
        id, name, kind, kecamatan, provider, period, service_hours, figures, sla, sla_met, days, outages, contract
    }
    Day { up_ms, degraded_ms, down_ms, unreachable_ms, unknown_ms, maintenance_ms }
    Outage { span, whole, counted_s, roots, cause }
    SiteContract { uptime_pct, outages, outage_s, met, left_out }
    Excluded { outage, why, left_out_s }
}

impl Entered for ContractResult {
    fn enter(&self, bytes: &mut Bytes) {
        let ContractResult {
            provider,
            target,
            min_outage_s,
            not_counted,
            restitution,
            sites,
            sites_missed,
            uptime_pct,
            lived_uptime_pct,
            met,
            restitution_pct,
            left_out,
        } = self;
        (provider, target, min_outage_s, not_counted).enter(bytes);
        (restitution, sites, sites_missed, uptime_pct).enter(bytes);
        (lived_uptime_pct, met, restitution_pct, left_out.len()).enter(bytes);
        for (why, (outages, seconds)) in left_out {
            why.enter(bytes);
            outages.enter(bytes);
            seconds.enter(bytes);
        }
    }
}
