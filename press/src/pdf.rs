//! PDF: pages to print, sign and file, set by typst from `templates/report.typ` and the page as JSON.
//!
//! Rule guarded here: nothing but template, page and fonts of this room goes in (no files, no packages, no clock), so the
//! same page is the same bytes. What people wrote comes as strings of the JSON, which typst sets and never evaluates.

use std::sync::LazyLock;

use kentongan_model::inventory::Language;
use kentongan_reports::Report;
use serde_json::Value;
use typst::{
    Library, LibraryExt, World, comemo,
    diag::{FileError, FileResult, SourceDiagnostic},
    foundations::{Bytes, Datetime, Duration, Smart},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, Timestamp};

use crate::{Format, PrintError, page::Page};

const TEMPLATE: &str = include_str!("../templates/report.typ");
/// Latin and Javanese, regular and bold; `fonts/README.md` tells where they come from.
const FONTS: [&[u8]; 4] = [
    include_bytes!("../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../fonts/NotoSans-Bold.ttf"),
    include_bytes!("../fonts/NotoSansJavanese-Regular.ttf"),
    include_bytes!("../fonts/NotoSansJavanese-Bold.ttf"),
];
/// Runs of letters longer than this get places where a line may break, so that no name leaves its column.
const MAX_WORD: usize = 16;

/// A place where a line may break, of no width.
const BREAK: char = '\u{200b}';

static DESK: LazyLock<Desk> = LazyLock::new(Desk::new);

/// What is the same for every document.
struct Desk {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    template: Source,
    page: FileId,
}

impl Desk {
    fn new() -> Desk {
        let fonts: Vec<Font> = FONTS.iter().filter_map(|data| Font::new(Bytes::new(*data), 0)).collect();
        Desk {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            template: Source::new(file("report.typ"), TEMPLATE.to_owned()),
            page: file("page.json"),
        }
    }
}

#[expect(clippy::expect_used, reason = "the names are constants")]
fn file(name: &str) -> FileId {
    RootedPath::new(VirtualRoot::Project, VirtualPath::new(name).expect("a plain name")).intern()
}

/// One document being set: the desk, and its page.
struct Setting {
    page: Bytes,
}

impl World for Setting {
    fn library(&self) -> &LazyHash<Library> {
        &DESK.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &DESK.book
    }

    fn main(&self) -> FileId {
        DESK.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == DESK.template.id() { Ok(DESK.template.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == DESK.page { Ok(self.page.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        DESK.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

pub(crate) fn print(report: &Report, language: Language) -> Result<Vec<u8>, PrintError> {
    let page = Page::of(report, Format::Pdf, language)?;
    let [year, month, day, hour, minute, second] = page.made;
    let [month, day, hour, minute, second] =
        [month, day, hour, minute, second].map(|part| u8::try_from(part).unwrap_or(0));
    let made = Datetime::from_ymd_hms(year, month, day, hour, minute, second);
    let mut input = serde_json::to_value(&page)?;
    for part in ["about", "sections"] {
        input.get_mut(part).map(soften);
    }
    let setting = Setting { page: Bytes::new(serde_json::to_vec(&input)?) };
    let options = PdfOptions {
        ident: Smart::Custom(page.token),
        creator: Smart::Custom(Some(format!("Kentongan {}", report.seal.version))),
        timestamp: made.map(Timestamp::new_utc),
        ..PdfOptions::default()
    };
    let document = typst::compile::<PagedDocument>(&setting).output.map_err(|faults| said(&faults))?;
    let bytes = typst_pdf::pdf(&document, &options).map_err(|faults| said(&faults));
    // What typst remembers of a document is of no use to the next one, and grows.
    comemo::evict(0);
    bytes
}

fn said(faults: &[SourceDiagnostic]) -> PrintError {
    let said: Vec<_> = faults.iter().take(3).map(|fault| fault.message.to_string()).collect();
    PrintError::Pdf(said.join("; "))
}

/// Gives every text within places where a line may break.
fn soften(value: &mut Value) {
    match value {
        Value::String(text) => *text = softened(text),
        Value::Array(values) => values.iter_mut().for_each(soften),
        Value::Object(fields) => fields.values_mut().for_each(soften),
        _ => {}
    }
}

fn softened(text: &str) -> String {
    let (mut soft, mut run) = (String::with_capacity(text.len()), 0);
    for letter in text.chars() {
        // Only plain letters: other scripts are shaped together and are torn by what stands between them.
        run = if letter.is_ascii_graphic() { run + 1 } else { 0 };
        if run > MAX_WORD {
            soft.push(BREAK);
            run = 1;
        }
        soft.push(letter);
    }
    soft
}
