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
    columns::{COLUMNS, Column, Value},
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
        Language::Id => with_unit(column, &voice),
        Language::En => column.key.to_owned(),
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
        Value::Percent(percentage) => point(decimals(cut(percentage), 4)),
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

/// The title for people, with the unit that the name for scripts ends in: nothing else in the file tells it.
fn with_unit(column: &Column, voice: &Voice) -> String {
    let title = (column.title)(voice.words);
    if column.key.ends_with("_pct") {
        format!("{title} (%)")
    } else if column.key.ends_with("_s") {
        format!("{title} ({})", voice.words.seconds)
    } else {
        title.to_owned()
    }
}

/// Cut after the fourth decimal: a month with a second of outage is not 100 %.
fn cut(percentage: f64) -> f64 {
    (percentage * 1e4 + 1e-6).floor() / 1e4
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_cut_and_a_whole_number_stays_one() {
        for (percentage, said) in
            [(100.0, "100"), (99.999_963, "99.9999"), (99.5, "99.5"), (0.0, "0"), (82.25, "82.25")]
        {
            assert_eq!(decimals(cut(percentage), 4), said);
        }
        assert_eq!(decimals(1_200.0, 3), "1200");
    }

    #[test]
    fn no_text_begins_a_formula() {
        for text in ["=1+1", "+62", "-1", "@SUM(A1)", "\t=1", "＝1"] {
            assert_eq!(harmless(text.to_owned()), format!("'{text}"));
        }
        assert_eq!(harmless("Desa = Kota".to_owned()), "Desa = Kota");
    }
}
