//! The sample network's October in every format: held against golden texts, printed twice to the same bytes, its seal
//! found again, and proof against what people may write into a name.
//!
//! Pages are read back with poppler's `pdftotext` (Debian: `poppler-utils`), the workbook with calamine.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Cursor,
    path::PathBuf,
    process::{Command, Output},
};

use calamine::{Data, Reader, Xlsx};
use kentongan_model::inventory::Language::{self, En, Id};
use kentongan_press::{Asked, Format, find_seal, print};
use kentongan_reports::{Report, sample};

fn printed(report: &Report, format: Format, language: Language) -> Vec<u8> {
    print(report, format, language).unwrap()
}

/// Leaves the file where a person can look at it, and gives the path.
fn kept(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program} cannot be run ({error}): install poppler-utils"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn pages(name: &str, bytes: &[u8]) -> String {
    let path = kept(name, bytes);
    let output = run("pdftotext", &["-layout", path.to_str().unwrap(), "-"]);
    String::from_utf8(output.stdout).unwrap().replace('\u{a0}', " ").replace('\u{200b}', "")
}

fn workbook(bytes: Vec<u8>) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(bytes)).unwrap()
}

fn cells(bytes: Vec<u8>) -> String {
    let mut book = workbook(bytes);
    let mut text = String::new();
    for name in book.sheet_names() {
        writeln!(text, "== {name}").unwrap();
        for row in book.worksheet_range(&name).unwrap().rows() {
            let row: Vec<_> = row.iter().map(ToString::to_string).collect();
            writeln!(text, "{}", row.join(" | ").trim_end()).unwrap();
        }
    }
    text
}

#[test]
fn the_same_report_is_the_same_bytes_and_its_seal_is_found() {
    let report = sample::report();
    for format in Format::ALL {
        for language in [Id, En] {
            let bytes = printed(&report, format, language);
            assert_eq!(bytes, printed(&report, format, language), "{format} differs from itself");
            assert_eq!(find_seal(&bytes), Some(Asked::of(&report, format, language)), "{format} has no seal");
        }
    }
    // Where the seal stands at the end, half a file has none.
    for format in [Format::Csv, Format::Xlsx] {
        let bytes = printed(&report, format, Id);
        assert_eq!(find_seal(&bytes[..bytes.len() / 2]), None, "half of {format}");
    }
    for nonsense in
        [&b""[..], b"%PDF-", b"PK\x03\x04", b"kentongan-seal:1:", b"kentongan-seal:1:AAAA:", b"{\xff"]
    {
        assert_eq!(find_seal(nonsense), None);
    }
}

#[test]
fn json_is_the_report_itself() {
    let report = sample::report();
    let bytes = printed(&report, Format::Json, Id);
    let token = Asked::of(&report, Format::Json, Id).token();
    let alone = serde_json::to_string_pretty(&report).unwrap();
    let sealed = format!("{{\n  \"token\": \"{token}\",{}\n", alone.strip_prefix('{').unwrap());
    assert!(sealed.as_bytes() == bytes, "the report's own JSON with the token in front");

    // The golden text keeps one site, and of its month one day.
    let mut golden: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let sites = golden["sites"].as_array_mut().unwrap();
    sites.retain(|site| site["id"] == "desa-brunorejo");
    sites[0]["days"].as_array_mut().unwrap().truncate(1);
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&golden).unwrap());
}

#[test]
fn the_golden_tables_of_october() {
    let report = sample::report();
    for (name, language) in [("id", Id), ("en", En)] {
        let bytes = printed(&report, Format::Csv, language);
        kept(&format!("october-{name}.csv"), &bytes);
        insta::assert_snapshot!(format!("csv-{name}"), String::from_utf8(bytes).unwrap().replace('\r', ""));
    }
    let bytes = printed(&report, Format::Xlsx, Id);
    kept("october.xlsx", &bytes);
    insta::assert_snapshot!("xlsx", cells(bytes));
}

#[test]
fn the_golden_pages_of_october() {
    let report = sample::report();
    for (name, language) in [("id", Id), ("en", En)] {
        let bytes = printed(&report, Format::Pdf, language);
        insta::assert_snapshot!(format!("pdf-{name}"), pages(&format!("october-{name}.pdf"), &bytes));
    }
    let html = printed(&report, Format::Html, Id);
    kept("october.html", &html);
    // What it says, without how it looks.
    let html = String::from_utf8(html).unwrap();
    let (head, rest) = html.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    insta::assert_snapshot!("html", format!("{head}{body}"));
}

#[test]
fn numbers_of_the_workbook_are_numbers_and_its_times_are_times() {
    let mut book = workbook(printed(&sample::report(), Format::Xlsx, Id));
    let names = book.sheet_names();
    assert_eq!(names, ["Ringkasan", "Lokasi", "Gangguan", "Kontrak", "Tidak dihitung", "Harian"]);
    let sites = book.worksheet_range("Lokasi").unwrap();
    let titles: Vec<String> = sites.rows().next().unwrap().iter().map(ToString::to_string).collect();
    let column = |title: &str| titles.iter().position(|known| known == title).unwrap();
    let row = sites.rows().find(|row| row[0] == "kec-bruno").unwrap();
    assert!(matches!(row[column("Ketersediaan")], Data::Float(uptime) if (0.9..1.0).contains(&uptime)));
    assert!(
        matches!(&row[column("Mulai")], Data::DateTime(time) if time.as_f64() == 46_296.0),
        "1 October 2026"
    );
    let gowong = sites.rows().find(|row| row[0] == "desa-gowong").unwrap();
    assert_eq!(gowong[column("Ketersediaan")].to_string(), "data kurang");
}

#[test]
fn what_people_write_is_text_in_every_format() {
    let names = [
        "=cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd",
        "<script>alert(1)</script> \"&amp;'",
        "#panic(\"x\") *b* _i_ $x^2$ `r` @ref <l> // /* \\ = h",
        "ꦏꦺꦤ꧀ꦠꦺꦴꦔꦤ꧀",
        "Sangatpanjangsekalitanpaspasinamadesainisampaitidakmuatdikolommanapunjuga",
        "baris\nbaru\u{202e}terbalik",
        "kentongan-seal:1:e30:",
    ];
    let mut report = sample::report();
    for (site, name) in report.sites.iter_mut().zip(names) {
        site.name = name.to_owned();
        site.provider = Some(name.to_owned());
    }
    report.network = names[2].to_owned();
    report.operator = Some(names[3].to_owned());

    for format in Format::ALL {
        let bytes = printed(&report, format, Id);
        assert_eq!(find_seal(&bytes), Some(Asked::of(&report, format, Id)), "{format}");
    }
    let html = String::from_utf8(printed(&report, Format::Html, Id)).unwrap();
    assert!(!html.contains("<script") && html.contains("&#60;script&#62;alert(1)"));
    let csv = String::from_utf8(printed(&report, Format::Csv, En)).unwrap();
    assert!(csv.contains(",'=cmd|' /C calc'!A0,") && csv.contains(",'@SUM(1+1)*cmd,"));
    let text = pages("hostile.pdf", &printed(&report, Format::Pdf, Id));
    let joined: String = text.split_whitespace().collect();
    for name in &names[..4] {
        let name: String = name.split_whitespace().collect();
        let start: String = name.chars().take(12).collect();
        assert!(joined.contains(&start), "the pages lack {start}");
    }
    let mut book = workbook(printed(&report, Format::Xlsx, Id));
    let sheets = book.sheet_names();
    let formulas: usize =
        sheets.iter().map(|name| book.worksheet_formula(name).unwrap().used_cells().count()).sum();
    assert_eq!(formulas, 0);
    let written: BTreeSet<String> =
        book.worksheet_range("Lokasi").unwrap().rows().map(|row| row[1].to_string()).collect();
    assert!(written.contains(names[0]) && written.contains(names[3]));
}

#[test]
fn a_month_without_enough_data_says_so_instead_of_a_number() {
    let mut report = sample::report();
    report.summary.figures.enough = false;
    for site in &mut report.sites {
        site.figures.enough = false;
        site.sla_met = None;
    }
    let html = String::from_utf8(printed(&report, Format::Html, En)).unwrap();
    assert!(html.contains("Less than 90 % of this month was observed"));
    let text = pages("too-little.pdf", &printed(&report, Format::Pdf, Id));
    assert!(text.contains("Kurang dari 90 %") && text.matches("data kurang").count() > report.sites.len());
}
