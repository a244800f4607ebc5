//! XLSX: a workbook with real numbers, real dates and lengths that add up, for whoever calculates further by hand.
//!
//! Percentages are Excel's own (0.9987 shown as 99.870%), lengths are days shown as hours, minutes and seconds, times are
//! those on the wall of the network's zone. Rule guarded here: what people wrote is written as a string, never as a formula
//! or a link; the date of creation is the report's.

mod lists;
mod sheet;
mod summary;

use jiff::tz::TimeZone;
use kentongan_model::inventory::Language;
use kentongan_reports::Report;
use rust_xlsxwriter::{DocProperties, Workbook};

use crate::{
    Asked, Format, PrintError,
    page::plain,
    voice::Voice,
    xlsx::sheet::{Sheet, Styles},
};

pub(crate) fn print(report: &Report, language: Language) -> Result<Vec<u8>, PrintError> {
    let voice = Voice::new(language, &report.timezone)?;
    let words = voice.words;
    let book = Book { report, voice: &voice, styles: Styles::new() };
    let mut workbook = Workbook::new();
    let mut properties = DocProperties::new()
        .set_title(format!("{}, {} – {}", words.report, plain(&report.network), voice.month(report.month)))
        .set_keywords(Asked::of(report, Format::Xlsx, language).token())
        .set_creation_datetime(&sheet::on_the_wall(
            report.seal.made_at.to_jiff().to_zoned(TimeZone::UTC).datetime(),
        )?);
    if let Some(operator) = &report.operator {
        properties = properties.set_author(plain(operator)).set_company(plain(operator));
    }
    workbook.set_properties(&properties);
    book.summary(workbook.add_worksheet())?;
    book.sites(workbook.add_worksheet())?;
    book.outages(workbook.add_worksheet())?;
    book.contracts(workbook.add_worksheet())?;
    book.left_out(workbook.add_worksheet())?;
    book.daily(workbook.add_worksheet())?;
    Ok(workbook.save_to_buffer()?)
}

/// Writes a report sheet by sheet.
struct Book<'a> {
    report: &'a Report,
    voice: &'a Voice,
    styles: Styles,
}

impl Book<'_> {
    fn sheet<'s>(
        &'s self,
        worksheet: &'s mut rust_xlsxwriter::Worksheet,
        name: &str,
    ) -> Result<Sheet<'s>, PrintError> {
        Sheet::new(worksheet, name, self.voice, &self.styles)
    }
}
