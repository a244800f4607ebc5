//! The October of the sample network: every figure held against what a person works out with pencil and paper.

use kentongan_model::state::Cause;
use kentongan_reports::{
    LeftOut, Month, NoReport, Report, SiteReport, compose,
    sample::{Sample, origin, report},
};
use kentongan_timeline::By;

const OCTOBER_S: f64 = 31.0 * 86_400.0;

fn site<'a>(report: &'a Report, id: &str) -> &'a SiteReport {
    report.sites.iter().find(|site| site.id.as_str() == id).expect("a site of the sample")
}

fn left_out(site: &SiteReport) -> Vec<(LeftOut, f64)> {
    let contract = site.contract.as_ref().expect("a site with a contract");
    contract.left_out.iter().map(|excluded| (excluded.why, excluded.left_out_s)).collect()
}

#[test]
fn an_outage_over_the_edge_of_the_month_counts_for_what_lies_in_it() {
    let report = report();
    let cepedak = site(&report, "desa-cepedak");
    let first = &cepedak.outages[0];
    assert_eq!((first.span.millis(), first.whole.millis()), (600_000, 720_000));
    assert_eq!((first.counted_s, first.cause), (600.0, Cause::Power));
    let brunorejo = site(&report, "desa-brunorejo");
    let last = brunorejo.outages.last().unwrap();
    assert_eq!((last.counted_s, last.whole.millis()), (120.0, 32 * 60_000));
    let contract = brunorejo.contract.as_ref().unwrap();
    assert_eq!(
        (contract.outages, contract.outage_s),
        (2, 12_600.25 + 120.0),
        "two minutes of a long outage count"
    );
}

#[test]
fn every_reason_to_leave_an_outage_out_is_told_with_its_seconds() {
    let report = report();
    assert_eq!(
        left_out(site(&report, "desa-kiyang")),
        [
            (LeftOut::Cause, 7200.0),
            (LeftOut::Maintenance, 3600.0),
            (LeftOut::Elsewhere, 2400.0),
            (LeftOut::Cause, 1800.0)
        ]
    );
    assert_eq!(
        left_out(site(&report, "hotspot-alun")),
        [
            (LeftOut::Cause, 7200.0),
            (LeftOut::OffHours, 10_800.0),
            (LeftOut::OffHours, 2400.0),
            (LeftOut::OffHours, 1800.0)
        ]
    );
    assert_eq!(left_out(site(&report, "kec-bruno")), [(LeftOut::Short, 240.0), (LeftOut::Elsewhere, 2400.0)]);
}

#[test]
fn an_outage_of_several_causes_counts_in_part_and_has_no_proved_cause() {
    let report = report();
    let tursidi = site(&report, "desa-tursidi");
    let mixed = tursidi.outages.last().unwrap();
    assert_eq!((mixed.counted_s, mixed.cause), (5400.0, Cause::Undetermined));
    assert_eq!(
        mixed.roots.iter().map(kentongan_model::id::SiteId::as_str).collect::<Vec<_>>(),
        ["desa-tursidi", "kec-kutoarjo"]
    );
    let contract = tursidi.contract.as_ref().unwrap();
    assert_eq!((contract.outages, contract.outage_s), (2, 11_700.0 + 3600.0));
    assert!(left_out(tursidi).contains(&(LeftOut::Cause, 1800.0)));
    let causes = tursidi.figures.causes;
    assert_eq!((causes.power_s, causes.link_s, causes.undetermined_s), (9000.0, 6000.0, 11_700.0));
}

#[test]
fn a_contract_counts_less_than_the_villages_lived_through_and_gives_back_what_is_missed() {
    let report = report();
    let [icon, telkom] = &report.contracts[..] else { panic!("two contracts") };
    // Five sites, two of them with less time: planned work of two hours, and 22 working days of ten hours.
    let observed = 4.0 * OCTOBER_S - 7200.0 + 22.0 * 36_000.0;
    let counted = 15_300.0;
    assert_eq!(icon.sites, 5);
    assert!((icon.uptime_pct.unwrap() - 100.0 * (observed - counted) / observed).abs() < 1e-9);
    assert!(icon.lived_uptime_pct < icon.uptime_pct);
    assert_eq!((icon.met, icon.restitution_pct), (Some(true), None));
    assert_eq!((telkom.sites, telkom.met, telkom.restitution_pct), (5, Some(true), None));
    assert_eq!(icon.sites_missed, 1, "desa-tursidi: 15,300 s of 31 days");
}

#[test]
fn what_misses_the_target_is_given_back_in_proportion() {
    let mut sample = Sample::new();
    sample.network.contracts[0].target = 99.9;
    let report = sample.report(By::Site);
    let icon = &report.contracts[0];
    let missed = 99.9 - icon.uptime_pct.unwrap();
    assert_eq!((icon.met, icon.restitution_pct), (Some(false), Some(missed * 5.0)));
}

#[test]
fn without_enough_data_there_is_no_uptime_but_what_was_seen() {
    let report = report();
    let gowong = site(&report, "desa-gowong");
    assert!(!gowong.figures.enough && gowong.figures.unknown_s == 5.5 * 86_400.0);
    assert_eq!((gowong.figures.uptime_pct, gowong.sla_met), (None, None));
    assert_eq!(gowong.contract.as_ref().unwrap().met, None);
    assert!(!report.worst.contains(&gowong.id));
    assert_eq!((report.summary.sites, report.summary.sites_enough), (12, 11));
}

#[test]
fn days_and_outages_add_up_to_the_figures_of_every_site() {
    for by in [By::Site, By::Kecamatan, By::Kind, By::Provider] {
        for site in &Sample::new().report(by).sites {
            let sum = |pick: fn(&kentongan_reports::Day) -> i64| {
                site.days.iter().map(pick).sum::<i64>() as f64 / 1000.0
            };
            let figures = &site.figures;
            assert_eq!(sum(|day| day.up_ms + day.degraded_ms), figures.up_s, "{}", site.id);
            assert_eq!(sum(|day| day.down_ms), figures.down_s, "{}", site.id);
            assert_eq!(sum(|day| day.unreachable_ms), figures.unreachable_s, "{}", site.id);
            assert_eq!(sum(|day| day.unknown_ms), figures.unknown_s, "{}", site.id);
            assert_eq!(sum(|day| day.maintenance_ms), figures.maintenance_s, "{}", site.id);
            let counted: Vec<f64> =
                site.outages.iter().map(|outage| outage.counted_s).filter(|s| *s > 0.0).collect();
            assert_eq!(counted.len(), figures.outages as usize, "{}", site.id);
            assert_eq!(counted.iter().sum::<f64>(), figures.down_s + figures.unreachable_s, "{}", site.id);
            let causes = figures.causes;
            assert_eq!(
                causes.power_s + causes.link_s + causes.undetermined_s,
                counted.iter().sum::<f64>(),
                "{}",
                site.id
            );
        }
    }
}

#[test]
fn the_seal_changes_with_any_figure_and_with_nothing_else() {
    let sample = Sample::new();
    let (first, again) = (sample.report(By::Site), sample.report(By::Site));
    assert_eq!(first, again);
    let mut other = Sample::new();
    other.faults[3].cause = Cause::Link;
    assert_ne!(first.seal.figures_digest, other.report(By::Site).seal.figures_digest);
    let mut elsewhere = origin();
    elsewhere.journal_position += 1;
    let month = Month { year: 2026, month: 10 };
    let moved = compose(&sample.known(), month, By::Site, elsewhere).unwrap();
    assert_eq!(first.seal.figures_digest, moved.seal.figures_digest);
}

#[test]
fn a_month_that_nothing_is_known_of_is_refused_with_the_reason() {
    let sample = Sample::new();
    let told = |month: &str| compose(&sample.known(), month.parse().unwrap(), By::Site, origin()).map(|_| ());
    assert!(matches!(told("2026-12"), Err(NoReport::Future { .. })));
    assert!(matches!(told("2026-08"), Err(NoReport::Before { .. })));
    assert_eq!(told("2026-11"), Ok(()), "the month that is under way is told as far as it is known");
}

#[test]
fn the_golden_report_of_october() {
    insta::assert_json_snapshot!(report());
}
