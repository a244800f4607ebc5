//! Routers whose clocks are off, whose crystals drift and whose deliveries are held up.

use kentongan_model::time::BootId;
use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;
/// When the router's clock stood at 0, in the collector's time.
const ZERO: i64 = 1_800_000_000_000;
/// Where a clock that was never set begins.
const NEVER_SET: i64 = 0;

/// A delivery sent at `mono_ms` of a clock that keeps time, and received `delay_ms` later.
fn sent(mono_ms: i64, delay_ms: i64, wall_ms: i64) -> Sight {
    received(mono_ms, ZERO + mono_ms + delay_ms, wall_ms)
}

fn received(mono_ms: i64, received_ms: i64, wall_ms: i64) -> Sight {
    let stamp =
        Stamp { boot: BootId(1), mono_ms: mono_ms.unsigned_abs(), wall: Timestamp::from_millis(wall_ms) };
    Sight::of(&stamp, Timestamp::from_millis(received_ms))
}

/// A boot whose deliveries came every 30 s from `from_ms` to `to_ms`, each 40 ms late.
fn watched(boot: &mut Boot, from_ms: i64, to_ms: i64) {
    for mono_ms in (from_ms..=to_ms).step_by(30_000) {
        boot.see(sent(mono_ms, 40, NEVER_SET));
    }
}

#[test]
fn with_a_wall_clock_of_1970_a_second_delivery_that_agrees_places_and_one_alone_does_not() {
    let mut boot = Boot::default();
    assert_eq!(boot.see(sent(60_000, 90_000, NEVER_SET)), Worth::First);
    assert_eq!((boot.zero(60_000), boot.boot_at()), (None, None));
    assert_eq!(boot.see(sent(160_000, 300, NEVER_SET)), Worth::Alone, "the first was held up");
    assert_eq!(boot.zero(160_000), None);
    assert_eq!(boot.see(sent(190_000, 100, NEVER_SET)), Worth::Agreed);
    assert_eq!(boot.zero(60_000), Some(ZERO + 100));
    assert_eq!(boot.boot_at(), Some(Timestamp::from_millis(ZERO + 100)));
}

#[test]
fn a_wall_clock_that_agrees_places_at_once() {
    let mut boot = Boot::default();
    assert_eq!(boot.see(sent(60_000, 100, ZERO + 60_000 + 300)), Worth::Agreed);
    assert_eq!(boot.zero(0), Some(ZERO + 100));
    let mut boot = Boot::default();
    assert_eq!(boot.see(sent(60_000, 100, ZERO + 60_000 + 700)), Worth::First);
}

#[test]
fn a_delivery_that_was_held_up_for_minutes_shifts_nothing_even_when_the_wall_clock_seems_to_agree_with_it() {
    let mut boot = Boot::default();
    watched(&mut boot, 0, HOUR);
    let known = boot.clone();
    let ten_minutes_ahead = ZERO + HOUR + 30_000 + 600_000;
    assert_eq!(boot.see(sent(HOUR + 30_000, 600_000, ten_minutes_ahead)), Worth::Late);
    assert_eq!(boot.zero(HOUR), known.zero(HOUR));
    assert_eq!(boot.boot_at(), known.boot_at());
}

#[test]
fn a_crystal_that_runs_off_is_followed_and_the_moment_of_booting_stands_still() {
    for ppm in [-100, 100] {
        let mut boot = Boot::default();
        let mut told = Vec::new();
        // Every ten minutes for 30 days, by which it is off by 259 s.
        for k in 0..30 * 144 {
            let (true_ms, delay_ms) = (k * 600_000, 20 + k * 7919 % 300);
            let mono_ms = true_ms + true_ms * ppm / 1_000_000;
            boot.see(received(mono_ms, ZERO + true_ms + delay_ms, NEVER_SET));
            let Some(zero) = boot.zero(mono_ms) else { continue };
            assert!((zero + mono_ms - ZERO - true_ms).abs() < 500, "{ppm} ppm, {k}: off by {zero}");
            told.push(boot.boot_at().unwrap());
        }
        assert!(told.len() > 4_300 && told.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[test]
fn an_outage_of_a_day_is_bridged_from_both_ends_and_not_before_its_far_end_is_agreed_on() {
    let mut boot = Boot::default();
    watched(&mut boot, 0, HOUR);
    // The crystal lost 2 s a day.
    let (back, off) = (25 * HOUR, 2_000);
    assert_eq!(boot.see(received(back, ZERO + back + off + 5_000, NEVER_SET)), Worth::First);
    assert_eq!(boot.zero(13 * HOUR), None);
    boot.see(received(back + 9_000, ZERO + back + 9_000 + off + 40, NEVER_SET));
    assert_eq!(boot.zero(13 * HOUR), None, "the one before was held up for 5 s");
    assert_eq!(boot.see(received(back + 9_500, ZERO + back + 9_500 + off + 60, NEVER_SET)), Worth::Agreed);
    let middle = boot.zero(13 * HOUR).unwrap();
    assert!((middle - ZERO - off / 2).abs() < 100, "{middle}");
}

#[test]
fn what_lies_hours_away_from_every_delivery_is_not_placed_and_farther_when_the_rate_is_known() {
    let mut young = Boot::default();
    watched(&mut young, 10 * HOUR, 10 * HOUR + 60_000);
    assert!(young.zero(6 * HOUR).is_some());
    assert_eq!(young.zero(5 * HOUR), None, "100 ppm of 5 h and the delay are over 2 s");
    let mut old = Boot::default();
    watched(&mut old, 0, 48 * HOUR);
    assert!(old.zero(60 * HOUR).is_some());
    assert_eq!(old.zero(120 * HOUR), None);
}

#[test]
fn a_mapping_that_is_disproved_waits_for_the_next_agreement() {
    let mut boot = Boot::default();
    // Two deliveries that were held up alike.
    boot.see(sent(0, 5_000, NEVER_SET));
    assert_eq!(boot.see(sent(30_000, 5_100, NEVER_SET)), Worth::Agreed);
    assert_eq!(boot.see(sent(60_000, 50, NEVER_SET)), Worth::Alone);
    assert_eq!((boot.zero(60_000), boot.boot_at()), (None, None));
    assert_eq!(boot.see(sent(90_000, 40, NEVER_SET)), Worth::Agreed);
    assert_eq!(boot.zero(0), Some(ZERO + 40));
}

#[test]
fn a_collectors_clock_that_was_set_is_followed_at_once_when_it_was_seen_and_after_an_hour_when_not() {
    let mut seen = Boot::default();
    watched(&mut seen, 0, HOUR);
    let mut unseen = seen.clone();
    seen.shift(30_000);
    assert_eq!(seen.see(sent(HOUR + 30_000, 30_040, NEVER_SET)), Worth::Agreed);
    assert_eq!(seen.zero(HOUR), Some(ZERO + 30_040));
    for mono_ms in (HOUR + 30_000..2 * HOUR).step_by(30_000) {
        assert_eq!(unseen.see(sent(mono_ms, 30_040, NEVER_SET)), Worth::Late);
    }
    assert_eq!(unseen.see(sent(2 * HOUR + 30_000, 30_040, NEVER_SET)), Worth::Agreed);
    assert_eq!(unseen.zero(2 * HOUR), Some(ZERO + 30_040));
}

#[test]
fn what_is_kept_of_a_boot_is_bounded_and_impossible_clocks_do_no_harm() {
    let mut boot = Boot::default();
    watched(&mut boot, 0, 100 * HOUR);
    assert_eq!(boot.knots.len(), KNOTS);
    let mut mad = Boot::default();
    for mono_ms in [u64::MAX, 0, 1 << 60, 17] {
        let stamp = Stamp { boot: BootId(1), mono_ms, wall: Timestamp::MAX };
        for at in [Timestamp::MIN, Timestamp::MAX] {
            mad.see(Sight::of(&stamp, at));
            mad.zero(shown(mono_ms));
        }
    }
    mad.shift(i64::MAX);
    mad.shift(i64::MIN);
}

/// What a router's wall clock says.
#[derive(Debug, Clone, Copy)]
enum Wall {
    Right,
    NeverSet,
    Off(i64),
}

/// A delivery: how long after the one before, how long it took (in steps, so that no two that were held up agree), and
/// what the wall clock said.
#[derive(Debug, Clone)]
struct Step {
    gap_ms: i64,
    delay_ms: i64,
    held_up: Option<u8>,
    wall: Wall,
    is_restarted: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![8 => 1_000_i64..40_000, 1 => HOUR..30 * HOUR];
    let wall = prop_oneof![
        Just(Wall::Right),
        Just(Wall::NeverSet),
        Just(Wall::Off(600_000)),
        Just(Wall::Off(-HOUR)),
        (-10 * HOUR..-2_000).prop_map(Wall::Off),
    ];
    let held_up = proptest::option::weighted(0.3, 0_u8..40);
    let step = (gap, 0_i64..400, held_up, wall, any::<bool>()).prop_map(
        |(gap_ms, delay_ms, held_up, wall, is_restarted)| Step {
            gap_ms,
            delay_ms,
            held_up,
            wall,
            is_restarted,
        },
    );
    prop::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn whatever_the_wall_clock_does_what_is_trusted_is_off_by_2_s_at_most_and_a_restart_changes_nothing(
        steps in steps(), ppm in -90_i64..=90, sway_ppm in 0.0..9.0_f64,
    ) {
        // The clock's rate: a mean, and a sway around it from day to night.
        let shows = |true_ms: i64| {
            let day = 24.0 * 3_600_000.0 / std::f64::consts::TAU;
            let sway = sway_ppm / 1e6 * day * (1.0 - (true_ms as f64 / day).cos());
            true_ms + true_ms * ppm / 1_000_000 + sway as i64
        };
        let (mut boot, mut restarted) = (Boot::default(), Boot::default());
        let (mut now, mut times, mut used) = (60_000, Vec::new(), std::collections::BTreeSet::new());
        for step in steps {
            now += step.gap_ms;
            times.push(now - step.gap_ms / 2);
            // Each delay beyond 2 s occurs once: what was held up does not agree with anything by chance.
            let held_up = step.held_up.filter(|nth| used.insert(*nth)).map_or(0, |nth| 3_000 + i64::from(nth) * 2_500);
            let wall = match step.wall {
                Wall::Right => ZERO + now,
                Wall::NeverSet => now,
                Wall::Off(by) => ZERO + now + by,
            };
            let sight = received(shows(now), ZERO + now + step.delay_ms + held_up, wall);
            prop_assert_eq!(boot.see(sight), restarted.see(sight));
            if step.is_restarted {
                restarted = serde_json::from_str(&serde_json::to_string(&restarted).unwrap()).unwrap();
            }
            for &time in &times {
                if let Some(zero) = boot.zero(shows(time)) {
                    let off = zero + shows(time) - ZERO - time;
                    prop_assert!(off.abs() <= TRUSTED_MS, "off by {} ms", off);
                }
            }
        }
        prop_assert_eq!(boot, restarted);
    }
}
