//! `kentongan report` as a manager uses it: written in every format, held against the journal, and found out when one
//! character of it was changed.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::Duration,
};

const INVENTORY: &str = "[network]\nname = \"Uji\"\n[defaults]\ninterval = \"1s\"\nreport_interval = \"1s\"\n\
    [[site]]\nid = \"kec-kutoarjo\"\nname = \"Kutoarjo\"\nkind = \"kecamatan\"\naddress = \"127.0.0.9\"\nprovider = \"Icon+\"\n\
    [[contract]]\nprovider = \"Icon+\"\ntarget = 99.5\nmin_outage = \"300s\"\nnot_counted = [\"power\"]\n";

const FORMATS: [&str; 5] = ["json", "csv", "xlsx", "pdf", "html"];

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kentongan"));
    command.current_dir(folder).env_clear().args(arguments);
    command
}

fn report(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } =
        command(folder, &[&["report"], arguments].concat()).output().expect("the command runs");
    let text = String::from_utf8([stdout, stderr].concat()).expect("text");
    (status.code().expect("an exit code"), text)
}

/// A collector that ends with the test.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the product until it has judged something; then it is killed, which a report has to bear.
fn watched(folder: &Path) {
    fs::write(folder.join("hotspots.toml"), INVENTORY).expect("an inventory");
    let mut up = command(folder, &["up", "--listen", "127.0.0.1:0"]);
    let up = Up(up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command runs"));
    for _ in 0..300 {
        let (code, text) = report(folder, &["--month", &this_month(folder), "--format", "json", "-o", "-"]);
        if code == 0 && text.contains("\"up_s\": ") && !text.contains("\"journal_position\": 0") {
            drop(up);
            return;
        }
        sleep(Duration::from_millis(200));
    }
    panic!("nothing was judged within a minute");
}

/// The month of the network, as the refusal of a month to come tells it; asked of the system as a user would.
fn this_month(folder: &Path) -> String {
    let asked = Command::new("date").env("TZ", "Asia/Jakarta").arg("+%Y-%m").current_dir(folder).output();
    String::from_utf8(asked.expect("a date").stdout).expect("text").trim().to_owned()
}

/// The file with one digit that a reader sees made another; of what is packed, with one bit turned.
fn altered(format: &str, bytes: &[u8]) -> Vec<u8> {
    let behind = match format {
        "json" => "\"up_s\": ",
        "csv" => "kec-kutoarjo",
        "html" => "<td",
        _ => {
            let mut altered = bytes.to_vec();
            let middle = bytes.len() / 2;
            altered[middle] ^= 1;
            return altered;
        }
    };
    let start = bytes.windows(behind.len()).position(|window| window == behind.as_bytes()).expect(behind);
    let digit = (start..bytes.len())
        .find(|at| bytes[*at].is_ascii_digit() && (format != "html" || bytes[*at - 1] == b'>'))
        .expect("a digit");
    let mut altered = bytes.to_vec();
    altered[digit] = if altered[digit] == b'9' { b'8' } else { altered[digit] + 1 };
    altered
}

#[test]
fn a_report_in_any_format_holds_until_one_digit_of_it_is_changed() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    watched(folder);
    let month = this_month(folder);
    for format in FORMATS {
        let file = format!("laporan.{format}");
        assert_eq!(report(folder, &["--month", &month, "-o", &file]).0, 0);
        let (code, told) = report(folder, &["--verify", &file]);
        assert!(code == 0 && told.contains(" holds: "), "{format}: {told}");

        let bytes = fs::read(folder.join(&file)).expect("the report");
        fs::write(folder.join(&file), altered(format, &bytes)).expect("the report");
        let (code, told) = report(folder, &["--verify", &file]);
        assert!(code == 1 && told.contains(" was altered: "), "{format}: {told}");
    }
}

#[test]
fn a_report_that_cannot_be_is_refused_with_a_sentence() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    let (code, told) = report(folder, &["--month", "2026-01", "-o", "laporan.pdf"]);
    assert!(code != 0 && told.contains("--data"), "{told}");
    watched(folder);
    for (arguments, words) in [
        (&["--month", "9999-01", "-o", "laporan.pdf"][..], "9999-01"),
        (&["--month", "2001-01", "-o", "laporan.pdf"], "2001-01"),
        (&["--month", "Oktober", "-o", "laporan.pdf"], "Oktober"),
        (&["--by", "warna", "-o", "laporan.pdf"], "warna"),
        (&["-o", "laporan.docx"], "--format"),
        (&["--month", &this_month(folder), "-o", "missing/laporan.pdf"], "missing/laporan.pdf"),
        (&["--verify", "hotspots.toml"], "seal"),
    ] {
        let (code, told) = report(folder, arguments);
        assert!(code != 0 && told.contains(words), "{arguments:?} told: {told}");
        assert!(!folder.join("laporan.pdf").exists(), "{arguments:?} left a file");
    }
}
