//! The decision as tables, and as a property over whole feeds that go through the store.

use std::path::Path;

use jiff::tz::TimeZone;
use kentongan_model::{
    event::{Amendment, Reason},
    inventory::Language,
    state::{Cause, Kind},
};
use proptest::prelude::*;

use super::*;
use crate::{
    Entry, Fate,
    desk::Desk,
    feed::FeedEntry,
    message::Wording,
    reason::{Topic, Why},
    store::Store,
    tale::{
        amended, desa, flapping, mended, minutes, morning, opened, outage, resolved, state_changed, steady,
    },
};

fn everybody(names: &[&str]) -> Vec<Listener> {
    names.iter().map(|name| Listener { id: OutletId::new(*name), only: Filter::default() }).collect()
}

fn settings() -> Settings {
    Settings { listeners: everybody(&["grup", "surel"]), history_before: morning() - minutes(60) }
}

fn heard(names: &[&str]) -> Told {
    Told::Opened { heard: names.iter().map(|name| OutletId::new(*name)).collect() }
}

fn to(verdicts: &[(&str, Result<(), Withheld>)]) -> Vec<(OutletId, Result<(), Withheld>)> {
    verdicts.iter().map(|(name, verdict)| (OutletId::new(*name), *verdict)).collect()
}

fn maintenance() -> IncidentRecord {
    IncidentRecord { maintenance: true, ..outage(1) }
}

#[test]
fn an_opening_is_told_to_all_and_its_end_to_those_who_heard_it() {
    assert_eq!(
        decide(&opened(1, outage(1)), &Told::Nothing, &settings()),
        Decision::Tell {
            says: Says::Opened,
            why: Why::Outage,
            to: to(&[("grup", Ok(())), ("surel", Ok(()))])
        },
    );
    assert_eq!(
        decide(&resolved(2, mended(1)), &heard(&["surel", "dulu"]), &settings()),
        Decision::Tell {
            says: Says::Resolved,
            why: Why::Restored,
            to: to(&[("grup", Err(Withheld::OpeningNotTold)), ("surel", Ok(()))]),
        },
    );
}

#[test]
fn whatever_is_withheld_has_its_reason() {
    let late = IncidentRecord { confirmed_at: morning() + minutes(34 + 61), ..mended(1) };
    let old = Settings { history_before: morning() + minutes(60), ..settings() };
    let now = settings();
    let held = Told::Held(Withheld::Maintenance);
    for (event, told, settings, reason) in [
        (state_changed(1), Told::Nothing, &now, Withheld::StateOnly),
        (opened(1, outage(1)), Told::Nothing, &old, Withheld::History),
        (resolved(1, mended(1)), heard(&["grup"]), &old, Withheld::History),
        (opened(1, maintenance()), Told::Nothing, &now, Withheld::Maintenance),
        (opened(1, late), Told::Nothing, &now, Withheld::AlreadyOver),
        (opened(1, outage(1)), heard(&["grup"]), &now, Withheld::AlreadyTold),
        (opened(1, outage(1)), Told::Resolved, &now, Withheld::AlreadyTold),
        (amended(1, outage(1)), heard(&["grup"]), &now, Withheld::AlreadyTold),
        (amended(1, outage(1)), Told::Resolved, &now, Withheld::AlreadyTold),
        (amended(1, outage(1)), Told::Nothing, &now, Withheld::OpeningNotTold),
        (amended(1, maintenance()), held.clone(), &now, Withheld::Maintenance),
        (amended(1, mended(1)), held.clone(), &now, Withheld::Maintenance),
        (resolved(1, mended(1)), held, &now, Withheld::Maintenance),
        (resolved(1, mended(1)), Told::Nothing, &now, Withheld::OpeningNotTold),
        (resolved(1, mended(1)), Told::Resolved, &now, Withheld::AlreadyTold),
    ] {
        assert_eq!(decide(&event, &told, settings), Decision::Withhold(reason), "{event:?} after {told:?}");
    }
}

#[test]
fn a_short_outage_that_is_already_over_is_told_all_the_same() {
    let decision = decide(&opened(1, mended(1)), &Told::Nothing, &settings());
    assert!(matches!(decision, Decision::Tell { says: Says::Opened, .. }), "{decision:?}");
}

#[test]
fn a_fault_that_outlasts_its_maintenance_is_told_then() {
    let decision = decide(&amended(2, outage(1)), &Told::Held(Withheld::Maintenance), &settings());
    assert!(
        matches!(decision, Decision::Tell { says: Says::Opened, why: Why::OutlastedMaintenance, .. }),
        "{decision:?}"
    );
}

#[test]
fn a_fault_that_runs_on_into_the_service_hours_is_told_then() {
    let off = IncidentRecord { off_hours: true, ..outage(1) };
    assert_eq!(
        decide(&opened(1, off.clone()), &Told::Nothing, &settings()),
        Decision::Withhold(Withheld::OffHours)
    );
    let began = Amendment {
        revision: 2,
        at: morning() + minutes(30),
        changes: vec![Change::OffHours { now: false }],
        reasons: vec![Reason::Time],
    };
    let now = IncidentRecord { revision: 2, amendments: vec![began], ..outage(1) };
    for (event, told) in
        [(opened(2, now), Told::Nothing), (amended(2, outage(1)), Told::Held(Withheld::OffHours))]
    {
        let decision = decide(&event, &told, &settings());
        assert!(
            matches!(decision, Decision::Tell { says: Says::Opened, why: Why::ServiceBegan, .. }),
            "{decision:?}"
        );
    }
}

/// What each outlet of a feed gets, in order: what is said, and about which incident.
fn said(pages: &[Vec<Event>]) -> Vec<(Topic, Option<i64>, Fate)> {
    let log = follow(pages);
    let grup = |entry: &&Entry| entry.outlet.as_ref().is_none_or(|id| id.as_str() == "grup");
    log.iter().filter(grup).map(|entry| (entry.topic, entry.incident, entry.fate)).collect()
}

#[test]
fn while_a_site_flaps_it_is_told_once_and_once_more_when_it_is_stable() {
    let (queued, withheld) = (|why| Fate::Queued { why }, Fate::Withheld(Withheld::Flapping));
    let flaps = |id, of: IncidentRecord| IncidentRecord { id, flapping: true, ..of };
    let feed = vec![
        opened(1, outage(1)),
        resolved(2, mended(1)),
        flapping(3),
        opened(4, flaps(2, outage(2))),
        amended(5, flaps(2, outage(2))),
        resolved(6, flaps(2, mended(2))),
        steady(7, None),
        opened(8, outage(3)),
    ];
    assert_eq!(
        said(&[feed]),
        [
            (Topic::Opened, Some(1), queued(Why::Outage)),
            (Topic::Resolved, Some(1), queued(Why::Restored)),
            (Topic::Flapping, None, queued(Why::Flaps)),
            (Topic::Opened, Some(2), withheld),
            (Topic::Amended, Some(2), withheld),
            (Topic::Resolved, Some(2), withheld),
            (Topic::Steady, None, queued(Why::Stable)),
            (Topic::Opened, Some(3), queued(Why::Outage)),
        ]
    );
}

#[test]
fn a_site_that_flapped_and_stays_down_is_told_as_cut_off_and_its_end_too() {
    let (queued, withheld) = (|why| Fate::Queued { why }, Fate::Withheld(Withheld::Flapping));
    let flaps = |of: IncidentRecord| IncidentRecord { flapping: true, ..of };
    let feed = vec![
        flapping(1),
        opened(2, flaps(outage(2))),
        steady(3, Some(flaps(outage(2)))),
        resolved(4, flaps(mended(2))),
    ];
    assert_eq!(
        said(&[feed.clone(), feed]),
        [
            (Topic::Flapping, None, queued(Why::Flaps)),
            (Topic::Opened, Some(2), withheld),
            (Topic::Steady, Some(2), queued(Why::OutlastedFlapping)),
            (Topic::Resolved, Some(2), queued(Why::Restored)),
        ]
    );
    let unheard = said(&[vec![steady(1, None)]]);
    assert_eq!(unheard, [(Topic::Steady, None, Fate::Withheld(Withheld::OpeningNotTold))]);
}

#[test]
fn the_log_says_of_an_amendment_what_changed_and_why() {
    let moved = Amendment {
        revision: 2,
        at: morning() + minutes(5),
        changes: vec![Change::Cause { was: Cause::Undetermined, now: Cause::Link }],
        reasons: vec![Reason::Time],
    };
    let incident = IncidentRecord { revision: 2, amendments: vec![moved], ..outage(1) };
    let log = follow(&[vec![opened(1, outage(1)), amended(2, incident)]]);
    let line = log.last().unwrap();
    assert_eq!(line.fate, Fate::Withheld(Withheld::AlreadyTold));
    assert_eq!(line.body.as_deref(), Some("revision 2: cause not known yet → link cut (time passed)"));
}

#[test]
fn a_channel_hears_only_of_the_sites_it_asked_for_as_root_or_behind_it() {
    let filter = |kinds: &[Kind], regions: &[&str]| Filter {
        kinds: kinds.to_vec(),
        regions: regions.iter().map(|&code| code.to_owned()).collect(),
    };
    for (only, passes) in [
        (filter(&[], &[]), true),
        (filter(&[Kind::Kecamatan], &[]), true),
        (filter(&[Kind::Desa], &[]), true),
        (filter(&[Kind::Hotspot], &[]), false),
        (filter(&[], &["33.06"]), true),
        (filter(&[], &["33.06.07.2003"]), true),
        (filter(&[], &["33.06.0"]), false),
        (filter(&[], &["33.07", "33.06.07"]), true),
        (filter(&[Kind::Kecamatan], &["33.06.07.2003"]), false),
    ] {
        assert_eq!(only.passes(&outage(1)), passes, "{only:?}");
    }
    let listeners = vec![Listener { id: OutletId::new("wifi"), only: filter(&[Kind::Hotspot], &[]) }];
    let decision = decide(&opened(1, outage(1)), &Told::Nothing, &Settings { listeners, ..settings() });
    let Decision::Tell { to: verdicts, .. } = decision else { panic!("{decision:?}") };
    assert_eq!(verdicts, to(&[("wifi", Err(Withheld::FilteredOut))]));
}

/// Sends a feed through desk and store, page by page, and returns the log, oldest first.
fn follow(pages: &[Vec<Event>]) -> Vec<Entry> {
    let mut store = Store::open(Path::new(":memory:"), morning()).unwrap();
    let timezone = TimeZone::UTC;
    let wording = Wording { network: "Uji".to_owned(), language: Language::Id, timezone };
    let desk = Desk { listeners: everybody(&["grup", "surel"]), wording };
    for page in pages {
        let entries: Vec<FeedEntry> = page.iter().cloned().map(|e| FeedEntry::Event(Box::new(e))).collect();
        let cursor = store.cursor().unwrap();
        desk.handle(&mut store, &cursor, &entries, morning()).unwrap();
    }
    let mut log = store.log(usize::MAX, None).unwrap();
    log.reverse();
    log
}

/// The titles' first words that each outlet gets about an incident, in order.
fn told(log: &[Entry], outlet: &str, incident: i64) -> Vec<Topic> {
    log.iter()
        .filter(|entry| entry.outlet.as_ref().is_some_and(|id| id.as_str() == outlet))
        .filter(|entry| entry.incident == Some(incident) && matches!(entry.fate, Fate::Queued { .. }))
        .map(|entry| entry.topic)
        .collect()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Open,
    Amend,
    Resolve,
    State,
}

fn event(number: i64, incident: i64, step: Step) -> Event {
    let about = IncidentRecord { root: desa(1), ..outage(incident) };
    let over = IncidentRecord { root: desa(1), ..mended(incident) };
    match step {
        Step::Open => opened(number, about),
        Step::Amend => amended(number, about),
        Step::Resolve => resolved(number, over),
        Step::State => state_changed(number),
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Open), Just(Step::Amend), Just(Step::Resolve), Just(Step::State)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each incident opens and ends, in any mixture with repetitions, amendments and other incidents, cut into any pages.
    #[test]
    fn each_incident_is_told_once_when_it_begins_and_once_when_it_is_over(
        noise in proptest::collection::vec((0..4_i64, step()), 0..40),
        cuts in proptest::collection::vec(1..6_usize, 60),
    ) {
        // Noise about an incident comes between its opening and its end, or after both: a feed is in order.
        let mut steps: Vec<(i64, Step)> = Vec::new();
        for incident in 0..4 {
            steps.push((incident, Step::Open));
        }
        let (before, after) = noise.split_at(noise.len() / 2);
        steps.extend(before.iter().filter(|(_, step)| !matches!(step, Step::Resolve)));
        for incident in 0..4 {
            steps.push((incident, Step::Resolve));
        }
        steps.extend(after);
        let events: Vec<Event> =
            steps.iter().zip(1..).map(|(&(incident, step), number)| event(number, incident, step)).collect();
        let mut pages = Vec::new();
        let mut rest = events.as_slice();
        for &cut in &cuts {
            let (page, more) = rest.split_at(cut.min(rest.len()));
            pages.push(page.to_vec());
            // The whole page comes again, as after a lost answer.
            pages.push(page.to_vec());
            rest = more;
        }
        pages.push(rest.to_vec());
        let log = follow(&pages);
        for outlet in ["grup", "surel"] {
            for incident in 0..4 {
                prop_assert_eq!(told(&log, outlet, incident), [Topic::Opened, Topic::Resolved]);
            }
        }
        // Everything that was read stands in the log: a line for each outlet, or one for what nobody was told.
        let handled: BTreeSet<i64> = log.iter().map(|entry| entry.event).collect();
        prop_assert_eq!(handled.len(), events.len());
    }

    /// A feed that is all in disorder never has anybody told twice, nor of an end without a beginning.
    #[test]
    fn no_order_of_events_tells_anything_twice(
        steps in proptest::collection::vec((0..3_i64, step()), 0..60),
    ) {
        let events: Vec<Event> =
            steps.iter().zip(1..).map(|(&(incident, step), number)| event(number, incident, step)).collect();
        let log = follow(&[events]);
        for incident in 0..3 {
            let told = told(&log, "grup", incident);
            prop_assert!(
                [&[][..], &[Topic::Opened], &[Topic::Opened, Topic::Resolved]].contains(&told.as_slice()),
                "{told:?}"
            );
        }
    }
}
