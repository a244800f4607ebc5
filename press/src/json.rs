//! JSON: the report itself, for whoever computes further; its first key is the token of the seal.

use kentongan_model::inventory::Language;
use kentongan_reports::Report;
use serde::Serialize;

use crate::{Asked, Format, PrintError};

#[derive(Serialize)]
struct Sealed<'a> {
    token: String,
    #[serde(flatten)]
    report: &'a Report,
}

pub(crate) fn print(report: &Report, language: Language) -> Result<Vec<u8>, PrintError> {
    let token = Asked::of(report, Format::Json, language).token();
    let mut bytes = serde_json::to_vec_pretty(&Sealed { token, report })?;
    bytes.push(b'\n');
    Ok(bytes)
}
