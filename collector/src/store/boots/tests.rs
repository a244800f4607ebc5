//! Deliveries are placed by what lies in the journal, with nothing kept in memory.

use std::path::Path;

use kentongan_model::{
    id::Vantage,
    secret::Secret,
    time::{HandClock, Stamp},
};

use super::*;
use crate::store::{JOURNAL_STEPS, agents, open};

const NOW: i64 = 1_800_000_000_000;

fn journal(folder: &Path) -> Connection {
    let conn = open(&folder.join("journal.db"), JOURNAL_STEPS).unwrap();
    agents::put(&conn, &Vantage::Core, &Secret::new("x"), Timestamp::default()).unwrap();
    conn
}

/// Places what was sent `second` seconds after the boot, in time, by a router that never knew the time.
fn deliver(conn: &Connection, boot: u32, second: i64) -> Place {
    deliver_late(conn, boot, second, 0)
}

fn deliver_late(conn: &Connection, boot: u32, second: i64, late_s: i64) -> Place {
    let stamp = |second: i64| Stamp {
        boot: BootId(boot),
        mono_ms: (second * 1000).unsigned_abs(),
        wall: Timestamp::default(),
    };
    let readings = Readings { sent: stamp(second), sealed: stamp(second - 1), measured: Some((0, 1)) };
    place(conn, 1, &readings, Timestamp::from_millis(NOW + (second + late_s) * 1000)).unwrap()
}

fn zero(place: Place) -> Option<i64> {
    let Place::At(placing) = place else { return None };
    (placing.trust == Trust::Trusted).then_some(placing.zero_ms)
}

#[test]
fn the_first_delivery_of_a_boot_with_a_wrong_clock_is_asked_to_come_again_and_is_placed_then() {
    let folder = tempfile::tempdir().unwrap();
    let conn = journal(folder.path());
    assert_eq!(deliver(&conn, 7, 60), Place::ComeAgain);
    assert_eq!(zero(deliver(&conn, 7, 61)), Some(NOW));
}

#[test]
fn one_that_was_held_up_is_asked_once_and_then_taken_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let conn = journal(folder.path());
    assert_eq!(deliver_late(&conn, 7, 60, 20), Place::ComeAgain);
    let Place::At(placing) = deliver_late(&conn, 7, 81, 5) else { panic!("it was asked twice") };
    assert_eq!((placing.trust, placing.boot_at), (Trust::Untrusted, None));
    assert_eq!(zero(deliver_late(&conn, 7, 90, 5)), Some(NOW + 5_000));
}

#[test]
fn an_agent_whose_boots_come_and_go_is_not_put_off_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let conn = journal(folder.path());
    assert_eq!(deliver(&conn, 1, 60), Place::ComeAgain);
    for boot in 2..9 {
        assert_eq!(zero(deliver(&conn, boot, 60 + i64::from(boot))), None);
        assert!(matches!(deliver(&conn, boot + 100, 60 + i64::from(boot)), Place::At(_)));
    }
}

#[test]
fn a_restart_in_between_changes_nothing() {
    let deliveries =
        [(7, 60, 0), (7, 61, 0), (7, 90, 300), (7, 120, 1), (8, 400, 0), (8, 401, 0), (7, 130, 600)];
    let all = |restarts: bool| {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = journal(folder.path());
        deliveries.map(|(boot, second, late_s)| {
            if restarts {
                conn = journal(folder.path());
            }
            deliver_late(&conn, boot, second, late_s)
        })
    };
    assert_eq!(all(true), all(false));
    assert_eq!(zero(all(true)[2]), Some(NOW), "five minutes late, and placed where it belongs");
}

#[test]
fn when_the_collectors_own_clock_is_set_all_boots_move_along_and_a_clock_that_runs_moves_none() {
    let folder = tempfile::tempdir().unwrap();
    let conn = journal(folder.path());
    deliver(&conn, 7, 60);
    deliver(&conn, 7, 61);
    let booted = Timestamp::from_millis(NOW - 1_000_000);
    let clock = HandClock::new(Timestamp::from_millis(NOW), booted);
    for _ in 0..3 {
        assert_eq!(follow_own_clock(&conn, &clock).unwrap(), 0);
        clock.advance(Duration::from_secs(3_600));
    }
    /// A clock on the same machine that was set ten seconds forward.
    #[derive(Debug)]
    struct Set(HandClock);
    impl Clock for Set {
        fn now(&self) -> Timestamp {
            self.0.now() + Duration::from_secs(10)
        }
        fn stamp(&self) -> Stamp {
            Stamp { wall: self.now(), ..self.0.stamp() }
        }
        fn since_boot(&self) -> Duration {
            self.0.since_boot()
        }
    }
    let set = Set(clock);
    assert_eq!(follow_own_clock(&conn, &set).unwrap(), 10_000);
    assert_eq!(follow_own_clock(&conn, &set).unwrap(), 0);
    assert_eq!(zero(deliver_late(&conn, 7, 120, 10)), Some(NOW + 10_000));
}

#[test]
fn boots_that_are_old_or_too_many_go() {
    let folder = tempfile::tempdir().unwrap();
    let conn = journal(folder.path());
    let most = u32::try_from(MOST).unwrap();
    for boot in 1..=most + 3 {
        deliver(&conn, boot, 60 * i64::from(boot));
    }
    assert_eq!(forget(&conn, Timestamp::from_millis(NOW + 90_000)).unwrap(), 3, "one is old, two too many");
    assert_eq!(load(&conn, 1, BootId(3)).unwrap(), None);
    assert!(load(&conn, 1, BootId(4)).unwrap().is_some());
}
