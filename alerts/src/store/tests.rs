//! The limits of what is kept, and the clock that is set back.

use std::path::Path;

use jiff::tz::TimeZone;
use kentongan_model::{event::Event, inventory::Language};

use super::*;
use crate::{
    Fate,
    config::Filter,
    decide::{Listener, OutletId},
    desk::Desk,
    feed::FeedEntry,
    message::Wording,
    reason::{GaveUp, Topic, Withheld},
    tale::{flapping, mended, minutes, morning, opened, outage, resolved, state_changed, steady},
};

fn small() -> Store {
    let mut store = Store::open(Path::new(":memory:"), morning()).unwrap();
    store.limits = Limits { queued: 3, logged: 6, states: 2 };
    store
}

fn grup() -> OutletId {
    OutletId::new("grup")
}

fn handle(store: &mut Store, events: impl IntoIterator<Item = Event>) {
    let desk = Desk {
        listeners: vec![Listener { id: grup(), only: Filter::default() }],
        wording: Wording { network: "Uji".to_owned(), language: Language::Id, timezone: TimeZone::UTC },
    };
    let entries: Vec<FeedEntry> = events.into_iter().map(|e| FeedEntry::Event(Box::new(e))).collect();
    let cursor = store.cursor().unwrap();
    desk.handle(store, &cursor, &entries, morning()).unwrap();
}

fn next(store: &Store, now: Timestamp) -> Letter {
    match store.next(&grup(), now).unwrap() {
        Next::Send(letter) => *letter,
        other => panic!("nothing to send: {other:?}"),
    }
}

#[test]
fn a_full_outbox_gives_up_the_oldest_message_and_withholds_the_end_that_would_follow_it() {
    let mut store = small();
    handle(&mut store, [opened(1, outage(1)), resolved(2, mended(1)), opened(3, outage(2))]);
    handle(&mut store, [opened(4, outage(3)), opened(5, outage(4))]);
    let fates: Vec<Fate> = store.log(9, None).unwrap().into_iter().rev().map(|entry| entry.fate).collect();
    assert!(matches!(fates[0], Fate::GivenUp { reason: GaveUp::OutboxFull, .. }), "{fates:?}");
    assert!(
        matches!(fates[2..], [Fate::Queued { .. }, Fate::Queued { .. }, Fate::Queued { .. }]),
        "{fates:?}"
    );
    let counters = store.counters().unwrap();
    assert_eq!((counters.queued, counters.outbox_full, counters.given_up), (3, 2, 0));

    let mut store = small();
    handle(
        &mut store,
        [opened(1, outage(1)), resolved(2, mended(1)), opened(3, outage(2)), opened(4, outage(3))],
    );
    let ended = store.log(9, None).unwrap().remove(2);
    assert_eq!((ended.topic, ended.fate), (Topic::Resolved, Fate::Withheld(Withheld::OpeningNotDelivered)));
}

#[test]
fn the_log_keeps_the_newest_lines_what_waits_and_the_beginning_of_what_lasts() {
    let mut store = small();
    // The first incident lasts, the others come and go; every message is delivered.
    handle(&mut store, [opened(1, outage(1)), state_changed(2), state_changed(3), state_changed(4)]);
    for id in 2..12 {
        handle(&mut store, [opened(3 * id, outage(id)), resolved(3 * id + 1, mended(id))]);
        while let Next::Send(letter) = store.next(&grup(), morning()).unwrap() {
            store.sent(&grup(), &letter, morning()).unwrap();
        }
    }
    store.drop_removed(&[grup()], morning()).unwrap();
    let log = store.log(99, None).unwrap();
    let of = |topic| log.iter().filter(|entry| entry.topic == topic).count();
    assert_eq!(of(Topic::SiteState), 2);
    assert_eq!(log.iter().filter(|entry| entry.incident == Some(1)).count(), 1);
    assert_eq!((of(Topic::Opened), of(Topic::Resolved)), (1 + 3, 3));
    assert_eq!(store.counters().unwrap().log_cut, 1 + 14);
    // Its end is still told.
    handle(&mut store, [resolved(90, mended(1))]);
    assert_eq!(next(&store, morning()).record.unwrap().id, 1);
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_wait_longer_than_the_longest_pause() {
    let mut store = small();
    handle(&mut store, [opened(1, outage(1))]);
    let letter = next(&store, morning());
    let later = morning() + minutes(24 * 60);
    store.failed(&letter, minutes(5), "mati", later).unwrap();
    store.pause(&grup(), later + minutes(5)).unwrap();
    assert!(matches!(store.next(&grup(), later).unwrap(), Next::Rest(_)));
    assert_eq!(next(&store, morning()).attempts, 1);
}

#[test]
fn the_first_message_that_gets_through_brings_those_that_rest() {
    let mut store = small();
    handle(&mut store, [opened(1, outage(1)), opened(2, outage(2))]);
    let first = next(&store, morning());
    store.failed(&first, minutes(5), "mati", morning()).unwrap();
    let second = next(&store, morning());
    assert_ne!(first.id, second.id);
    store.sent(&grup(), &second, morning()).unwrap();
    assert_eq!(next(&store, morning()).id, first.id);
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.sqlite");
    drop(Store::open(&path, morning()).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA + 1).unwrap();
    assert!(
        matches!(Store::open(&path, morning()), Err(StoreError::Newer { found, .. }) if found == SCHEMA + 1)
    );
    assert!(matches!(Store::look(&path), Err(StoreError::Newer { .. })));
    assert!(Store::look(&folder.path().join("none.sqlite")).unwrap().is_none());
}

#[test]
fn a_file_of_the_first_version_is_taken_over_with_all_that_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.sqlite");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(TABLES).unwrap();
    let first =
        "insert into feed (only_row, installation, generation, first_look, cursor) values (1, 'x', 3, 0, 70)";
    old.execute(first, []).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    assert!(Store::look(&path).unwrap().unwrap().log(9, None).unwrap().is_empty());
    let mut store = Store::open(&path, morning()).unwrap();
    assert_eq!(store.cursor().unwrap().after, 70);
    handle(&mut store, [flapping(71)]);
    assert_eq!(next(&store, morning()).thread, "x-3-site-kec-kutoarjo");
}

#[test]
fn the_end_of_flapping_waits_for_its_beginning_and_is_withheld_when_that_never_arrives() {
    let mut store = small();
    handle(&mut store, [flapping(1), steady(2, None)]);
    let beginning = next(&store, morning());
    assert!(beginning.record.is_none() && beginning.flapping.is_some());
    store.failed(&beginning, minutes(5), "mati", morning()).unwrap();
    assert!(matches!(store.next(&grup(), morning()).unwrap(), Next::Rest(_)));
    store.give_up(&beginning, GaveUp::TooOld, "mati", morning()).unwrap();
    let end = store.log(9, None).unwrap().remove(0);
    assert_eq!((end.topic, end.fate), (Topic::Steady, Fate::Withheld(Withheld::OpeningNotDelivered)));
    handle(&mut store, [flapping(3), steady(4, None)]);
    store.sent(&grup(), &next(&store, morning()), morning()).unwrap();
    assert_eq!(next(&store, morning()).says, crate::reason::Says::Steady);
}

#[test]
fn the_end_of_an_incident_waits_for_its_beginning_and_holds_up_no_other() {
    let mut store = small();
    handle(&mut store, [opened(1, outage(1)), resolved(2, mended(1))]);
    let beginning = next(&store, morning());
    store.failed(&beginning, minutes(5), "mati", morning()).unwrap();
    assert!(matches!(store.next(&grup(), morning()).unwrap(), Next::Rest(rest) if rest == minutes(5)));
    handle(&mut store, [opened(3, outage(2))]);
    assert_eq!(next(&store, morning()).record.unwrap().id, 2);
    assert_eq!(next(&store, morning() + minutes(5)).id, beginning.id);
}
