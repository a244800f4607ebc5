//! Which incidents are new, have changed, are over or never were, and what of it the feed tells.
//!
//! An incident keeps its number for good: it is known again by its root and its beginning, or, when late observations
//! have moved the beginning, by what both have in common.

use std::collections::{BTreeMap, BTreeSet};

use kentongan_model::{
    event::{EventKind, IncidentRecord, SiteRef},
    id::SiteId,
    inventory::Site,
    time::Timestamp,
};
use kentongan_timeline::{GROUP_WAIT_MS, Incident, Judgement};

use super::{Changes, Kept, Ledger, Telling, named};

pub(super) fn compare(
    ledger: &Ledger,
    judgement: &Judgement,
    sites: &BTreeMap<&SiteId, &Site>,
    changes: &mut Changes,
) {
    let now = judgement.until;
    let mut next = ledger.next_incident;
    let known = pair(ledger, judgement);
    for (incident, known) in judgement.incidents.iter().zip(&known) {
        let Some(root) = named(sites, &incident.root) else { continue };
        let affected = incident.affected.iter().filter_map(|id| named(sites, id)).collect();
        let before = known.and_then(|id| ledger.incidents.get(&id));
        let id = before.map_or_else(
            || {
                next += 1;
                next - 1
            },
            |kept| kept.record.id,
        );
        let kept = update(id, before, incident, root, affected, judgement, &mut changes.events);
        if before != Some(&kept) {
            changes.incidents.push(kept);
        }
    }
    let paired: BTreeSet<i64> = known.iter().flatten().copied().collect();
    let gone = |kept: &&Kept| !paired.contains(&kept.record.id) && kept.record.started_at >= judgement.from;
    for kept in ledger.incidents.values().filter(gone) {
        withdraw(kept, now, changes);
    }
}

/// For each judged incident the number under which it is known.
fn pair(ledger: &Ledger, judgement: &Judgement) -> Vec<Option<i64>> {
    let mut free: BTreeMap<&str, Vec<&IncidentRecord>> = BTreeMap::new();
    for kept in ledger.incidents.values().filter(|kept| !is_withdrawn(kept)) {
        free.entry(&kept.record.root.id).or_default().push(&kept.record);
    }
    let mut known = vec![None; judgement.incidents.len()];
    let mut claim = |known: &mut Option<i64>, incident: &Incident, fits: &dyn Fn(&IncidentRecord) -> bool| {
        if known.is_none()
            && let Some(records) = free.get_mut(incident.root.as_str())
            && let Some(k) = records.iter().position(|record| fits(record))
        {
            *known = Some(records.remove(k).id);
        }
    };
    for (known, incident) in known.iter_mut().zip(&judgement.incidents) {
        claim(known, incident, &|record| record.started_at == incident.started_at);
    }
    for (known, incident) in known.iter_mut().zip(&judgement.incidents) {
        let end = |ended: Option<Timestamp>| ended.unwrap_or(Timestamp::MAX);
        claim(known, incident, &|record| {
            record.started_at <= end(incident.ended_at) && incident.started_at <= end(record.ended_at)
        });
    }
    known
}

/// The incident as it is known now, and what the feed has to tell of it.
fn update(
    id: i64,
    before: Option<&Kept>,
    incident: &Incident,
    root: SiteRef,
    affected: Vec<SiteRef>,
    judgement: &Judgement,
    events: &mut Vec<EventKind>,
) -> Kept {
    let now = judgement.until;
    // Where the judgement begins, an incident that began before seems to begin there.
    let begun = before.map(|kept| kept.record.started_at).filter(|at| *at < judgement.from);
    let begun = begun.filter(|_| incident.started_at <= judgement.from);
    let mut record = IncidentRecord {
        id,
        root,
        started_at: begun.unwrap_or(incident.started_at),
        confirmed_at: incident.confirmed_at,
        ended_at: incident.ended_at,
        affected,
        cause: incident.cause,
        maintenance: incident.maintenance,
        off_hours: false,
        flapping: false,
        revision: before.map_or(1, |kept| kept.record.revision),
        revised_at: before.and_then(|kept| kept.record.revised_at),
        amendments: before.map_or_else(Vec::new, |kept| kept.record.amendments.clone()),
    };
    let mut telling = before.map_or(Telling::NotYet, |kept| kept.telling);
    if telling == Telling::NotYet && is_ripe(incident, now) {
        telling = Telling::Opened;
        events.push(EventKind::IncidentOpened { incident: record.clone() });
    } else if let Some(before) = before.filter(|_| telling != Telling::NotYet) {
        let resolves = telling == Telling::Opened && record.ended_at.is_some();
        if amended(&before.record, &record, resolves) {
            record.revision += 1;
            record.revised_at = Some(now);
            if !resolves {
                events.push(EventKind::IncidentAmended { incident: record.clone() });
            }
        }
    }
    if telling == Telling::Opened && record.ended_at.is_some() {
        telling = Telling::Resolved;
        events.push(EventKind::IncidentResolved { incident: record.clone() });
    }
    Kept { record, evidence: incident.evidence.clone(), telling }
}

/// Whether the feed tells of an incident now: something above the root is known to be connected, and all sites that it
/// takes down can be named; or both were waited for long enough.
fn is_ripe(incident: &Incident, now: Timestamp) -> bool {
    let waited = now.millis_since(incident.confirmed_at) >= GROUP_WAIT_MS;
    let may = incident.told_at.is_some_and(|told_at| told_at <= now);
    may && (incident.settled || waited) && !incident.maintenance
}

/// Whether something has changed that was told. The end that is told now is no amendment, and neither is the cause
/// that only the end can show.
fn amended(before: &IncidentRecord, now: &IncidentRecord, resolves: bool) -> bool {
    let ids =
        |record: &IncidentRecord| record.affected.iter().map(|site| site.id.clone()).collect::<Vec<_>>();
    before.started_at != now.started_at
        || ids(before) != ids(now)
        || before.maintenance != now.maintenance
        || (!resolves && (before.cause != now.cause || before.ended_at != now.ended_at))
}

/// Late observations show that the site was not down at all. Who was told of it is told that it is over; it stays in
/// the books with no length and nobody affected.
fn withdraw(kept: &Kept, now: Timestamp, changes: &mut Changes) {
    if kept.telling == Telling::NotYet {
        changes.withdrawn.push(kept.record.id);
        return;
    }
    if is_withdrawn(kept) {
        return;
    }
    let mut kept = kept.clone();
    kept.record.ended_at = Some(kept.record.started_at);
    kept.record.affected.clear();
    kept.record.revision += 1;
    kept.record.revised_at = Some(now);
    changes.events.push(match kept.telling {
        Telling::Opened => EventKind::IncidentResolved { incident: kept.record.clone() },
        _ => EventKind::IncidentAmended { incident: kept.record.clone() },
    });
    kept.telling = Telling::Resolved;
    changes.incidents.push(kept);
}

fn is_withdrawn(kept: &Kept) -> bool {
    kept.record.ended_at == Some(kept.record.started_at)
}

#[cfg(test)]
mod tests {
    use kentongan_model::{inventory::Network, state::Cause};
    use kentongan_timeline::CauseEvidence;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + second * 1000)
    }

    fn network() -> Network {
        let site =
            |id: &str| format!("[[site]]\nid = '{id}'\nname = '{id}'\nkind = 'desa'\naddress = '10.0.0.1'\n");
        Network::parse(&format!("[network]\nname = 'n'\n{}{}", site("a"), site("b").replace("0.1'", "0.2'")))
            .unwrap()
    }

    fn incident(started: i64, told: Option<i64>, ended: Option<i64>) -> Incident {
        Incident {
            root: "a".parse().unwrap(),
            started_at: at(started),
            confirmed_at: at(started + 20),
            told_at: told.map(at),
            settled: true,
            ended_at: ended.map(at),
            affected: Vec::new(),
            cause: Cause::Undetermined,
            evidence: CauseEvidence::default(),
            maintenance: false,
        }
    }

    /// Judges one after the other; gives what the feed tells each time, as words.
    fn tell(judgements: &[(i64, Vec<Incident>)]) -> Vec<Vec<String>> {
        let (network, mut ledger) = (network(), Ledger { next_incident: 1, ..Ledger::default() });
        let mut told = Vec::new();
        for (now, incidents) in judgements {
            let judgement = Judgement {
                from: at(0),
                until: at(*now),
                incidents: incidents.clone(),
                ..Judgement::default()
            };
            let changes = ledger.compare(&judgement, &network);
            ledger.written(&judgement, &changes);
            assert!(ledger.compare(&judgement, &network).is_empty(), "the same again is something new");
            let word = |event: &EventKind| match event {
                EventKind::SiteState { .. } => "state".to_owned(),
                EventKind::SiteFlapping { .. } => "flapping".to_owned(),
                EventKind::SiteSteady { .. } => "steady".to_owned(),
                EventKind::IncidentOpened { incident } => format!("opened {}", incident.id),
                EventKind::IncidentAmended { incident } => {
                    format!("amended {} r{}", incident.id, incident.revision)
                }
                EventKind::IncidentResolved { incident } => {
                    format!("resolved {} r{}", incident.id, incident.revision)
                }
            };
            told.push(changes.events.iter().map(word).collect());
        }
        told
    }

    #[test]
    fn an_incident_is_told_when_it_is_ripe_and_once_it_is_over() {
        let told = tell(&[
            (125, vec![incident(100, None, None)]),
            (130, vec![incident(100, Some(128), None)]),
            (140, vec![incident(100, Some(128), None)]),
            (200, vec![incident(100, Some(128), Some(190))]),
            (300, vec![incident(100, Some(128), Some(190))]),
        ]);
        assert_eq!(told, [vec![], vec!["opened 1"], vec![], vec!["resolved 1 r1"], vec![]]);
    }

    #[test]
    fn a_message_waits_until_it_can_name_all_sites_but_ten_seconds_at_most() {
        let wavering = Incident { settled: false, ..incident(100, Some(120), None) };
        let told = tell(&[
            (121, vec![wavering.clone()]),
            (129, vec![wavering.clone()]),
            (130, vec![wavering.clone()]),
            (131, vec![wavering]),
        ]);
        assert_eq!(told, [vec![], vec![], vec!["opened 1"], vec![]]);
    }

    #[test]
    fn sites_that_join_later_and_a_cause_found_later_amend_it() {
        let wider =
            |ended| Incident { affected: vec!["b".parse().unwrap()], ..incident(100, Some(120), ended) };
        let told = tell(&[
            (120, vec![incident(100, Some(120), None)]),
            (125, vec![wider(None)]),
            (200, vec![Incident { cause: Cause::Link, ..wider(Some(190)) }]),
            (230, vec![Incident { cause: Cause::Power, ..wider(Some(190)) }]),
        ]);
        assert_eq!(
            told,
            [vec!["opened 1"], vec!["amended 1 r2"], vec!["resolved 1 r2"], vec!["amended 1 r3"]]
        );
    }

    #[test]
    fn a_beginning_that_moves_keeps_the_number() {
        let told = tell(&[
            (120, vec![incident(100, Some(120), None)]),
            (130, vec![incident(95, Some(115), None)]),
            (140, vec![incident(30, Some(60), Some(50)), incident(95, Some(115), None)]),
        ]);
        assert_eq!(told[1], ["amended 1 r2"]);
        assert_eq!(told[2], ["opened 2", "resolved 2 r1"], "an older one that is found later is another");
    }

    #[test]
    fn what_lies_under_maintenance_is_not_told_until_it_outlasts_it() {
        let under = Incident { maintenance: true, ..incident(100, Some(120), None) };
        let told = tell(&[(120, vec![under]), (300, vec![incident(100, Some(120), None)])]);
        assert_eq!(told, [vec![], vec!["opened 1"]]);
    }

    #[test]
    fn what_never_was_is_taken_back_and_told_only_to_who_was_told() {
        let told = tell(&[(110, vec![incident(100, None, None)]), (115, vec![])]);
        assert_eq!(told, [vec![] as Vec<String>, vec![]]);
        let told = tell(&[(120, vec![incident(100, Some(120), None)]), (125, vec![]), (130, vec![])]);
        assert_eq!(told, [vec!["opened 1"], vec!["resolved 1 r2"], vec![]]);
    }

    #[test]
    fn where_the_judgement_begins_nothing_begins_that_began_before() {
        let network = network();
        let mut ledger = Ledger { next_incident: 1, ..Ledger::default() };
        let first = Judgement {
            from: at(0),
            until: at(120),
            incidents: vec![incident(100, Some(120), None)],
            ..Judgement::default()
        };
        let changes = ledger.compare(&first, &network);
        ledger.written(&first, &changes);
        let later = Judgement {
            from: at(500),
            until: at(900),
            incidents: vec![incident(500, Some(500), None)],
            ..Judgement::default()
        };
        let changes = ledger.compare(&later, &network);
        assert!(changes.events.is_empty(), "{changes:?}");
        let emptied = Judgement { incidents: vec![], ..later };
        assert!(ledger.compare(&emptied, &network).events.is_empty(), "it began before the judgement does");
    }
}
