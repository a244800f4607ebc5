//! The report of a month: from the store, from the journal, and over the API; and what became known after it was made.

use kentongan_collector::{monthly, monthly_again, monthly_until, proof::Moment};
use kentongan_reports::{Month, Report};
use kentongan_timeline::By;
use reqwest::StatusCode;

use crate::town::{Crew, Town};

const NOVEMBER: Month = Month { year: 2026, month: 11 };

fn of(town: &Town) -> Report {
    monthly(&town.data(), Some(NOVEMBER), By::Kecamatan).unwrap().report
}

/// From the journal, as it was when `report` was made.
fn again(town: &Town, report: &Report) -> Report {
    let moment = Moment {
        position: report.seal.journal_position,
        as_of: report.seal.made_at,
        inventory: Some(report.seal.inventory_digest.clone()),
    };
    monthly_again(&town.data(), NOVEMBER, By::Kecamatan, &moment, &mut |_, _| {}).unwrap()
}

#[tokio::test]
async fn the_journal_gives_the_report_again_and_time_that_passes_changes_nothing_of_it() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(6, &town, &running, &[]).await;
    crew.ticks(6, &town, &running, &["desa-a/gateway"]).await;
    running.settled(&town).await;
    let report = of(&town);
    assert!(report.sites.iter().any(|site| site.figures.outages == 1), "{report:?}");
    assert_eq!(again(&town, &report), report);
    let path = "/api/v1/reports/2026-11?by=kecamatan";
    let told = running.get(&town.http, path).await.bytes().await.unwrap();
    assert_eq!(told, serde_json::to_vec_pretty(&report).unwrap());

    // The outage ends, another begins: nothing of this was before the report was made.
    crew.ticks(6, &town, &running, &["desa-b/gateway"]).await;
    running.settled(&town).await;
    assert_ne!(of(&town).sites, report.sites);
    assert_eq!(again(&town, &report), report);
    let known = monthly_until(&town.data(), NOVEMBER, By::Kecamatan, report.seal.made_at).unwrap().report;
    assert_eq!(known.sites, report.sites);
    running.stop().await;
}

#[tokio::test]
async fn a_report_that_cannot_be_had_is_refused_with_the_reason() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(3, &town, &running, &[]).await;
    running.settled(&town).await;
    for (asked, status, words) in [
        ("2026-12", StatusCode::NOT_FOUND, "has not begun"),
        ("2026-10", StatusCode::NOT_FOUND, "what is stored begins on"),
        ("last", StatusCode::NOT_FOUND, "what is stored begins on"),
        ("november", StatusCode::BAD_REQUEST, "month"),
        ("2026-11?by=moon", StatusCode::BAD_REQUEST, "by"),
        ("2026-11?format=docx", StatusCode::BAD_REQUEST, "format"),
        ("2026-11?format=pdf", StatusCode::BAD_REQUEST, "json alone"),
        ("2026-11?lang=jv", StatusCode::BAD_REQUEST, "lang"),
        ("2026-11?colour=red", StatusCode::BAD_REQUEST, "colour"),
    ] {
        let answer = running.get(&town.http, &format!("/api/v1/reports/{asked}")).await;
        let (found, text) = (answer.status(), answer.text().await.unwrap());
        assert!(found == status && text.contains(words), "{asked}: {found}: {text}");
    }
    running.stop().await;
}
