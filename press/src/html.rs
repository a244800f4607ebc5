//! HTML: one file that needs nothing else, without scripts; reads on a telephone, prints on paper, in light and dark.

use askama::Template;
use kentongan_model::inventory::Language;
use kentongan_reports::Report;

use crate::{
    Format, PrintError,
    page::{Body, Page, Strips, Tone},
    strip::Mark,
};

#[derive(Template)]
#[template(path = "report.html")]
struct Document<'a> {
    page: &'a Page,
    marks: [Mark; 8],
}

pub(crate) fn print(report: &Report, language: Language) -> Result<Vec<u8>, PrintError> {
    let page = Page::of(report, Format::Html, language)?;
    Ok(Document { page: &page, marks: Mark::ALL }.render()?.into_bytes())
}

impl Tone {
    /// The class of the style sheet.
    fn class(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Strong => "strong",
            Tone::Bad => "bad",
            Tone::Faint => "faint",
        }
    }
}

impl Strips {
    /// The lines between the days of a strip, as one path.
    fn lines(&self) -> String {
        (1..self.days).map(|day| format!("M{} 0v10", day * 10)).collect()
    }
}
