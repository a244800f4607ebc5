//! What a report is printed as: the word of the command line and the API, the file extension, the media type.

use std::{fmt, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a report is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no format of reports: json, csv, xlsx, pdf or html")]
pub struct FormatError(String);

impl Format {
    /// Every format.
    pub const ALL: [Format; 5] = [Format::Json, Format::Csv, Format::Xlsx, Format::Pdf, Format::Html];

    /// The word of the command line and the API, which is the file extension, too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Pdf => "pdf",
            Format::Html => "html",
        }
    }

    /// The media type that HTTP calls it.
    #[must_use]
    pub const fn mime(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Pdf => "application/pdf",
            Format::Html => "text/html; charset=utf-8",
        }
    }

    /// The format that a file's name asks for by its extension, in capitals or not; `.htm` is HTML.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Format> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        if extension == "htm" { Some(Format::Html) } else { extension.parse().ok() }
    }

    /// What the bytes of a printed report are, told by how they begin.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Format {
        let text = bytes.trim_ascii_start();
        if bytes.starts_with(b"%PDF-") {
            Format::Pdf
        } else if bytes.starts_with(b"PK\x03\x04") {
            Format::Xlsx
        } else if text.starts_with(b"{") {
            Format::Json
        } else if text.starts_with(b"<") {
            Format::Html
        } else {
            Format::Csv
        }
    }
}

impl FromStr for Format {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let known = Format::ALL.into_iter().find(|format| format.as_str() == text);
        known.ok_or_else(|| FormatError(text.to_owned()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_its_word_and_by_the_name_of_a_file() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(Format::of_path(Path::new(&format!("a/laporan.2026.{format}"))), Some(format));
        }
        assert_eq!(Format::of_path(Path::new("LAPORAN.PDF")), Some(Format::Pdf));
        assert_eq!(Format::of_path(Path::new("laporan.htm")), Some(Format::Html));
        assert_eq!(Format::of_path(Path::new("laporan")), None);
        assert_eq!(Format::of_path(Path::new("laporan.docx")), None);
        let error = "docx".parse::<Format>().unwrap_err();
        assert_eq!(error.to_string(), "'docx' is no format of reports: json, csv, xlsx, pdf or html");
    }
}
