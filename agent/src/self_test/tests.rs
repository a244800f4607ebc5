//! Reports as a technician reads them.

use std::time::Duration;

use super::{Report, Topic, Verdict, found::*};
use crate::{language::Language, uplink::Obstacle};

fn report() -> Report {
    Report {
        found: vec![
            Found::Configured { agent: "kec-a".parse().unwrap(), collector: "https://k.example".to_owned() },
            Found::MisplacedFolder { purpose: Purpose::Memory, folder: "/etc/x".into() },
            Found::Running,
            Found::MayPing { lacking: Some("IPv6".to_owned()) },
            Found::GatewayAnswers { address: "10.0.0.1".parse().unwrap(), rtt_us: 1_260 },
            Found::NameKnown {
                host: "k.example".to_owned(),
                addresses: vec!["10.9.9.9".parse().unwrap(), "fd00::9".parse().unwrap()],
                took: Duration::from_millis(31),
            },
            Found::Unconnected { obstacle: Obstacle::CertificateTime, error: "not valid yet".to_owned() },
            Found::Device {
                subject: "kec-a/olt".parse().unwrap(),
                address: "10.0.0.2".parse().unwrap(),
                description: "OLT\r\n\u{1b}[31mZTE C320\0".to_owned(),
            },
        ],
    }
}

#[test]
fn a_report_says_in_indonesian_what_is_so_and_what_to_do() {
    assert_eq!(
        report().text(Language::Id),
        "\
baik    konfigurasi   agen kec-a, kolektor https://k.example
awas    folder        /etc/x ada di flash, yang menjadi aus karena terus ditulis
                      → pilih folder di tmpfs untuk memory_dir (OpenWrt: /tmp/kentongan-agent)
baik    layanan       agen sedang berjalan
baik    ping          boleh ping; tanpa IPv6
baik    gateway       10.0.0.1 menjawab dalam 1.2 ms
baik    DNS           k.example = 10.9.9.9, fd00::9 (31 ms)
GAGAL   TLS           kolektor tidak terjangkau: not valid yet
                      → setel jam router (NTP); kalau jam sudah benar, sertifikatnya kedaluwarsa
baik    SNMP          kec-a/olt (10.0.0.2): OLT [31mZTE C320
6 baik, 1 perlu diperhatikan, 1 gagal
"
    );
}

#[test]
fn the_same_in_english_and_for_programs() {
    let report = report();
    let text = report.text(Language::En);
    assert!(
        text.contains("FAILED  tls           the collector cannot be reached: not valid yet\n"),
        "{text}"
    );
    assert!(text.ends_with("6 ok, 1 to look at, 1 failed\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&report.json(Language::Id)).unwrap();
    assert_eq!(json["passed"], false);
    assert_eq!(json["checks"][6]["name"], "tls");
    assert_eq!(json["checks"][6]["verdict"], "fail");
    assert!(json["checks"][6]["remedy"].as_str().unwrap().contains("NTP"));
    assert_eq!(json["checks"][0].get("remedy"), None);
}

#[test]
fn whatever_is_doubtful_or_fails_says_what_to_do_in_both_languages_unless_nothing_can_be_done() {
    let time = kentongan_model::time::Timestamp::from_millis(0);
    let (subject, address): (kentongan_model::id::Subject, std::net::IpAddr) =
        ("kec-a/olt".parse().unwrap(), "10.0.0.2".parse().unwrap());
    let error = || "x".to_owned();
    let mut findings = vec![
        Found::Unconfigured { error: error() },
        Found::NarrowFolder { purpose: Purpose::Flash, folder: "/x".into(), free_kb: 1 },
        Found::MisplacedFolder { purpose: Purpose::Flash, folder: "/x".into() },
        Found::Unwritable { folder: "/x".into(), error: error() },
        Found::NotRunning,
        Found::MayNotPing { error: error() },
        Found::LoopbackSilent,
        Found::GatewaySilent { address },
        Found::NoGateway,
        Found::NameUnknown { host: error(), error: error() },
        Found::ClockOff { ahead_ms: -90_000 },
        Found::ClockUnset { now: time, needed: true },
        Found::ClockUnset { now: time, needed: false },
        Found::AddressUnusable { error: error() },
        Found::EmptyPlan,
        Found::TokenRefused,
        Found::AgentUnknown,
        Found::PlanUnusable { error: error() },
        Found::Unexpected { status: 502 },
        Found::NoPlan,
        Found::TargetsSilent { silent: vec![subject.clone()], more: 2, of: 9 },
        Found::DeviceSilent { subject, address, access: "SNMP v2c".to_owned(), error: error() },
    ];
    findings.extend(
        [
            Obstacle::Unreachable,
            Obstacle::Slow,
            Obstacle::CertificateTime,
            Obstacle::CertificateIssuer,
            Obstacle::CertificateName,
            Obstacle::Tls,
            Obstacle::Foreign,
        ]
        .map(|obstacle| Found::Unconnected { obstacle, error: error() }),
    );
    for found in findings {
        assert_ne!(found.verdict(), Verdict::Well, "{found:?}");
        let told = [Language::Id, Language::En].map(|language| super::words::told(&found, language));
        assert!(told.iter().all(|(_, remedy)| remedy.is_some()), "{found:?}");
        assert_ne!(told[0], told[1], "{found:?} is told in one language only");
    }
}

#[test]
fn a_topic_is_found_by_its_name() {
    assert_eq!(report().verdicts(Topic::Tls), [Verdict::Failed]);
    assert!(!report().passed());
}
