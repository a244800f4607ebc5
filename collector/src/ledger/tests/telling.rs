//! When an incident is told, and that nothing is told of it twice.

use super::*;

/// Judges one after the other; gives what the feed tells each time, as words.
fn tell(judgements: &[(i64, Vec<Incident>)]) -> Vec<Vec<String>> {
    let (network, mut ledger) = (network(), Ledger { next_incident: 1, ..Ledger::default() });
    let mut told = Vec::new();
    for (now, incidents) in judgements {
        let judgement =
            Judgement { from: at(0), until: at(*now), incidents: incidents.clone(), ..Judgement::default() };
        let changes = ledger.compare(&judgement, &network, &Reasons::default());
        ledger.written(&judgement, &changes);
        assert!(
            ledger.compare(&judgement, &network, &Reasons::default()).is_empty(),
            "the same again is something new"
        );
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
    let wider = |ended| Incident { affected: vec!["b".parse().unwrap()], ..incident(100, Some(120), ended) };
    let told = tell(&[
        (120, vec![incident(100, Some(120), None)]),
        (125, vec![wider(None)]),
        (200, vec![Incident { cause: Cause::Link, ..wider(Some(190)) }]),
        (230, vec![Incident { cause: Cause::Power, ..wider(Some(190)) }]),
    ]);
    assert_eq!(told, [vec!["opened 1"], vec!["amended 1 r2"], vec!["resolved 1 r2"], vec!["amended 1 r3"]]);
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
    let changes = ledger.compare(&first, &network, &Reasons::default());
    ledger.written(&first, &changes);
    let later = Judgement {
        from: at(500),
        until: at(900),
        incidents: vec![incident(500, Some(500), None)],
        ..Judgement::default()
    };
    let changes = ledger.compare(&later, &network, &Reasons::default());
    assert!(changes.events.is_empty(), "{changes:?}");
    let emptied = Judgement { incidents: vec![], ..later };
    assert!(
        ledger.compare(&emptied, &network, &Reasons::default()).events.is_empty(),
        "it began before the judgement does"
    );
}
