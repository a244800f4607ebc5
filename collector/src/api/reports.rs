//! The report of a month, as a file: what `kentongan report` writes, byte for byte.
//!
//! The rule it guards: one report is made at a time; others wait their turn, and time out as any request does.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use kentongan_model::inventory::Language;
use kentongan_reports::Month;
use kentongan_timeline::By;
use tokio::sync::Semaphore;

use super::params::{Named, Params};
use crate::{
    monthly::{self, Monthly, MonthlyError},
    press::{FORMATS, Format, JSON},
    problem::Problem,
    station::Station,
};

/// Where reports lie.
pub(super) const PATH: &str = "/api/v1/reports/";
/// How long one may take beyond other requests: thousands of pages are typeset.
pub(super) const LONGEST_PRINT: Duration = Duration::from_secs(120);

/// Reports that are made at the same time. More wait their turn.
static TURNS: Semaphore = Semaphore::const_new(1);

/// The report of a month, as a file
#[utoipa::path(get, path = "/api/v1/reports/{month}", tag = "uptime",
    params(
        ("month" = String, Path, description = "Such as 2026-10, or `last`: the last one that is over"),
        ("by" = Option<String>, Query, description = "site (as when missing), kecamatan, kind or provider"),
        ("format" = Option<String>, Query, description = "json (as when missing), csv, xlsx, pdf or html"),
        ("lang" = Option<String>, Query, description = "id or en; that of the inventory when missing")),
    responses(
        (status = 200, description = "The file"),
        (status = 400, description = "A parameter is wrong, or the press cannot print it", body = Problem),
        (status = 404, description = "Nothing is known of that month", body = Problem),
        (status = 503, description = "Not judged yet", body = Problem)))]
pub(super) async fn report(
    State(station): State<Arc<Station>>,
    Named(month): Named,
    mut params: Params,
) -> Result<Response, Problem> {
    let month: Option<Month> = match month.as_str() {
        "last" => None,
        text => Some(text.parse().map_err(|fault: kentongan_reports::MonthError| {
            Problem::parameter("month", fault.to_string())
        })?),
    };
    let groupings =
        [("site", By::Site), ("kecamatan", By::Kecamatan), ("kind", By::Kind), ("provider", By::Provider)];
    let by = params.word("by", &groupings)?.unwrap_or(By::Site);
    let format = params.word("format", &FORMATS.map(|format| (format.word, format)))?.unwrap_or(JSON);
    let language = params.word("lang", &[("id", Language::Id), ("en", Language::En)])?;
    params.done()?;
    let turn = TURNS.acquire().await.map_err(|_| Problem::busy("the collector stops"))?;
    // It goes on when the one who asked hangs up, and holds its turn as long.
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let Monthly { report, language: spoken } =
            monthly::from_store(&station.journal, &station.state, month, by).map_err(refusal)?;
        let printed = station.press.print(&report, format, language.unwrap_or(spoken));
        let bytes = printed.map_err(|error| Problem::parameter("format", error))?;
        Ok::<_, Problem>((report.month, bytes))
    });
    let (month, bytes) = made.await.map_err(|_| Problem::busy("the report failed; the log says why"))??;
    Ok(file(month, format, bytes))
}

/// The file as an answer.
fn file(month: Month, format: Format, bytes: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"kentongan-{month}.{}\"", format.word);
    let headers = [(header::CONTENT_TYPE, format.mime.to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, bytes).into_response()
}

fn refusal(error: MonthlyError) -> Problem {
    match error {
        MonthlyError::Store(error) => error.into(),
        MonthlyError::NotJudged => Problem::busy(error.to_string()),
        MonthlyError::NoReport(_) | MonthlyError::NoData(_) => Problem::not_found(error.to_string()),
    }
}
