//! What the live timeline adds to the contract: limits, edited inventories, the moment at which an incident is told.

use kentongan_model::{
    id::Vantage,
    inventory::Network,
    observation::{Downtime, Observation, Round},
    state::State,
    time::Timestamp,
};
use kentongan_timeline::{Limits, Live, RETENTION_DAYS, SiteJudgement, Wanting};

const HOUR: i64 = 3_600_000;
const START: i64 = 1_793_491_200_000;

fn network(sites: &str) -> Network {
    let text = format!("[network]\nname = \"Uji\"\n\n[defaults]\ninterval = \"1h\"\n{sites}");
    Network::parse(&text).unwrap()
}

const NOC: &str = "[[site]]\nid = \"noc\"\nname = \"N\"\nkind = \"backbone\"\naddress = \"10.0.0.1\"\n";
const DESA: &str =
    "[[site]]\nid = \"desa\"\nname = \"D\"\nkind = \"desa\"\nupstream = [\"noc\"]\naddress = \"10.0.0.2\"\n";

fn round(ms: i64, site: &str, answered: bool) -> Observation {
    Observation::Round(Round {
        at: Timestamp::from_millis(START + ms),
        vantage: "core".parse().unwrap(),
        target: format!("{site}/gateway").parse().unwrap(),
        sent: 1,
        rtts_us: if answered { vec![900] } else { vec![] },
    })
}

fn states(site: &SiteJudgement) -> Vec<(State, i64)> {
    site.timeline
        .iter()
        .map(|interval| (interval.state, (interval.from.as_millis() - START) / HOUR))
        .collect()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

#[test]
fn a_round_that_is_older_than_what_is_kept_is_put_where_it_belongs_when_the_journal_gives_the_rounds_around_it()
 {
    let minute = |minute: i64, answered| round(minute * 60_000, "noc", answered);
    let mut live = Live::new(&network(NOC));
    // One site, probed every minute; in minutes 5 and 700 to 709 nothing has come yet.
    let late = |k: i64| k == 5 || (700..710).contains(&k);
    for k in (0..6000).filter(|k| !late(*k)) {
        live.observe(&minute(k, true));
    }
    live.judge(at(6000 * 60_000));
    assert_eq!(live.wanting(), None);
    let journal = |wanting: &Wanting| {
        let inside = move |k: &i64| wanting.span.contains(at(*k * 60_000));
        (0..6000).filter(inside).map(|k| minute(k, !late(k))).collect::<Vec<_>>()
    };
    for k in (0..6000).filter(|k| late(*k)) {
        live.observe(&minute(k, false));
    }
    let mut read = 0;
    while let Some(wanting) = live.wanting() {
        assert_eq!((&wanting.vantage, wanting.subject.is_some()), (&Vantage::Core, true));
        let found = journal(&wanting);
        read += found.len();
        live.settle_again(&wanting, found);
    }
    assert!(read <= 2 * 720, "two stretches of 12 hours were enough, not {read} rounds");
    let judged = live.judge(at(6000 * 60_000));
    let told: Vec<_> = judged.sites[0].timeline.iter().map(|i| (i.state, i.from)).collect();
    assert_eq!(told, [(State::Up, at(0)), (State::Down, at(700 * 60_000)), (State::Up, at(710 * 60_000))]);
    assert_eq!(live.counters().too_late, 0);
}

#[test]
fn what_is_settled_between_a_round_that_came_late_and_the_next_judgement_is_not_lost() {
    let mut live = Live::new(&network(NOC)).with_limits(Limits { rounds: 4, ..Limits::default() });
    live.reach(at(30 * HOUR));
    // Three hours up and three hours down by turns; the first fall comes behind the recovery from it.
    for hour in [0, 1, 2, 6, 3, 4, 5].into_iter().chain(7..30) {
        live.observe(&round(hour * HOUR, "noc", hour / 3 % 2 == 0));
    }
    let turns = (0..10).map(|k| (if k % 2 == 0 { State::Up } else { State::Down }, 3 * k));
    assert_eq!(states(&live.judge(at(30 * HOUR)).sites[0]), turns.collect::<Vec<_>>());
}

#[test]
fn a_change_that_was_confirmed_across_a_milestone_outlasts_folding_again_on_both_sides_of_it() {
    let mut live = Live::new(&network(NOC)).with_limits(Limits { rounds: 4, ..Limits::default() });
    live.reach(at(36 * HOUR));
    // Down from hour 7, up from hour 11; the milestones at 12 and 24 both stand in the middle of a streak.
    let mut journal: Vec<_> =
        (0..36).map(|hour| round(hour * HOUR, "noc", !(7..11).contains(&hour) && hour != 23)).collect();
    journal.iter().for_each(|round| live.observe(round));
    live.judge(at(36 * HOUR));
    for minute in [70, 80, 90] {
        journal.push(round(minute * 60_000, "noc", false));
        live.observe(&journal[journal.len() - 1]);
    }
    while let Some(wanting) = live.wanting() {
        live.settle_again(&wanting, journal.clone());
    }
    let told = [(State::Up, 0), (State::Down, 1), (State::Up, 2), (State::Down, 7), (State::Up, 11)];
    assert_eq!(states(&live.judge(at(36 * HOUR)).sites[0]), told);
}

#[test]
fn a_fall_between_late_rounds_and_a_bridged_downtime_stays() {
    let mut live = Live::new(&network(NOC)).with_limits(Limits { rounds: 4, ..Limits::default() });
    live.reach(at(45 * HOUR));
    // Down from hour 14 to 19; the collector is down from 25:30 to 31:30, and nothing has changed behind it.
    let hours = (0..26).chain(32..45).filter(|hour| *hour != 43);
    let mut journal: Vec<_> =
        hours.map(|hour| round(hour * HOUR, "noc", !(14..19).contains(&hour))).collect();
    let half = HOUR / 2;
    live.observe(&Observation::CollectorDown(Downtime {
        from: at(25 * HOUR + half),
        to: at(31 * HOUR + half),
    }));
    journal.iter().for_each(|round| live.observe(round));
    live.judge(at(45 * HOUR));
    for (minute, answered) in [(70, false), (80, false), (90, false), (43 * 60, true)] {
        journal.push(round(minute * 60_000, "noc", answered));
        live.observe(&journal[journal.len() - 1]);
    }
    while let Some(wanting) = live.wanting() {
        live.settle_again(&wanting, journal.clone());
    }
    let told = [(State::Up, 0), (State::Down, 1), (State::Up, 2), (State::Down, 14), (State::Up, 19)];
    assert_eq!(states(&live.judge(at(45 * HOUR)).sites[0]), told);
}

#[test]
fn late_rounds_are_given_up_and_counted_when_the_journal_no_longer_has_those_around_them() {
    let mut live = Live::new(&network(NOC));
    for k in (0..3000).filter(|k| *k != 5) {
        live.observe(&round(k * 60_000, "noc", true));
    }
    let before = live.judge(at(3000 * 60_000)).clone();
    live.observe(&round(5 * 60_000, "noc", false));
    let wanting = live.wanting().unwrap();
    live.settle_again(&wanting, [round(5 * 60_000, "noc", false)]);
    assert_eq!((live.counters().too_late, live.wanting()), (1, None));
    assert_eq!(live.judge(at(3000 * 60_000)).sites, before.sites);
    live.observe(&round(7 * 60_000 + 1, "noc", false));
    let wanting = live.wanting().unwrap();
    live.give_up(&wanting);
    assert_eq!((live.counters().too_late, live.wanting()), (2, None));
}

#[test]
fn a_fall_that_late_rounds_show_ends_where_the_journal_does_and_what_was_known_goes_on() {
    for (falls, reached) in [(false, 40), (true, 43)] {
        let mut live = Live::new(&network(NOC)).with_limits(Limits { rounds: 4, ..Limits::default() });
        live.reach(at(reached * HOUR));
        let mut journal: Vec<_> = (0..40).map(|hour| round(hour * HOUR, "noc", true)).collect();
        journal.iter().for_each(|round| live.observe(round));
        live.judge(at(40 * HOUR));
        // Down shortly before the milestone at 12, and not yet up again there; the journal has lost what came behind it.
        for minute in [610, 620, 630, 640] {
            journal.push(round(minute * 60_000, "noc", false));
            live.observe(&journal[journal.len() - 1]);
        }
        let first = live.wanting().unwrap();
        live.settle_again(&first, journal);
        // Three more fail before it is asked: a fall that begins behind all that is settled.
        (40..reached).for_each(|hour| live.observe(&round(hour * HOUR, "noc", false)));
        let second = live.wanting().unwrap();
        assert_ne!(first, second);
        live.settle_again(&second, []);
        assert_eq!(live.wanting(), None);
        let mut told = vec![(State::Up, 0), (State::Down, 10), (State::Up, 12)];
        told.extend(falls.then_some((State::Down, 40)));
        assert_eq!(states(&live.judge(at(reached * HOUR)).sites[0]), told);
    }
}

#[test]
fn an_edited_inventory_drops_what_it_no_longer_has_and_keeps_the_rest() {
    let both = network(&format!("{NOC}{DESA}"));
    let mut live = Live::new(&both);
    for hour in 0..4 {
        live.observe(&round(hour * HOUR, "noc", true));
        live.observe(&round(hour * HOUR, "desa", true));
    }
    live.judge(at(4 * HOUR));
    let mut live = live.with_inventory(&network(NOC));
    let judged = live.judge(at(4 * HOUR));
    assert_eq!(judged.sites.len(), 1);
    assert_eq!(states(&judged.sites[0]), [(State::Up, 0)]);
    live.observe(&round(HOUR, "desa", true));
    assert_eq!(live.counters().unknown, 1);
    let mut live = live.with_inventory(&both);
    assert_eq!(states(&live.judge(at(4 * HOUR)).sites[0]), [(State::Unknown, 0)], "desa begins anew");
}

#[test]
fn what_lies_behind_the_retention_is_forgotten_but_an_open_incident_keeps_its_beginning() {
    let network = network(&format!("{NOC}{DESA}"));
    for fault in [false, true] {
        let mut live = Live::new(&network);
        let days = RETENTION_DAYS + 20;
        for hour in 0..days * 24 {
            live.observe(&round(hour * HOUR, "noc", true));
            live.observe(&round(hour * HOUR + 1, "desa", !fault || hour < 48));
            if hour % 24 == 23 {
                live.judge(at(hour * HOUR + 2));
            }
        }
        let now = at(days * 24 * HOUR);
        let judged = live.judge(now).clone();
        let oldest = (judged.from.as_millis() - START) / HOUR / 24;
        if fault {
            assert_eq!(judged.incidents[0].started_at, at(48 * HOUR + 1));
            assert!(oldest <= 2, "kept from the day before the incident on, not from day {oldest}");
        } else {
            assert!((19..=21).contains(&oldest), "forgotten until day {oldest}");
            assert_eq!(judged.sites[1].timeline.len(), 1, "the state at the cut is still known");
        }
        live.observe(&round(-HOUR, "noc", true));
        assert_eq!(live.counters().too_late, 1, "nothing comes in behind the retention");
    }
}

#[test]
fn an_incident_is_told_when_an_answer_from_above_is_newer_and_after_ten_seconds_anyway() {
    let fast =
        Network::parse(&format!("[network]\nname = \"Uji\"\n\n[defaults]\ninterval = \"10s\"\n{NOC}{DESA}"))
            .unwrap();
    // desa falls at 40 s and is confirmed at 60 s; the last answer of noc is at 35 s, or comes at 62 s.
    for (answer, told) in [(None, 70_000), (Some(62_000), 62_000), (Some(45_000), 60_000)] {
        let mut live = Live::new(&fast);
        for k in 0..4 {
            live.observe(&round(k * 10_000 + 5_000, "noc", true));
            live.observe(&round(k * 10_000, "desa", true));
        }
        for k in 4..7 {
            live.observe(&round(k * 10_000, "desa", false));
        }
        if let Some(ms) = answer {
            live.observe(&round(ms, "noc", true));
        }
        let untold = live.judge(at(told - 1)).incidents.first().map(|incident| incident.told_at);
        assert!(untold.is_none_or(|told_at| told_at.is_none()), "{answer:?}");
        let judged = live.judge(at(told + 1));
        assert_eq!(judged.incidents[0].started_at, at(40_000));
        assert_eq!(judged.incidents[0].confirmed_at, at(60_000));
        assert_eq!(judged.incidents[0].told_at, Some(at(told)), "{answer:?}");
    }
}

#[test]
fn an_incident_is_settled_when_each_site_behind_it_is_cut_off_too_or_has_answered_since() {
    let village = |id: &str, n: u8| {
        format!(
            "\n[[site]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"desa\"\nupstream = [\"desa\"]\naddress = \"10.33.1.{n}\"\n"
        )
    };
    let text = format!(
        "[network]\nname = \"Uji\"\n\n[defaults]\ninterval = \"10s\"\n{NOC}{DESA}{}",
        village("dusun", 1)
    );
    let network = Network::parse(&text).unwrap();
    // desa falls at 40 s and is confirmed at 60 s. What of the hamlet behind it?
    for (answers, settled) in [(&[][..], false), (&[false; 3][..], true), (&[true][..], true)] {
        let mut live = Live::new(&network);
        for k in 0..7 {
            live.observe(&round(k * 10_000 + 5_000, "noc", true));
            live.observe(&round(k * 10_000, "desa", k < 4));
            if k < 4 {
                live.observe(&round(k * 10_000 + 9_000, "dusun", true));
            }
        }
        for (answered, second) in answers.iter().zip(41..) {
            live.observe(&round(second * 1_000, "dusun", *answered));
        }
        let judged = live.judge(at(62_000));
        assert_eq!(judged.incidents[0].settled, settled, "{answers:?}");
    }
}

#[test]
fn a_fall_behind_an_unreachable_stay_is_confirmed_once_it_has_outlasted_correlate() {
    let mut live = Live::new(&network(&format!("{NOC}{DESA}")));
    // The fault above is mended at hour 20; the village stays dark. Correlate is 2 hours.
    for hour in 0..30 {
        live.observe(&round(hour * HOUR, "noc", !(6..20).contains(&hour)));
        live.observe(&round(hour * HOUR, "desa", hour < 6));
    }
    let alone = [(State::Up, 0), (State::Unreachable, 6)];
    assert_eq!(states(&live.judge(at(22 * HOUR)).sites[0]), alone);
    let judged = live.judge(at(22 * HOUR + 1));
    assert_eq!(states(&judged.sites[0]), [alone[0], alone[1], (State::Down, 20)]);
    assert_eq!(judged.incidents[1].started_at, at(20 * HOUR));
    assert_eq!(judged.incidents[1].confirmed_at, at(22 * HOUR + 1));
}

#[test]
fn a_second_fall_takes_down_those_too_that_were_cut_off_all_the_while() {
    let dusun = DESA.replace("desa\"\nname", "dusun\"\nname").replace("noc", "desa").replace("0.2", "0.3");
    let mut live = Live::new(&network(&format!("{NOC}{DESA}{dusun}")));
    // Two hours of recovery are too short for the village to be anything but unreachable, and nobody looks at the hamlet.
    let observe = |live: &mut Live, hours: std::ops::Range<i64>| {
        for hour in hours {
            live.observe(&round(hour * HOUR, "noc", hour < 6 || (20..22).contains(&hour)));
            live.observe(&round(hour * HOUR, "desa", hour < 6));
            live.observe(&round(hour * HOUR, "dusun", hour < 6));
        }
    };
    observe(&mut live, 0..22);
    live.judge(at(22 * HOUR));
    observe(&mut live, 22..25);
    let judged = live.judge(at(25 * HOUR));
    assert_eq!(judged.incidents[1].started_at, at(22 * HOUR));
    let affected: Vec<&str> =
        judged.incidents[1].affected.iter().map(kentongan_model::id::SiteId::as_str).collect();
    assert_eq!(affected, ["desa", "dusun"]);
}
