//! Reports as files that people read: JSON, CSV, XLSX, PDF, HTML; in Bahasa Indonesia or English.
//!
//! Input is a [`Report`], output are bytes. Rule guarded here: the same report in the same format is the same bytes, so
//! that a file can be held against what is computed again, and what people wrote (names of sites) is never read as
//! markup, formula or script.

mod format;
mod seal;

use kentongan_model::inventory::Language;
use kentongan_reports::Report;

pub use format::{Format, FormatError};
pub use seal::{Asked, find_seal};

mod columns;
mod csv;
mod html;
mod json;
mod page;
mod pdf;
mod strip;
mod voice;
mod words;
mod xlsx;

/// A report that cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// The time zone data does not have the network's zone.
    #[error("the time zone '{0}' is not known here")]
    Zone(String, #[source] jiff::Error),
    /// The report as JSON, or the page as the typesetter's input.
    #[error("the report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The library of CSV refused.
    #[error("the report cannot be written as CSV")]
    Csv(#[from] ::csv::Error),
    /// The library of XLSX refused; a sheet has at most 1,048,576 rows.
    #[error("the report cannot be written as XLSX")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// The template of the page refused.
    #[error("the report cannot be written as HTML")]
    Html(#[from] askama::Error),
    /// The typesetter refused, with what it said.
    #[error("the report cannot be typeset: {0}")]
    Pdf(String),
}

/// Prints a report: the same bytes for the same report, format and language.
///
/// # Errors
/// When the time zone is not known, or the format's library refuses.
pub fn print(report: &Report, format: Format, language: Language) -> Result<Vec<u8>, PrintError> {
    match format {
        Format::Json => json::print(report, language),
        Format::Csv => csv::print(report, language),
        Format::Xlsx => xlsx::print(report, language),
        Format::Pdf => pdf::print(report, language),
        Format::Html => html::print(report, language),
    }
}
