//! Why a site was down, as far as evidence tells.
//!
//! The last step of an incident. Rules guarded here: only what was observed after the outage speaks of boots, `power`
//! goes before `link`, and a dark port is shown but decides nothing (a router without power darkens it too).

use std::collections::BTreeMap;

use kentongan_model::{id::SiteId, state::Cause, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::span::{Span, plus};

/// Boot times that are held of one site, live. What is computed from sysUpTime jitters, so there can be many; at the
/// limit the two that are closest to each other become one (the earlier goes), which is counted.
const MAX_BOOTS: usize = 256;

/// What was observed of the boots of one site's gateway and agent: boot time, and when it was last told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Boots {
    told: BTreeMap<Timestamp, Timestamp>,
    /// How many boot times were given up at the limit.
    merged: u64,
}

impl Boots {
    /// Notes that at `seen_at` the boot time was said to be `boot_at`. Returns when that was last said before.
    pub(crate) fn note(&mut self, boot_at: Timestamp, seen_at: Timestamp) -> Option<Timestamp> {
        let before = self.told.get(&boot_at).copied();
        self.told.insert(boot_at, before.map_or(seen_at, |before| before.max(seen_at)));
        before
    }

    /// Forgets boots that were last told before `cut`.
    pub(crate) fn forget(&mut self, cut: Timestamp) {
        self.told.retain(|_, seen| *seen >= cut);
    }

    /// The latest boot in [from, to) that was told at `after` or later.
    fn latest(&self, boots: Span, after: Timestamp) -> Option<Timestamp> {
        if boots.is_empty() {
            return None;
        }
        let mut within = self.told.range(boots.from..boots.to).rev();
        within.find(|(_, seen)| **seen >= after).map(|(boot, _)| *boot)
    }

    /// Keeps no more than [`MAX_BOOTS`]: for who goes on for months.
    pub(crate) fn trim(&mut self) {
        while self.told.len() > MAX_BOOTS {
            self.merge();
        }
    }

    fn merge(&mut self) {
        let pairs = self.told.keys().zip(self.told.keys().skip(1));
        let Some((early, late)) = pairs.min_by_key(|(early, late)| late.millis_since(**early)) else {
            return;
        };
        let (early, late) = (*early, *late);
        let seen = self.told.remove(&early);
        if let (Some(seen), Some(kept)) = (seen, self.told.get_mut(&late)) {
            *kept = seen.max(*kept);
        }
        self.merged += 1;
    }
}

/// What a cause rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CauseEvidence {
    /// The boot that was told after the outage: in it, or (for a link) before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booted_at: Option<Timestamp>,
    /// A round that the site's own agent measured during the outage: it had power.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Timestamp>,
    /// A port towards the site that was dark during the outage. It decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dark_port: Option<DarkPort>,
}

/// A port of another site towards the one that was down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DarkPort {
    /// Whose port.
    pub site: SiteId,
    /// Its ifName or ifAlias, as the inventory has it.
    pub interface: String,
    /// Since when it was dark.
    pub since: Timestamp,
}

/// The cause of an outage [`started`, `ended`); while it lasts `ended` is none and boots tell nothing. `measured` is a
/// round of the site's own agent inside the outage.
pub(crate) fn cause(
    boots: &Boots,
    measured: Option<Timestamp>,
    started: Timestamp,
    ended: Option<Timestamp>,
    correlate_ms: i64,
) -> (Cause, CauseEvidence) {
    let blink = plus(started, -correlate_ms);
    let inside = ended.and_then(|ended| boots.latest(Span::new(blink, ended), ended));
    let before = ended.and_then(|ended| boots.latest(Span::new(Timestamp::MIN, blink), ended));
    let cause = match (inside, before.or(measured)) {
        (Some(_), _) => Cause::Power,
        (None, Some(_)) => Cause::Link,
        (None, None) => Cause::Undetermined,
    };
    (cause, CauseEvidence { booted_at: inside.or(before), measured_at: measured, dark_port: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::tests::at;

    #[test]
    fn a_boot_in_the_outage_is_power_and_power_all_the_while_is_a_link() {
        // boots as (booted, told), a round of its own agent, the outage, the cause; correlate is 60 s
        let table = [
            (vec![(150, 260)], None, Some(200), Cause::Power),
            (vec![(40, 260)], None, Some(200), Cause::Power),
            (vec![(39, 260)], None, Some(200), Cause::Link),
            (vec![(150, 199)], None, Some(200), Cause::Undetermined),
            (vec![(200, 260)], None, Some(200), Cause::Undetermined),
            (vec![(150, 260)], Some(170), Some(200), Cause::Power),
            (vec![], Some(170), Some(200), Cause::Link),
            (vec![], Some(170), None, Cause::Link),
            (vec![(150, 160)], None, None, Cause::Undetermined),
            (vec![(10, 260), (150, 260)], None, Some(200), Cause::Power),
        ];
        for (seen, measured, ended, expected) in table {
            let mut boots = Boots::default();
            for (boot, told) in seen.iter().copied() {
                boots.note(at(boot), at(told));
            }
            let (found, _) = cause(&boots, measured.map(at), at(100), ended.map(at), 60_000);
            assert_eq!(found, expected, "{seen:?} {measured:?} {ended:?}");
        }
    }

    #[test]
    fn boot_times_that_jitter_do_not_pile_up() {
        let mut boots = Boots::default();
        boots.note(at(0), at(1));
        for k in 0..10_000 {
            boots.note(Timestamp::from_millis(9_000_000 + k * 37 % 1009), at(9_000 + k));
            boots.trim();
        }
        assert!(boots.told.len() <= MAX_BOOTS && boots.merged > 0);
        assert_eq!(boots.latest(Span::new(Timestamp::MIN, at(5)), at(1)), Some(at(0)), "a real boot stays");
        assert!(
            boots.latest(Span::new(at(9_000), at(9_002)), at(18_999)).is_some(),
            "and so does when it was last told"
        );
    }
}
