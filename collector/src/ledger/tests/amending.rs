//! What late observations and edits make of records that were whole: what changed, why, and whom it does not concern.

use super::*;

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
        gauges: Vec::new(),
        traces: Vec::new(),
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
