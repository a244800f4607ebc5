//! What is held back although it is ripe: sites that flap, and faults outside the service hours.

use super::*;

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
    vec![SiteJudgement {
        id,
        timeline,
        maintenance: Vec::new(),
        never_answered: false,
        unproven: Vec::new(),
        against: Vec::new(),
    }]
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
