//! Every message in both languages, as people get it.

use kentongan_model::{event::IncidentRecord, state::Cause};

use super::*;
use crate::tale::{desa, mended, minutes, morning, outage};

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
    for says in [Says::Opened, Says::Resolved] {
        for language in [Language::Id, Language::En] {
            let message = wording(language).message(says, &wild);
            assert!(
                message.whole().chars().count() <= LONGEST,
                "{} characters",
                message.whole().chars().count()
            );
            assert!(!message.title.contains(['\r', '\n']));
            assert!(message.body.lines().count() <= 6);
        }
    }
}
