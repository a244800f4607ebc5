//! A site that an edit takes out of the inventory: what was known of it stays in the books, whatever comes after.

use kentongan_model::event::{Change, IncidentRecord, Reason};

use super::*;

/// The kecamatan does not answer.
const CUT_OFF: u8 = 2;
/// What `desa-b` is called among the edits: taken out, and put back.
const OUT: usize = 4;
const BACK: usize = 0;

fn takes_over(house: &mut House, judge: &mut Judge, k: usize) {
    house.edit(k);
    let taken = judge.takes_over(&house.inventory, house.now).unwrap();
    let id = inventories::record(&house.journal, &taken).unwrap();
    judge.change_inventory(id, taken);
    read_and_judge(judge, house.now);
}

fn ticks(house: &mut House, judge: &mut Judge, ticks: std::ops::Range<i64>, silent: u8) {
    for tick in ticks {
        house.now = second(tick * 10);
        house.file(0, tick, silent);
        // A kecamatan that is cut off delivers nothing.
        if silent & CUT_OFF == 0 {
            house.file(1, tick, silent);
        }
        read_and_judge(judge, house.now);
    }
}

fn incidents(judge: &Judge) -> Vec<IncidentRecord> {
    let found = state::incidents(&judge.state, (Timestamp::MIN, Timestamp::MAX), i64::MAX).unwrap();
    found.into_iter().rev().map(|kept| kept.record).collect()
}

fn timeline(judge: &Judge, site: &str, now: Timestamp) -> Vec<Interval> {
    let (site, whole) = (site.parse().unwrap(), (Timestamp::MIN, Timestamp::MAX));
    state::intervals(&judge.state, Some(&site), whole, now)
        .unwrap()
        .into_iter()
        .map(|(_, kept)| kept)
        .collect()
}

fn agrees(house: &House, judge: &mut Judge) {
    judge.tidy(house.now, true).unwrap();
    let verdict = verified(house);
    assert!(verdict.agrees(), "{verdict:?}");
}

#[test]
fn its_incidents_stay_one_that_lasts_ends_at_the_removal_and_a_return_changes_nothing_of_it() {
    const DESA_B: u8 = 16;
    let mut house = House::build();
    let mut judge = house.judge();
    ticks(&mut house, &mut judge, 0..40, 0);
    ticks(&mut house, &mut judge, 40..50, DESA_B);
    ticks(&mut house, &mut judge, 50..60, 0);
    ticks(&mut house, &mut judge, 60..70, DESA_B);
    let before = incidents(&judge);
    assert_eq!(before.len(), 2, "{before:?}");
    assert!(before[0].ended_at.is_some() && before[1].ended_at.is_none());

    let removed = second(693);
    house.now = removed;
    takes_over(&mut house, &mut judge, OUT);
    let after = incidents(&judge);
    assert_eq!(after[0], before[0], "what was over stays as it was");
    assert_eq!(after[1].ended_at, Some(removed));
    let marked = after[1].amendments.last().unwrap();
    assert_eq!(marked.changes, [Change::End { was: None, now: Some(removed) }]);
    assert_eq!(marked.reasons, [Reason::Inventory]);
    let known = timeline(&judge, "desa-b", house.now);
    assert_eq!(known.last().unwrap().to, removed);
    agrees(&house, &mut judge);

    // Neither time, nor a restart, nor the loss of all that is derived changes it.
    ticks(&mut house, &mut judge, 70..80, 0);
    drop(judge);
    judge = house.judge();
    ticks(&mut house, &mut judge, 80..82, 0);
    assert_eq!((incidents(&judge), timeline(&judge, "desa-b", house.now)), (after.clone(), known.clone()));
    let told = state::events(&judge.state, 0, usize::MAX).unwrap();
    let resolved = |kind: &EventKind| matches!(kind, EventKind::IncidentResolved { incident } if incident.id == after[1].id);
    assert_eq!(told.iter().filter(|event| resolved(&event.kind)).count(), 1);

    // It comes back, and fails once more.
    house.now = second(815);
    takes_over(&mut house, &mut judge, BACK);
    ticks(&mut house, &mut judge, 82..90, 0);
    ticks(&mut house, &mut judge, 90..100, DESA_B);
    let (later, back) = (incidents(&judge), timeline(&judge, "desa-b", house.now));
    assert_eq!((&later[..2], &back[..known.len()]), (&after[..], &known[..]));
    assert_eq!((later.len(), back[known.len()].from), (3, second(815)));
    agrees(&house, &mut judge);

    drop(judge);
    house.lose_state();
    judge = house.judge();
    read_and_judge(&mut judge, house.now);
    let spans = |incidents: &[IncidentRecord]| -> Vec<_> {
        incidents.iter().map(|record| (record.started_at, record.ended_at)).collect()
    };
    assert_eq!(spans(&incidents(&judge)), spans(&later));
    assert_eq!(timeline(&judge, "desa-b", house.now), back);
    agrees(&house, &mut judge);
}

#[test]
fn a_fault_that_is_over_still_names_the_site_that_it_took_down() {
    let mut house = House::build();
    let mut judge = house.judge();
    ticks(&mut house, &mut judge, 0..40, 0);
    ticks(&mut house, &mut judge, 40..52, CUT_OFF);
    ticks(&mut house, &mut judge, 52..60, 0);
    let before = incidents(&judge);
    let affected: Vec<&str> = before[0].affected.iter().map(|site| site.id.as_str()).collect();
    assert_eq!((before.len(), &affected[..]), (1, &["desa-a", "desa-b"][..]));
    takes_over(&mut house, &mut judge, OUT);
    ticks(&mut house, &mut judge, 60..63, 0);
    assert_eq!(incidents(&judge), before);
    agrees(&house, &mut judge);
    house.now = second(625);
    takes_over(&mut house, &mut judge, BACK);
    ticks(&mut house, &mut judge, 63..66, 0);
    assert_eq!(incidents(&judge), before);
    agrees(&house, &mut judge);
}
