//! The seal in a printed file: what was asked and what it was computed from, as one ASCII token that survives every
//! format: `kentongan-seal:1:<base64url of JSON>:`.
//!
//! It proves nothing by itself (whoever can edit a file can edit its seal): it tells what has to be computed again, and
//! the figures that come out then are held against the file. Rule guarded here: a seal is looked for where that format
//! carries it, so that a site's name that looks like one is not taken for it.

use std::io::{Cursor, Read};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kentongan_model::inventory::Language;
use kentongan_reports::{Month, Report, Seal};
use serde::{Deserialize, Serialize};

use crate::Format;

const BEGINNING: &str = "kentongan-seal:1:";
/// The longest token that is read, in bytes; one that is printed has about 800. What is longer is no seal.
const MAX_TOKEN: usize = 8 * 1024;
/// The longest document properties that are unpacked from a workbook, in bytes; what is longer is not read to its end.
const MAX_PROPERTIES: u64 = 256 * 1024;
/// Where a workbook keeps its keywords.
const PROPERTIES: &str = "docProps/core.xml";

/// What a file was printed for, as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The month.
    pub month: Month,
    /// How the sites were put together.
    pub by: String,
    /// The language.
    pub language: Language,
    /// The format.
    pub format: Format,
    /// What it was computed from.
    pub seal: Seal,
}

impl Asked {
    /// What `report` was asked for, printed so.
    #[must_use]
    pub fn of(report: &Report, format: Format, language: Language) -> Asked {
        Asked { month: report.month, by: report.by.clone(), language, format, seal: report.seal.clone() }
    }

    /// The token that stands in the file.
    #[must_use]
    pub fn token(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{BEGINNING}{}:", URL_SAFE_NO_PAD.encode(json))
    }

    fn read(token: &str) -> Option<Asked> {
        let encoded = token.strip_prefix(BEGINNING)?.strip_suffix(':')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
    }
}

/// What a printed report says that it was printed for; none when the bytes carry no seal.
#[must_use]
pub fn find_seal(bytes: &[u8]) -> Option<Asked> {
    let format = Format::of_bytes(bytes);
    let asked = match format {
        // The keys, the head and the metadata stand before what people wrote.
        Format::Json | Format::Html => tokens(bytes).next(),
        Format::Csv => tokens(bytes).last(),
        Format::Pdf => tokens(bytes).find(|asked| asked.format == format),
        Format::Xlsx => properties(bytes).and_then(|text| tokens(&text).next()),
    };
    asked.filter(|asked| asked.format == format)
}

fn tokens(bytes: &[u8]) -> impl Iterator<Item = Asked> + '_ {
    let begins = bytes.windows(BEGINNING.len()).enumerate();
    begins.filter(|(_, window)| *window == BEGINNING.as_bytes()).filter_map(|(at, _)| {
        let rest = &bytes[at..bytes.len().min(at + MAX_TOKEN)];
        let encoded = &rest[BEGINNING.len()..];
        let length = encoded.iter().position(|byte| *byte == b':')?;
        Asked::read(std::str::from_utf8(&rest[..=BEGINNING.len() + length]).ok()?)
    })
}

fn properties(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut text = Vec::new();
    archive.by_name(PROPERTIES).ok()?.take(MAX_PROPERTIES).read_to_end(&mut text).ok()?;
    Some(text)
}
