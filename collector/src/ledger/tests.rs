//! What the feed tells and the books say, judgement after judgement, in any order in which the past becomes known.

use std::collections::HashMap;

use kentongan_model::{
    event::{Change, Reason},
    inventory::MaintenanceWindow,
    observation::Round,
    state::Cause,
};
use kentongan_timeline::{Incident, Interval, SiteJudgement};
use proptest::prelude::*;

use super::*;
use crate::unfold::Unfolded;

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

/// The books of a small network, judged again and again.
struct Books {
    network: Network,
    ledger: Ledger,
}

impl Books {
    fn of(inventory: &str) -> Self {
        let network = Network::parse(inventory).unwrap();
        Books { network, ledger: Ledger { next_incident: 1, ..Ledger::default() } }
    }

    /// Judges; gives what the feed tells.
    fn judge(&mut self, now: Timestamp, incidents: Vec<Incident>, reasons: &Reasons) -> Vec<EventKind> {
        self.judge_all(now, Vec::new(), incidents, reasons)
    }

    fn judge_all(
        &mut self,
        now: Timestamp,
        sites: Vec<SiteJudgement>,
        incidents: Vec<Incident>,
        reasons: &Reasons,
    ) -> Vec<EventKind> {
        let judgement = Judgement { from: at(0), until: now, sites, incidents };
        let changes = self.ledger.compare(&judgement, &self.network, reasons);
        self.ledger.written(&judgement, &changes);
        let again = self.ledger.compare(&judgement, &self.network, reasons);
        assert!(again.is_empty(), "the same again is something new: {again:?}");
        changes.events
    }

    fn record(&self, id: i64) -> &IncidentRecord {
        &self.ledger.incidents[&id].record
    }
}

/// What the feed tells, as words.
fn words(events: &[EventKind]) -> Vec<String> {
    let word = |event: &EventKind| match event {
        EventKind::SiteState { .. } => None,
        EventKind::IncidentOpened { incident } => Some(format!("opened {}", incident.id)),
        EventKind::IncidentAmended { incident } => Some(format!("amended {}", incident.id)),
        EventKind::IncidentResolved { incident } => Some(format!("resolved {}", incident.id)),
        EventKind::SiteFlapping { site, changes, .. } => Some(format!("{} flaps {changes}", site.id)),
        EventKind::SiteSteady { site, state, changes, incident, .. } => {
            let incident = incident.as_ref().map_or_else(String::new, |open| format!(" {}", open.id));
            Some(format!("{} steady {state} {changes}{incident}", site.id))
        }
    };
    events.iter().filter_map(word).collect()
}

const DISTRICT: &str = r#"
[network]
name = "n"
[[site]]
id = "kec"
name = "Kecamatan"
kind = "kecamatan"
address = "10.0.0.1"
agent = true
[[site]]
id = "a"
name = "a"
kind = "desa"
upstream = ["kec"]
address = "10.0.0.2"
agent = true
[[site]]
id = "b"
name = "b"
kind = "desa"
upstream = ["a"]
address = "10.0.0.3"
[[site]]
id = "far"
name = "far"
kind = "desa"
upstream = ["kec"]
address = "10.0.0.4"
agent = true
"#;

/// A delivery of that agent with rounds of these moments, received at `received`.
fn delivered(reasons: &mut Reasons, network: &Network, agent: &str, measured: [i64; 2], received: i64) {
    let round = |second| Round {
        at: at(second),
        vantage: agent.parse().unwrap(),
        target: "a/gateway".parse().unwrap(),
        sent: 5,
        rtts_us: Vec::new(),
    };
    let unfolded = Unfolded {
        heartbeat: None,
        rounds: measured.map(round).into(),
        answers: Vec::new(),
        readings: Vec::new(),
        untrusted_rounds: 0,
    };
    reasons.delivered(at(received), &unfolded, network);
}

#[test]
fn late_data_amend_with_whose_they_were_and_how_late_they_came() {
    let mut books = Books::of(DISTRICT);
    let none = Reasons::default();
    books.judge(at(130), vec![incident(100, Some(120), None)], &none);
    let mut reasons = Reasons::default();
    delivered(&mut reasons, &books.network, "a", [90, 150], 700);
    delivered(&mut reasons, &books.network, "far", [90, 150], 800);
    delivered(&mut reasons, &books.network, "kec", [10_000, 10_010], 10_020);
    let ended = Incident { cause: Cause::Link, ..incident(95, Some(115), Some(600)) };
    let told = books.judge(at(700), vec![ended], &reasons);
    assert_eq!(words(&told), ["resolved 1"], "the end says it all");
    let record = books.record(1);
    assert_eq!((record.revision, record.revised_at), (2, Some(at(700))));
    assert_eq!(
        record.amendments[0].changes,
        [
            Change::Beginning { was: at(100), now: at(95) },
            Change::End { was: None, now: Some(at(600)) },
            Change::Cause { was: Cause::Undetermined, now: Cause::Link },
        ]
    );
    // A neighbour can tell nothing of it, and what came in time is no reason.
    let late = Reason::LateData { agent: "a".to_owned(), from: at(90), to: at(150), late_s: 550 };
    assert_eq!(record.amendments[0].reasons, [late]);
}

#[test]
fn a_boot_time_that_becomes_known_is_why_the_cause_is_another() {
    let mut books = Books::of(DISTRICT);
    let none = Reasons::default();
    books.judge(at(120), vec![incident(100, Some(120), None)], &none);
    books.judge(at(200), vec![incident(100, Some(120), Some(190))], &none);
    assert_eq!(books.record(1).revision, 1, "its end is the course of things");
    let evidence = CauseEvidence { booted_at: Some(at(150)), ..CauseEvidence::default() };
    let power = Incident { cause: Cause::Power, evidence, ..incident(100, Some(120), Some(190)) };
    assert_eq!(words(&books.judge(at(230), vec![power], &none)), ["amended 1"]);
    assert_eq!(books.record(1).amendments[0].reasons, [Reason::Booted { at: at(150) }]);
}

#[test]
fn a_window_added_afterwards_amends_what_it_covers_and_says_so() {
    let mut books = Books::of(DISTRICT);
    books.judge(at(200), vec![incident(100, Some(120), Some(190))], &Reasons::default());
    let mut edited = books.network.clone();
    let window = |site: &str, from, to| MaintenanceWindow {
        site: site.parse().unwrap(),
        from: at(from),
        to: at(to),
        reason: None,
        added_at: None,
    };
    edited.maintenance.extend([window("kec", 50, 300), window("kec", 5000, 6000), window("far", 50, 300)]);
    let mut reasons = Reasons::default();
    reasons.inventory(&books.network, &edited, false);
    let covered = Incident { maintenance: true, ..incident(100, Some(120), Some(190)) };
    assert_eq!(words(&books.judge(at(210), vec![covered], &reasons)), ["amended 1"]);
    let amendment = &books.record(1).amendments[0];
    assert_eq!(amendment.changes, [Change::Maintenance { now: true }]);
    let told = Reason::Window { site: "kec".to_owned(), from: at(50), to: at(300), removed: false };
    assert_eq!(amendment.reasons, [told]);
}

#[test]
fn what_nobody_was_told_of_has_its_revisions_too_from_when_its_record_is_whole() {
    let mut books = Books::of(DISTRICT);
    let under = |started, ended| Incident { maintenance: true, ..incident(started, Some(120), ended) };
    let none = Reasons::default();
    books.judge(at(110), vec![under(100, None)], &none);
    books.judge(at(115), vec![under(99, None)], &none);
    assert_eq!(books.record(1).revision, 1, "it is still being written");
    books.judge(at(131), vec![under(99, None)], &none);
    let silent = books.judge(at(140), vec![under(97, None)], &none);
    assert_eq!((words(&silent).len(), books.record(1).revision), (0, 2));
    let told = books.judge(at(300), vec![incident(97, Some(120), None)], &none);
    assert_eq!(words(&told), ["opened 1"]);
    assert_eq!(books.record(1).amendments[1].changes, [Change::Maintenance { now: false }]);
    assert_eq!(books.record(1).amendments[1].reasons, [Reason::Time]);
}

#[test]
fn a_record_shows_its_last_amendments_and_counts_all() {
    let mut books = Books::of(DISTRICT);
    for second in 0..50 {
        let now = at(200 + second);
        books.judge(now, vec![incident(100 - second, Some(120), None)], &Reasons::default());
    }
    let record = books.record(1);
    assert_eq!((record.revision, record.amendments.len()), (50, 32));
    assert_eq!(record.amendments.last().unwrap().revision, 50);
}

#[test]
fn whatever_late_data_make_of_a_fault_that_is_closed_nobody_is_called_again() {
    let ended = |started, ended| incident(started, Some(started + 20), Some(ended));
    let open = |started| incident(started, Some(started + 20), None);
    let closed = vec![(130, vec![open(100)]), (200, vec![ended(100, 190)])];
    // name, what is judged after it was closed, what the feed tells of each
    type Case = (&'static str, Vec<Vec<Incident>>, Vec<Vec<&'static str>>);
    let table: [Case; 6] = [
        (
            "it lasts after all",
            vec![vec![open(100)], vec![ended(100, 400)]],
            vec![vec!["amended 1"], vec!["amended 1"]],
        ),
        ("it is shifted", vec![vec![ended(80, 150)]], vec![vec!["amended 1"]]),
        ("it is split", vec![vec![ended(100, 130), ended(160, 190)]], vec![vec!["amended 1"]]),
        ("it never was", vec![vec![]], vec![vec!["amended 1"]]),
        (
            "it never was, and was",
            vec![vec![], vec![ended(110, 180)]],
            vec![vec!["amended 1"], vec!["amended 1"]],
        ),
        (
            "split and joined again",
            vec![vec![ended(100, 130), ended(160, 190)], vec![ended(100, 190)]],
            vec![vec!["amended 1"], vec!["amended 1"]],
        ),
    ];
    for (name, judgements, told) in table {
        let mut books = Books::of(DISTRICT);
        for (now, incidents) in closed.clone() {
            books.judge(at(now), incidents, &Reasons::default());
        }
        for (k, (incidents, told)) in (1..).zip(judgements.into_iter().zip(told)) {
            let events = books.judge(at(500 + 10 * k), incidents, &Reasons::default());
            assert_eq!(words(&events), told, "{name}");
        }
    }
}

#[test]
fn what_was_told_and_lasts_goes_on_under_its_number_when_the_past_is_split_or_joined() {
    let ended = |started, ended| incident(started, Some(started + 20), Some(ended));
    let open = |started| incident(started, Some(started + 20), None);
    let none = Reasons::default();
    let mut books = Books::of(DISTRICT);
    books.judge(at(500), vec![open(100)], &none);
    assert_eq!(words(&books.judge(at(510), vec![ended(100, 200), open(300)], &none)), ["amended 1"]);
    assert_eq!(words(&books.judge(at(600), vec![ended(100, 200), ended(300, 590)], &none)), ["resolved 1"]);

    let mut books = Books::of(DISTRICT);
    books.judge(at(130), vec![open(100)], &none);
    books.judge(at(200), vec![ended(100, 190)], &none);
    assert_eq!(words(&books.judge(at(330), vec![ended(100, 190), open(300)], &none)), ["opened 2"]);
    let joined = words(&books.judge(at(340), vec![open(100)], &none));
    assert_eq!(joined, ["amended 2", "amended 1"], "nobody hears that it is over while it lasts");
    assert_eq!(books.record(1).amendments.last().unwrap().changes, [Change::Merged { into: 2 }]);
    assert_eq!(words(&books.judge(at(500), vec![ended(100, 490)], &none)), ["resolved 2"]);
}

#[test]
fn what_late_data_reveal_is_opened_with_its_end_when_it_is_over_and_without_when_it_lasts() {
    let mut books = Books::of(DISTRICT);
    let found = vec![incident(100, Some(120), Some(190)), incident(300, Some(320), None)];
    let told = words(&books.judge(at(900), found, &Reasons::default()));
    assert_eq!(told, ["opened 1", "resolved 1", "opened 2"]);
}

/// The timeline of `a`: up from 0, then a change at each of these seconds, until `now`.
fn timeline(changes: &[i64], now: i64) -> Vec<SiteJudgement> {
    let states = [State::Up, State::Down].into_iter().cycle();
    let begins: Vec<i64> = std::iter::once(0).chain(changes.iter().copied()).filter(|at| *at < now).collect();
    let ends = begins.iter().skip(1).copied().chain([now]);
    let intervals = begins.iter().copied().zip(ends).zip(states);
    let timeline = intervals
        .map(|((from, to), state)| Interval { state, from: at(from), to: at(to), roots: Vec::new() })
        .collect();
    let id = "a".parse().unwrap();
    vec![SiteJudgement { id, timeline, maintenance: Vec::new(), never_answered: false, unproven: Vec::new() }]
}

/// The incidents of that timeline at `now`.
fn falls(changes: &[i64], now: i64) -> Vec<Incident> {
    let changes: Vec<i64> = changes.iter().copied().filter(|at| *at < now).collect();
    let falls = changes.chunks(2);
    falls.map(|fall| incident(fall[0], Some(fall[0] + 20), fall.get(1).copied())).collect()
}

/// What the feed tells when that timeline is judged at these moments.
fn flapped(changes: &[i64], moments: &[i64], inventory: &str) -> Vec<String> {
    let (mut books, mut told) = (Books::of(inventory), Vec::new());
    for now in moments {
        let (sites, incidents) = (timeline(changes, *now), falls(changes, *now));
        told.extend(words(&books.judge_all(at(*now), sites, incidents, &Reasons::default())));
    }
    told
}

#[test]
fn a_site_that_flaps_is_told_once_and_once_more_when_it_is_stable() {
    let changes = [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000];
    let every: Vec<i64> = (1..320).map(|step| step * 10 + 1).collect();
    let told = flapped(&changes, &every, DISTRICT);
    let first = ["opened 1", "resolved 1", "opened 2", "resolved 2", "opened 3", "resolved 3"];
    assert_eq!(told[..6], first);
    assert_eq!(
        told[6..],
        ["a flaps 7", "opened 4", "resolved 4", "opened 5", "resolved 5", "a steady up 10"]
    );
    // All of it at once, as after a night in which the collector was off: one message, too.
    let told = flapped(&changes, &[1001, 2799, 2801], DISTRICT);
    assert_eq!((told[0].as_str(), told.last().unwrap().as_str()), ("a flaps 7", "a steady up 10"));
    assert_eq!(flapped(&changes, &[10_000], DISTRICT).iter().filter(|word| word.contains('a')).count(), 0);
}

#[test]
fn a_site_that_flaps_and_stays_down_carries_the_incident_that_was_withheld() {
    let changes = [100, 200, 300, 400, 500, 600, 700, 800, 900];
    let told = flapped(&changes, &[650, 721, 821, 921, 2699, 2701], DISTRICT);
    assert_eq!(told.last().unwrap(), "a steady down 9 5");
    assert_eq!(told.iter().filter(|word| word.contains("steady") || word.contains("flaps")).count(), 2);
}

#[test]
fn while_a_site_flaps_its_incidents_are_marked_and_the_end_of_one_told_before_comes_first_or_waits() {
    let mut books = Books::of(DISTRICT);
    let changes = [10, 100, 200, 300, 400, 500, 600, 700];
    let mut told = Vec::new();
    for now in [21, 31, 111, 221, 321, 421, 521, 601, 631, 710] {
        told.extend(books.judge_all(
            at(now),
            timeline(&changes, now),
            falls(&changes, now),
            &Reasons::default(),
        ));
    }
    let marked: Vec<(i64, bool)> = told
        .iter()
        .filter_map(|event| match event {
            EventKind::IncidentOpened { incident } => Some((incident.id, incident.flapping)),
            _ => None,
        })
        .collect();
    assert_eq!(marked, [(1, false), (2, false), (3, false), (4, true)]);
}

const OFFICE: &str = r#"
[network]
name = "n"
[[site]]
id = "a"
name = "a"
kind = "hotspot"
address = "10.0.0.2"
service_hours = "Mon-Fri 07:00-17:00"
[[site]]
id = "b"
name = "b"
kind = "desa"
upstream = ["a"]
address = "10.0.0.3"
"#;

#[test]
fn a_fault_outside_the_service_hours_is_told_when_service_begins_and_it_still_lasts() {
    let night: Timestamp = "2027-01-18T22:00:00Z".parse().unwrap(); // Tuesday, 05:00 in Jakarta
    let morning: Timestamp = "2027-01-19T00:00:00Z".parse().unwrap();
    let later = |time: Timestamp, ms| Timestamp::from_millis(time.as_millis() + ms);
    let fault = |ended| Incident {
        started_at: night,
        confirmed_at: later(night, 1000),
        told_at: Some(later(night, 1000)),
        ended_at: ended,
        ..incident(0, None, None)
    };
    let none = Reasons::default();
    let mut books = Books::of(OFFICE);
    assert!(books.judge(later(night, 20_000), vec![fault(None)], &none).is_empty());
    assert!(books.record(1).off_hours);
    let due = books.ledger.due.unwrap();
    assert_eq!(due, later(morning, 1), "it wakes up by itself");
    assert!(!books.ledger.is_due(morning) && books.ledger.is_due(due));
    assert_eq!(words(&books.judge(due, vec![fault(None)], &none)), ["opened 1"]);
    let record = books.record(1);
    assert!(!record.off_hours);
    assert_eq!(record.amendments[0].changes, [Change::OffHours { now: false }]);

    let mut books = Books::of(OFFICE);
    let over = vec![fault(Some(later(night, 60_000)))];
    assert!(books.judge(later(morning, 60_000), over, &none).is_empty(), "nobody is called about the night");
    assert!(books.record(1).off_hours);

    let mut books = Books::of(OFFICE);
    let wider = Incident { affected: vec!["b".parse().unwrap()], ..fault(None) };
    let told = words(&books.judge(later(night, 20_000), vec![wider], &none));
    assert_eq!(told, ["opened 1"], "a village that is served at all hours is cut off");
}

proptest! {
    /// Any past after any other, with time going on: each number is opened once and resolved once, in this order, and
    /// as long as no fault is new, nobody hears more than that.
    #[test]
    fn no_order_in_which_the_past_becomes_known_tells_anything_twice(
        steps in prop::collection::vec((prop::collection::vec((1_i64..20, 1_i64..20), 0..4), any::<bool>(), 1_i64..60), 1..12),
    ) {
        let mut books = Books::of(DISTRICT);
        let mut told: HashMap<i64, Vec<&str>> = HashMap::new();
        let mut now = 0;
        for (parts, lasts, later) in steps {
            now += later;
            let mut from = 0;
            let mut incidents = Vec::new();
            for (gap, length) in parts {
                (from, incidents) = (from + gap + length, { incidents.push((from + gap, from + gap + length)); incidents });
            }
            now = now.max(from + 1);
            let last = incidents.len();
            let incidents = (1..).zip(incidents).map(|(k, (from, to))| {
                incident(from, Some(from + 1), (k < last || !lasts).then_some(to))
            });
            for event in books.judge(at(now), incidents.collect(), &Reasons::default()) {
                match event {
                    EventKind::IncidentOpened { incident } => told.entry(incident.id).or_default().push("opened"),
                    EventKind::IncidentResolved { incident } => {
                        prop_assert!(incident.ended_at.is_some());
                        told.entry(incident.id).or_default().push("resolved");
                    }
                    EventKind::IncidentAmended { incident } => {
                        prop_assert!(told.contains_key(&incident.id));
                        prop_assert_eq!(incident.amendments.last().map(|last| last.revision), Some(incident.revision));
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
        for (id, told) in told {
            let fine = told == ["opened"] || told == ["opened", "resolved"];
            prop_assert!(fine, "{}: {:?}", id, told);
        }
    }
}
