//! The page of a small network, of a very large one, and of one whose names are hostile.

use std::{fmt::Write, time::Duration};

use kentongan_model::{
    event::{Amendment, Change, IncidentRecord, Reason, SiteRef},
    state::Cause,
};
use kentongan_timeline::{CauseEvidence, DarkPort, Interval};

use super::*;
use crate::ledger::Telling;

const SMALL: &str = r#"
[network]
name = "Kabupaten Uji"
operator = "Dinkominfo Uji"

[[site]]
id = "noc"
name = "NOC"
kind = "backbone"
address = "10.0.0.1"

[[site]]
id = "kec-a"
name = "Kecamatan A"
kind = "kecamatan"
region = "33.03.07"
upstream = ["noc"]
address = "10.0.1.1"

[[site]]
id = "desa-a"
name = "Desa <b>A</b> & 'lain'"
kind = "desa"
region = "33.03.07.2001"
upstream = ["kec-a"]
address = "10.0.1.2"

[[site]]
id = "desa-b"
name = "Desa B"
kind = "desa"
region = "33.03.08.2001"
upstream = ["noc"]
address = "10.0.1.3"

[[site]]
id = "taman"
name = "Taman"
kind = "hotspot"
upstream = ["noc"]
address = "10.0.1.4"
"#;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-01T04:14:30Z")
}

fn site(state: State, from: &str) -> SiteNow {
    let interval = Interval { state, from: at(from), to: now(), roots: Vec::new() };
    SiteNow { tail: vec![interval], never_answered: false, unproven: Vec::new(), against: Vec::new() }
}

fn named(id: &str, name: &str) -> SiteRef {
    SiteRef { id: id.to_owned(), name: name.to_owned(), kind: Kind::Desa, region: None, provider: None }
}

fn incident(root: SiteRef, affected: Vec<SiteRef>) -> Kept {
    let started_at = at("2026-10-31T21:40:00Z");
    let record = IncidentRecord {
        id: 1,
        root,
        started_at,
        confirmed_at: started_at + Duration::from_secs(30),
        ended_at: None,
        affected,
        cause: Cause::Undetermined,
        maintenance: false,
        off_hours: false,
        flapping: false,
        revision: 1,
        revised_at: None,
        amendments: Vec::new(),
    };
    Kept { record, evidence: CauseEvidence::default(), telling: Telling::Opened }
}

/// The same, of which a delivery that came late told more.
fn revised(root: SiteRef, affected: Vec<SiteRef>) -> Kept {
    let mut kept = incident(root, affected);
    let (from, to) = (at("2026-10-31T21:30:00Z"), at("2026-11-01T03:00:00Z"));
    kept.record.cause = Cause::Link;
    kept.evidence.measured_at = Some(at("2026-10-31T21:41:00Z"));
    kept.evidence.dark_port = Some(DarkPort {
        site: "noc".parse().unwrap(),
        interface: "sfp<1>".to_owned(),
        since: at("2026-10-31T21:39:00Z"),
    });
    kept.record.off_hours = true;
    kept.record.revision = 2;
    kept.record.amendments = vec![Amendment {
        revision: 2,
        at: now(),
        changes: vec![Change::Cause { was: Cause::Undetermined, now: Cause::Link }],
        reasons: vec![Reason::LateData { agent: "kec-a".to_owned(), from, to, late_s: 4470 }],
    }];
    kept
}

fn small(language: Language) -> String {
    let network = Network::parse(SMALL).unwrap();
    let states = [
        ("noc", site(State::Up, "2026-10-01T00:00:00Z")),
        ("kec-a", site(State::Down, "2026-10-31T21:40:00Z")),
        ("desa-a", site(State::Unreachable, "2026-10-31T21:40:00Z")),
        ("desa-b", site(State::Degraded, "2026-10-30T01:00:00Z")),
    ];
    let sites = states.map(|(id, now)| (id.parse().unwrap(), now)).into();
    let incidents = [revised(named("kec-a", "Kecamatan A"), vec![named("desa-a", "Desa <b>A</b> & 'lain'")])];
    let uptimes = [("network", 99.996), ("kind:backbone", 100.0), ("kecamatan:33.03.07", 75.5)];
    let uptimes = uptimes.map(|(key, pct)| (key.to_owned(), pct)).into();
    let facts =
        Facts { network: &network, now: now(), sites: &sites, incidents: &incidents, uptimes: &uptimes };
    Page::of(&facts, language).render().unwrap()
}

/// `count` villages of that name in so many kecamatan, the nth in the state of n; an incident for each that is down.
fn large(count: usize, kecamatans: usize, name: &str, state: impl Fn(usize) -> State) -> String {
    let mut text = String::from("[network]\nname = \"Provinsi\"\n");
    for number in 0..count {
        let (regency, kecamatan, desa) =
            (number % kecamatans % 35 + 1, number % kecamatans / 35 + 1, number / kecamatans + 2001);
        let (high, low) = (number / 250, number % 250 + 1);
        let _ = write!(
            text,
            "[[site]]\nid = \"desa-{number}\"\nname = \"{name} {number}\"\nkind = \"desa\"\n\
             region = \"33.{regency:02}.{kecamatan:02}.{desa}\"\naddress = \"10.1.{high}.{low}\"\n"
        );
    }
    let network = Network::parse(&text).unwrap();
    let places = network.sites.iter().enumerate();
    let sites: BTreeMap<SiteId, SiteNow> =
        places.map(|(n, one)| (one.id.clone(), site(state(n), "2026-10-31T21:40:00Z"))).collect();
    let uptimes = (0..99).flat_map(|a| (0..99).map(move |b| (format!("kecamatan:33.{a:02}.{b:02}"), 99.994)));
    let uptimes = uptimes.chain([("network".to_owned(), 99.98)]).collect();
    let downs = network.sites.iter().enumerate().filter(|(n, _)| state(*n) == State::Down);
    let affected = vec![named("x", name); 200];
    let incidents: Vec<Kept> =
        downs.map(|(_, site)| revised(named(site.id.as_str(), &site.name), affected.clone())).collect();
    let facts =
        Facts { network: &network, now: now(), sites: &sites, incidents: &incidents, uptimes: &uptimes };
    Page::of(&facts, Language::Id).render().unwrap()
}

#[test]
fn a_small_network_with_an_outage_reads_well_in_both_languages() {
    for (name, language) in [("small_id", Language::Id), ("small_en", Language::En)] {
        let page = small(language);
        insta::assert_snapshot!(name, page.split_once("</style>").unwrap().1);
    }
}

#[test]
fn names_cannot_become_markup_and_nothing_runs_or_is_fetched() {
    let page = small(Language::Id);
    assert!(!page.contains("<b>A</b>") && page.contains("Desa &#60;b&#62;A"), "{page}");
    for forbidden in ["<script", "<link", "<img", "src=", "url(", "@import", "http://", "https://"] {
        assert!(!page.contains(forbidden), "{forbidden} in {page}");
    }
}

#[test]
fn a_kabupaten_of_494_villages_is_listed_whole() {
    let page = large(494, 16, "Desa Karangduwur", |n| if n % 50 == 0 { State::Down } else { State::Up });
    assert_eq!(page.matches("<li class=u>Desa").count() + page.matches("<li class=d>Desa").count(), 494);
    assert!(page.len() < PAGE_BYTES, "{} bytes", page.len());
}

#[test]
fn the_page_of_8563_sites_stays_under_30_kilobytes_and_names_those_in_trouble_first() {
    let hostile = "'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&'&";
    let few = |n| if n % 430 == 7 { State::Down } else { State::Up };
    let many = |n| if n % 17 == 0 { State::Down } else { State::Up };
    let nothing_known = |_| State::Unknown;
    let all_ways = |n: usize| STATES[n % 5];
    for name in ["Desa Karangduwur", hostile] {
        let pages = [
            large(8563, 576, name, |_| State::Up),
            large(8563, 576, name, few),
            large(8563, 576, name, many),
            large(8563, 576, name, nothing_known),
            large(8563, 576, name, all_ways),
        ];
        for page in &pages {
            assert!(page.len() < PAGE_BYTES, "{} bytes", page.len());
            assert!(page.len() > 20_000, "{} bytes: there was room for more", page.len());
        }
    }
    let page = large(8563, 576, "Desa Karangduwur", few);
    assert_eq!(page.matches("<i>putus sejak 04.40").count(), 20);
    assert!(page.contains("+ 14 tersambung") && page.contains("kecamatan lainnya: + "), "{page}");
}
