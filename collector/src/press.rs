//! The press: whatever prints a report as a file, given to the collector from outside, because typesetting is heavy and
//! none of its business.
//!
//! The rule it guards: without a press a report is still to be had as JSON.

use std::{fmt, sync::Arc};

use kentongan_model::inventory::Language;
use kentongan_reports::Report;

/// What prints: a report, the word of a format, a language; bytes, or why not.
pub type Print = dyn Fn(&Report, &str, Language) -> Result<Vec<u8>, String> + Send + Sync;

/// A format, as the API speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// Its word, which is the file's extension, too.
    pub(crate) word: &'static str,
    /// Its media type.
    pub(crate) mime: &'static str,
}

const fn format(word: &'static str, mime: &'static str) -> Format {
    Format { word, mime }
}

/// JSON, which needs no press.
pub(crate) const JSON: Format = format("json", "application/json");

/// Every format.
pub(crate) const FORMATS: [Format; 5] = [
    JSON,
    format("csv", "text/csv; charset=utf-8"),
    format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    format("pdf", "application/pdf"),
    format("html", "text/html; charset=utf-8"),
];

/// A press, or none.
#[derive(Clone, Default)]
pub(crate) struct Press(pub(crate) Option<Arc<Print>>);

impl Press {
    /// Prints a report.
    pub(crate) fn print(
        &self,
        report: &Report,
        format: Format,
        language: Language,
    ) -> Result<Vec<u8>, String> {
        match &self.0 {
            Some(print) => print(report, format.word, language),
            None if format == JSON => serde_json::to_vec_pretty(report).map_err(|error| error.to_string()),
            None => Err(format!("this collector prints json alone, not {}", format.word)),
        }
    }
}

impl fmt::Debug for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Press" } else { "no press" })
    }
}
