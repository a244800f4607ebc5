//! Every message in both languages, as people get it.

use kentongan_model::{event::IncidentRecord, state::Cause};

use super::*;
use kentongan_model::event::{Amendment, EventKind, Reason};

use crate::tale::{desa, flapping, mended, minutes, morning, outage, steady};

fn wording(language: Language) -> Wording {
    let timezone = TimeZone::get("Asia/Jakarta").unwrap();
    Wording { network: "Kabupaten Purworejo".to_owned(), language, timezone }
}

fn both(says: Says, incident: &IncidentRecord) -> String {
    let in_language = |language| wording(language).message(says, incident).whole();
    format!("{}\n\n{}", in_language(Language::Id), in_language(Language::En))
}

#[test]
fn an_outage_names_the_root_and_the_sites_it_takes_down() {
    insta::assert_snapshot!(both(Says::Opened, &outage(1)));
}

#[test]
fn the_end_of_an_outage_tells_how_long_it_was_and_why() {
    insta::assert_snapshot!(both(Says::Resolved, &mended(1)));
}

#[test]
fn a_lone_site_without_a_provider_makes_a_short_message() {
    let lone = IncidentRecord { root: desa(2), affected: vec![], ..outage(1) };
    insta::assert_snapshot!(both(Says::Opened, &lone));
}

#[test]
fn many_sites_are_counted_and_ten_of_them_named() {
    let many = IncidentRecord { affected: (1..=22).map(desa).collect(), ..outage(1) };
    insta::assert_snapshot!(both(Says::Opened, &many));
}

#[test]
fn an_outage_past_midnight_tells_both_dates_and_a_power_failure_is_called_one() {
    let long = IncidentRecord {
        ended_at: Some(morning() + minutes(27 * 60 + 5)),
        cause: Cause::Power,
        affected: vec![],
        ..outage(1)
    };
    insta::assert_snapshot!(both(Says::Resolved, &long));
}

#[test]
fn an_outage_that_never_was_is_taken_back() {
    let withdrawn = IncidentRecord { ended_at: Some(morning()), affected: vec![], ..outage(1) };
    insta::assert_snapshot!(both(Says::Resolved, &withdrawn));
}

fn entry(says: Says, kind: &EventKind) -> String {
    let in_language = |language| wording(language).of(says, kind).whole();
    format!("{}\n\n{}", in_language(Language::Id), in_language(Language::En))
}

fn amended(change: Change, reason: Reason, incident: IncidentRecord) -> IncidentRecord {
    let at = morning() + minutes(40);
    let amendment = Amendment { revision: 2, at, changes: vec![change], reasons: vec![reason] };
    IncidentRecord { revision: 2, revised_at: Some(at), amendments: vec![amendment], ..incident }
}

#[test]
fn a_site_that_goes_up_and_down_is_told_with_how_often_and_once_more_when_it_is_stable() {
    insta::assert_snapshot!("flapping", entry(Says::Flapping, &flapping(1).kind));
    insta::assert_snapshot!("steady", entry(Says::Steady, &steady(2, None).kind));
    insta::assert_snapshot!("steady_down", entry(Says::Opened, &steady(2, Some(outage(9))).kind));
}

#[test]
fn a_fault_that_is_told_late_says_what_it_was_withheld_for() {
    let outlasted = |change| both(Says::Opened, &amended(change, Reason::Time, outage(1)));
    insta::assert_snapshot!("after_maintenance", outlasted(Change::Maintenance { now: false }));
    insta::assert_snapshot!("after_off_hours", outlasted(Change::OffHours { now: false }));
}

#[test]
fn a_beginning_that_late_data_moved_is_corrected_with_the_end() {
    let was = morning() + minutes(3);
    let late = Reason::LateData {
        agent: "kec-kutoarjo".to_owned(),
        from: morning() - minutes(1),
        to: morning() + minutes(33),
        late_s: 2040,
    };
    let moved = amended(Change::Beginning { was, now: morning() }, late, mended(1));
    insta::assert_snapshot!(both(Says::Resolved, &moved));
}

#[test]
fn a_test_says_that_nothing_is_wrong() {
    insta::assert_snapshot!(both(Says::Test, &outage(1)));
}

#[test]
fn whatever_the_inventory_holds_a_message_stays_short_and_on_its_own_lines() {
    let mut wild = outage(1);
    wild.root.name = format!("Desa\r\nBcc: semua@example.id {}", "x".repeat(500));
    wild.root.provider = Some("🛰".repeat(500));
    wild.affected = (1..=5_000).map(desa).collect();
    for site in &mut wild.affected {
        site.name = "\u{7}nama\n".repeat(400);
    }
    let sites = wild.affected.clone();
    let mut wild = amended(Change::Beginning { was: morning(), now: morning() }, Reason::Time, wild);
    wild.amendments[0].changes.push(Change::Joined { sites, count: 5_000 });
    for says in [Says::Opened, Says::Resolved] {
        for language in [Language::Id, Language::En] {
            let message = wording(language).message(says, &wild);
            assert!(
                message.whole().chars().count() <= LONGEST,
                "{} characters",
                message.whole().chars().count()
            );
            assert!(!message.title.contains(['\r', '\n']));
            assert!(message.body.lines().count() <= 7);
        }
    }
}
