//! CSV: one line for each site, for whoever calculates further.
//!
//! In Bahasa Indonesia it is what the spreadsheets in the office open by a double click: a byte order mark, semicolons,
//! decimal commas, titles and words of the language. In English it is what scripts read: no mark, commas, decimal points,
//! the names of the JSON, RFC 3339 times, empty where there is nothing to say (`enough` tells whether it is for want of
//! data). The last line begins with `#` and carries the seal; scripts skip it as a comment.
//!
//! Rule guarded here: no text of people begins a formula (CWE-1236); it gets an apostrophe in front.

use ::csv::{QuoteStyle, Terminator, WriterBuilder};
use kentongan_model::inventory::Language;
use kentongan_reports::Report;

use crate::{
    Asked, Format, PrintError,
    columns::{COLUMNS, Value},
    voice::Voice,
};

/// What makes a spreadsheet read the file as UTF-8.
const MARK: &str = "\u{feff}";

pub(crate) fn print(report: &Report, language: Language) -> Result<Vec<u8>, PrintError> {
    let voice = Voice::new(language, &report.timezone)?;
    let (mark, delimiter) = match language {
        Language::Id => (MARK, b';'),
        Language::En => ("", b','),
    };
    let mut writer = WriterBuilder::new()
        .delimiter(delimiter)
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(mark.as_bytes().to_vec());
    writer.write_record(COLUMNS.iter().map(|column| match language {
        Language::Id => (column.title)(voice.words),
        Language::En => column.key,
    }))?;
    for site in &report.sites {
        writer.write_record(
            COLUMNS.iter().map(|column| field((column.value)(site, &voice), &voice, language)),
        )?;
    }
    let mut bytes = writer.into_inner().map_err(|error| ::csv::Error::from(error.into_error()))?;
    bytes.extend_from_slice(format!("# {}\r\n", Asked::of(report, Format::Csv, language).token()).as_bytes());
    Ok(bytes)
}

fn field(value: Value, voice: &Voice, language: Language) -> String {
    let point = |number: String| number.replace('.', &voice.point().to_string());
    match value {
        Value::Text(text) => harmless(text),
        Value::Percent(percentage) => point(decimals(percentage, 4)),
        Value::Seconds(seconds) => point(decimals(seconds, 3)),
        Value::Count(count) => count.to_string(),
        Value::Moment(time) => match language {
            Language::Id => voice.local(time).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Language::En => time.to_string(),
        },
        Value::Flag(is) => match language {
            Language::Id => voice.words.yes_no(is).to_owned(),
            Language::En => is.to_string(),
        },
        Value::NotEnough => match language {
            Language::Id => voice.words.not_enough.to_owned(),
            Language::En => String::new(),
        },
        Value::Nothing => String::new(),
    }
}

/// At most that many decimals, none that say nothing.
fn decimals(number: f64, count: usize) -> String {
    let text = format!("{number:.count$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: String) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text }
}
