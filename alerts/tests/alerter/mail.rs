//! Mail, through a real aiosmtpd: in the clear, by STARTTLS and by TLS, with a login, and with recipients in trouble.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{
    peers::{Collector, Office},
    tale::{mended, opened, outage, resolved},
};

/// aiosmtpd, as its own process.
struct Mailbox {
    port: u16,
    mails: Lines<BufReader<ChildStdout>>,
    _server: Child,
}

impl Mailbox {
    async fn start(options: &[&str]) -> Self {
        let room = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = room.join("../target/peers/venv/bin/python");
        assert!(python.exists(), "aiosmtpd is not installed in {}; run `make peers`", python.display());
        let mut server = Command::new(python)
            .arg(room.join("tests/peers/mailbox.py"))
            .args(options)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut mails = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = mails.next_line().await.unwrap().expect("aiosmtpd did not start").parse().unwrap();
        Mailbox { port, mails, _server: server }
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(std::time::Duration::from_secs(30), self.mails.next_line());
        serde_json::from_str(&line.await.expect("no mail came").unwrap().expect("aiosmtpd is gone")).unwrap()
    }
}

fn channel(mailbox: &Mailbox, more: &str) -> String {
    format!(
        r#"[[channel]]
kind = "smtp"
name = "surel"
host = "localhost"
port = {}
from = "Kentongan <kentongan@purworejokab.example>"
{more}
"#,
        mailbox.port
    )
}

/// A certificate authority and a certificate for localhost, made by openssl.
fn certificate(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let file = |name: &str| folder.join(name);
    let (authority, authority_key) = (file("ca.pem"), file("ca.key"));
    let (certificate, key) = (file("cert.pem"), file("cert.key"));
    let openssl = |arguments: &[&str]| {
        let curve = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let done = std::process::Command::new("openssl").args(curve).args(arguments).output();
        let done = done.expect("openssl is not installed; run `make peers`");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let text = |path: &PathBuf| path.display().to_string();
    openssl(&[
        "-subj",
        "/CN=Uji CA",
        "-days",
        "30",
        "-keyout",
        &text(&authority_key),
        "-out",
        &text(&authority),
    ]);
    openssl(&[
        "-subj",
        "/CN=localhost",
        "-days",
        "30",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-CA",
        &text(&authority),
        "-CAkey",
        &text(&authority_key),
        "-keyout",
        &text(&key),
        "-out",
        &text(&certificate),
    ]);
    (authority, certificate, key)
}

#[tokio::test]
async fn a_mail_says_what_happened_in_its_subject_and_both_are_one_thread() {
    let (collector, mut mailbox) = (Collector::start().await, Mailbox::start(&[]).await);
    let more = "tls = \"none\"\nto = [\"ict@purworejokab.example\"]";
    let office = Office::new(&collector, &channel(&mailbox, more));
    let alerter = office.open();
    collector.write([opened(1, outage(7)), resolved(2, mended(7))]);
    let mails = [mailbox.next().await, mailbox.next().await];
    office.until_settled(2).await;
    alerter.close().await;

    assert_ne!(mails[0]["message_id"], mails[1]["message_id"]);
    assert_eq!(mails[0]["references"], mails[1]["references"]);
    let [mut first, mut second] = mails;
    for mail in [&mut first, &mut second] {
        mail["message_id"] = "<key@purworejokab.example>".into();
        mail["references"] = "<thread@purworejokab.example>".into();
    }
    insta::assert_json_snapshot!([first, second]);
}

#[tokio::test]
async fn mail_goes_encrypted_and_logged_in_by_starttls_and_by_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, certificate, key) = certificate(folder.path());
    let certificate = [&*certificate.to_string_lossy(), &*key.to_string_lossy()].map(str::to_owned);
    for tls in ["starttls", "tls"] {
        let option = format!("--{tls}");
        let options = ["--certificate", &certificate[0], &certificate[1], &option, "--login", "ict", "kunci"];
        let (collector, mut mailbox) = (Collector::start().await, Mailbox::start(&options).await);
        let more = format!(
            "tls = \"{tls}\"\nto = [\"ict@purworejokab.example\"]\nusername = \"ict\"\npassword = RAHASIA\nca_file = \"{}\"",
            authority.display()
        );
        let office = Office::new(&collector, &channel(&mailbox, &more));
        let alerter = office.open();
        collector.write([opened(1, outage(7))]);
        let mail = mailbox.next().await;
        alerter.close().await;
        assert_eq!((&mail["encrypted"], &mail["user"]), (&true.into(), &"ict".into()), "{tls}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_encrypt_or_is_not_trusted_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_, certificate, key) = certificate(folder.path());
    let certificate = [&*certificate.to_string_lossy(), &*key.to_string_lossy()].map(str::to_owned);
    let distrusted = ["--certificate", &certificate[0], &certificate[1], "--starttls"];
    for options in [&[][..], &distrusted] {
        let (collector, mailbox) = (Collector::start().await, Mailbox::start(options).await);
        let office = Office::new(&collector, &channel(&mailbox, "to = [\"ict@purworejokab.example\"]"));
        let name = "surel".parse().unwrap();
        let refused = kentongan_alerts::test(&office.config, &name, &office.clock).await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.starts_with("the test message did not arrive; surel:ict@purworejokab.example: "),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_recipient_that_is_refused_holds_up_no_other_and_a_busy_server_is_tried_again() {
    let options = ["--busy", "1", "--refuse", "pindah@purworejokab.example", "550"];
    let (collector, mut mailbox) = (Collector::start().await, Mailbox::start(&options).await);
    let more = "tls = \"none\"\nto = [\"pindah@purworejokab.example\", \"ict@purworejokab.example\"]";
    let office = Office::new(&collector, &channel(&mailbox, more));
    let alerter = office.open();
    collector.write([opened(1, outage(7)), resolved(2, mended(7))]);
    let subjects = [mailbox.next().await, mailbox.next().await].map(|mail| mail["subject"].clone());
    let arrived = "surel:ict@purworejokab.example: sent";
    let log = office
        .until_logged("both mails", |log| log.iter().filter(|l| l.contains(arrived)).count() == 2)
        .await;
    alerter.close().await;
    assert_eq!(subjects, ["🔴 PUTUS: Kecamatan Kutoarjo", "🟢 PULIH: Kecamatan Kutoarjo"]);
    assert!(
        log.contains(&"1 opened surel:pindah@purworejokab.example: waiting: a fault began".to_owned()),
        "{log:#?}"
    );
}
