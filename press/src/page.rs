//! A report as people read it: titles, facts, tables and strips, every text worded. PDF and HTML print this one value.
//!
//! Rule guarded here: a site, group or network without enough data says so, where its uptime would stand.

mod contracts;
mod facts;
mod sites;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use kentongan_model::{id::SiteId, inventory::Language};
use kentongan_reports::{Figures, Report, SiteReport};
use serde::Serialize;

use crate::{Asked, Format, PrintError, strip::Run, voice::Voice};

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) lang: &'static str,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) author: Option<String>,
    pub(crate) token: String,
    pub(crate) page: &'static str,
    pub(crate) of: &'static str,
    /// When it was computed: year, month, day, hour, minute, second, in UTC.
    pub(crate) made: [i32; 6],
    pub(crate) preliminary: Option<&'static str>,
    pub(crate) about: Vec<Fact>,
    pub(crate) sections: Vec<Section>,
}

/// A name and what it is.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// How a text is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tone {
    #[default]
    Plain,
    /// What matters.
    Strong,
    /// A target missed.
    Bad,
    /// Nothing to go by.
    Faint,
}

/// A heading and what stands under it.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) note: Option<String>,
    pub(crate) body: Body,
    /// Whether it begins a new page where there are pages.
    pub(crate) apart: bool,
}

/// What stands under a heading.
#[derive(Debug, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Body {
    Facts { facts: Vec<Fact> },
    Table(Table),
    Strips(Strips),
    Signature { place: &'static str, by: &'static str, name: &'static str, number: &'static str },
    Nothing,
}

/// Columns and rows.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// A column's heading; `wide` is its share of the width, words to the left, numbers to the right.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) wide: f32,
    pub(crate) number: bool,
}

/// A row of cells, or one text across the table, which tells what the rows below have in common.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) across: bool,
    pub(crate) cells: Vec<Cell>,
}

/// A text, with a smaller one below.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) small: Option<String>,
    pub(crate) tone: Tone,
}

/// A month of many sites, day by day.
#[derive(Debug, Serialize)]
pub(crate) struct Strips {
    pub(crate) site: &'static str,
    pub(crate) uptime: &'static str,
    pub(crate) days: usize,
    pub(crate) legend: Vec<Sign>,
    pub(crate) rows: Vec<StripRow>,
}

/// One entry of the legend.
#[derive(Debug, Serialize)]
pub(crate) struct Sign {
    pub(crate) mark: crate::strip::Mark,
    pub(crate) sign: &'static str,
    pub(crate) paper: &'static str,
    pub(crate) ink: &'static str,
    pub(crate) meaning: &'static str,
}

/// One site's month, or one text across.
#[derive(Debug, Serialize)]
pub(crate) struct StripRow {
    pub(crate) name: String,
    pub(crate) uptime: Cell,
    /// Empty: the name stands across, as a heading of those below.
    pub(crate) runs: Vec<Run>,
    /// The same as signs, one character a day.
    pub(crate) signs: String,
}

impl Page {
    /// `report`, worded for `format` in `language`.
    pub(crate) fn of(report: &Report, format: Format, language: Language) -> Result<Page, PrintError> {
        let voice = Voice::new(language, &report.timezone)?;
        let words = voice.words;
        let made = report.seal.made_at.to_jiff().to_zoned(TimeZone::UTC);
        let sites = report.sites.iter().map(|site| (&site.id, site)).collect();
        let writer = Writer { report, voice: &voice, sites };
        let mut sections = vec![writer.summary(), writer.causes()];
        sections.extend(writer.contracts());
        sections.push(writer.worst());
        sections.extend(writer.groups());
        sections.push(writer.signature());
        sections.push(writer.sites());
        sections.push(writer.strips());
        sections.extend(writer.annex());
        sections.push(writer.basis());
        Ok(Page {
            lang: words.code,
            title: words.report.to_owned(),
            subtitle: format!("{} – {}", plain(&report.network), voice.month(report.month)),
            author: report.operator.as_deref().map(plain),
            token: Asked::of(report, format, language).token(),
            page: words.page,
            of: words.of,
            made: [
                made.year().into(),
                made.month().into(),
                made.day().into(),
                made.hour().into(),
                made.minute().into(),
                made.second().into(),
            ],
            preliminary: (report.as_of < report.period.to).then_some(words.preliminary),
            about: writer.about(),
            sections,
        })
    }
}

/// Words a report section by section.
pub(crate) struct Writer<'a> {
    report: &'a Report,
    voice: &'a Voice,
    sites: BTreeMap<&'a SiteId, &'a SiteReport>,
}

impl Writer<'_> {
    /// A site's name; its id where the report has no such site.
    fn name(&self, id: &SiteId) -> String {
        self.sites.get(id).map_or_else(|| id.to_string(), |site| plain(&site.name))
    }

    /// A percentage, said only where enough was observed.
    fn uptime(&self, figures: &Figures, percentage: Option<f64>) -> Cell {
        match percentage.filter(|_| figures.enough) {
            Some(percentage) => Cell::of(self.voice.percent(percentage)),
            None => Cell { text: self.voice.words.not_enough.to_owned(), tone: Tone::Faint, small: None },
        }
    }

    fn percent(&self, percentage: Option<f64>) -> Cell {
        percentage.map_or_else(|| self.none(), |percentage| Cell::of(self.voice.percent(percentage)))
    }

    fn length(&self, seconds: Option<f64>) -> Cell {
        seconds.map_or_else(|| self.none(), |seconds| Cell::of(self.voice.length(seconds)))
    }

    fn verdict(&self, met: Option<bool>) -> Cell {
        let tone = match met {
            Some(true) => Tone::Plain,
            Some(false) => Tone::Bad,
            None => Tone::Faint,
        };
        Cell { text: self.voice.words.verdict(met).to_owned(), tone, small: None }
    }

    fn none(&self) -> Cell {
        Cell { text: self.voice.words.none.to_owned(), tone: Tone::Faint, small: None }
    }
}

impl Cell {
    fn of(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    fn with(self, small: impl Into<String>) -> Cell {
        Cell { small: Some(small.into()).filter(|small| !small.is_empty()), ..self }
    }
}

impl Row {
    fn of(cells: Vec<Cell>) -> Row {
        Row { across: false, cells }
    }

    fn across(text: impl Into<String>) -> Row {
        Row { across: true, cells: vec![Cell::of(text)] }
    }
}

impl Column {
    const fn words(title: &'static str, wide: f32) -> Column {
        Column { title, wide, number: false }
    }

    const fn number(title: &'static str, wide: f32) -> Column {
        Column { title, wide, number: true }
    }
}

/// What people wrote, without control characters and signs that turn the direction of reading: those have no place in
/// a line of text and could make it look like another.
pub(crate) fn plain(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
