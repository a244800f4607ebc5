//! One sheet being written: values into cells, each in the form that Excel calculates with.

use jiff::civil;
use rust_xlsxwriter::{
    Color, ExcelDateTime, Format, FormatAlign, FormatBorder, FormatPattern, Worksheet, XlsxError,
};

use crate::{PrintError, columns::Value, strip::Mark, voice::Voice};

/// Days have that many seconds; Excel's lengths are days.
const DAY_S: f64 = 86_400.0;

/// About so many characters go beside each other on a printed page that can still be read.
const PAGE_WIDE: f64 = 240.0;

/// How cells look.
pub(super) struct Styles {
    pub(super) title: Format,
    pub(super) head: Format,
    pub(super) text: Format,
    pub(super) bold: Format,
    percent: Format,
    length: Format,
    count: Format,
    moment: Format,
    faint: Format,
    marks: [Format; Mark::ALL.len()],
}

impl Styles {
    pub(super) fn new() -> Styles {
        let top = Format::new().set_align(FormatAlign::Top);
        Styles {
            title: Format::new().set_bold().set_font_size(14),
            head: Format::new()
                .set_bold()
                .set_text_wrap()
                .set_align(FormatAlign::Top)
                .set_background_color(Color::RGB(0x001F_3F5B))
                .set_font_color(Color::White)
                .set_border_bottom(FormatBorder::Thin),
            text: top.clone(),
            bold: top.clone().set_bold(),
            percent: top.clone().set_num_format("0.000%"),
            length: top.clone().set_num_format("[h]:mm:ss"),
            count: top.clone().set_num_format("#,##0"),
            moment: top.clone().set_num_format("yyyy-mm-dd hh:mm:ss"),
            faint: top.set_font_color(Color::Gray),
            marks: Mark::ALL.map(mark),
        }
    }
}

fn mark(mark: Mark) -> Format {
    let color = |hex: &str| Color::RGB(u32::from_str_radix(hex, 16).unwrap_or(0));
    let format = Format::new()
        .set_align(FormatAlign::Center)
        .set_font_color(color(mark.ink()))
        .set_background_color(color(mark.paper()))
        .set_border(FormatBorder::Hair)
        .set_border_color(Color::RGB(0x00B0_B0B0));
    if mark == Mark::Unknown { format.set_pattern(FormatPattern::LightUp) } else { format }
}

/// One sheet.
pub(super) struct Sheet<'a> {
    to: &'a mut Worksheet,
    voice: &'a Voice,
    pub(super) styles: &'a Styles,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(
        to: &'a mut Worksheet,
        name: &str,
        voice: &'a Voice,
        styles: &'a Styles,
    ) -> Result<Sheet<'a>, PrintError> {
        to.set_name(name)?.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
        Ok(Sheet { to, voice, styles })
    }

    /// The headings of a list, which stay in sight and filter it, once all its `rows` are known.
    pub(super) fn list(&mut self, columns: &[(&str, f64)], rows: usize) -> Result<(), PrintError> {
        for (at, (title, width)) in columns.iter().enumerate() {
            let at = column(at);
            self.to.write_string_with_format(0, at, *title, &self.styles.head)?;
            self.to.set_column_width(at, *width)?;
        }
        let last = column(columns.len().saturating_sub(1));
        self.to.set_freeze_panes(1, 2)?.set_repeat_rows(0, 0)?.set_repeat_columns(0, 1)?;
        let wide: f64 = columns.iter().map(|(_, width)| width).sum();
        self.to.set_print_fit_to_pages(pages(wide), 0);
        self.to.autofilter(0, 0, u32::try_from(rows).unwrap_or(u32::MAX), last)?;
        Ok(())
    }

    pub(super) fn widths(&mut self, widths: &[f64]) -> Result<(), PrintError> {
        for (at, width) in widths.iter().enumerate() {
            self.to.set_column_width(column(at), *width)?;
        }
        Ok(())
    }

    pub(super) fn say(&mut self, row: u32, at: usize, text: &str, format: &Format) -> Result<(), PrintError> {
        self.to.write_string_with_format(row, column(at), text, format)?;
        Ok(())
    }

    pub(super) fn mark(&mut self, row: u32, at: usize, mark: Mark) -> Result<(), PrintError> {
        let format = &self.styles.marks[mark.place()];
        // A digit is written as a number, so that Excel does not warn of each.
        match mark.sign().parse::<u8>() {
            Ok(digit) => self.to.write_number_with_format(row, column(at), digit, format)?,
            Err(_) => self.to.write_string_with_format(row, column(at), mark.sign(), format)?,
        };
        Ok(())
    }

    pub(super) fn value(&mut self, row: u32, at: usize, value: &Value) -> Result<(), PrintError> {
        let (at, styles, words) = (column(at), self.styles, self.voice.words);
        match value {
            Value::Text(text) => self.to.write_string_with_format(row, at, clean(text), &styles.text)?,
            Value::Percent(percentage) => {
                self.to.write_number_with_format(row, at, percentage / 100.0, &styles.percent)?
            }
            Value::Seconds(seconds) => {
                self.to.write_number_with_format(row, at, seconds / DAY_S, &styles.length)?
            }
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
            Value::Count(count) => self.to.write_number_with_format(row, at, *count as f64, &styles.count)?,
            Value::Moment(time) => {
                let time = on_the_wall(self.voice.civil(*time))?;
                self.to.write_datetime_with_format(row, at, &time, &styles.moment)?
            }
            Value::Flag(is) => self.to.write_string_with_format(row, at, words.yes_no(*is), &styles.text)?,
            Value::NotEnough => self.to.write_string_with_format(row, at, words.not_enough, &styles.faint)?,
            Value::Nothing => return Ok(()),
        };
        Ok(())
    }

    pub(super) fn row(&mut self, row: u32, values: &[Value]) -> Result<(), PrintError> {
        values.iter().enumerate().try_for_each(|(at, value)| self.value(row, at, value))
    }
}

/// A time as Excel counts it.
pub(super) fn on_the_wall(time: civil::DateTime) -> Result<ExcelDateTime, XlsxError> {
    let part = |part: i8| u8::try_from(part).unwrap_or(0);
    let year = u16::try_from(time.year()).unwrap_or(0);
    let day = ExcelDateTime::from_ymd(year, part(time.month()), part(time.day()))?;
    day.and_hms(part(time.hour()).into(), part(time.minute()), part(time.second()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 100")]
fn pages(wide: f64) -> u16 {
    (wide / PAGE_WIDE).ceil().clamp(1.0, 100.0) as u16
}

/// A text that fits a cell: Excel takes 32,767 characters.
fn clean(text: &str) -> String {
    crate::page::plain(text).chars().take(32_767).collect()
}

fn column(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
