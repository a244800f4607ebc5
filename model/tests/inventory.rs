//! The inventory as its users meet it: one file for each rule that refuses something, with all that is told about it,
//! and the files that must be taken, those of the documentation among them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use kentongan_model::{
    inventory::{AuthProtocol, Kind, Network, ReadError},
    plan::Access,
};

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The files `tests/inventory/<prefix>*.toml`, sorted.
fn files(prefix: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "toml") && stem(path).starts_with(prefix));
    files.sort();
    files
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

#[track_caller]
fn must_read(path: &Path) -> Network {
    Network::read(path).unwrap_or_else(|error| panic!("{}:\n{error}", path.display()))
}

#[test]
fn each_rule_refuses_its_file_and_says_what_to_do() {
    let files = files("invalid-");
    assert!(files.len() > 40, "only {} files", files.len());
    for path in files {
        let Err(ReadError::Faults { text, faults }) = Network::read(&path) else {
            panic!("{} has no fault", path.display());
        };
        let mut told = String::new();
        for fault in &faults.list {
            let place: String =
                text[fault.span.clone()].lines().next().unwrap_or_default().chars().take(40).collect();
            writeln!(told, "{}:{} «{place}» {}", fault.line, fault.column, fault.message).unwrap();
            fault.help.iter().for_each(|help| writeln!(told, "    {help}").unwrap());
        }
        insta::with_settings!({
            snapshot_path => "inventory",
            prepend_module_to_snapshot => false,
            omit_expression => true,
            description => text.lines().next().unwrap_or_default().trim_start_matches("# "),
        }, { insta::assert_snapshot!(stem(&path), told) });
    }
}

#[test]
fn what_the_rules_allow_is_taken() {
    let files = files("valid-");
    assert!(!files.is_empty());
    for path in files {
        must_read(&path);
    }
}

#[test]
fn every_key_arrives_where_it_belongs() {
    let network = must_read(&repository().join("model/tests/inventory/valid-everything.toml"));
    insta::with_settings!({
        snapshot_path => "inventory",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_debug_snapshot!("valid-everything", network) });
}

#[test]
fn what_has_no_offset_is_in_the_time_zone_of_the_network() {
    for (zone, written, meant) in [
        ("Asia/Jakarta", "2026-01-15", "2026-01-14T17:00:00.000Z"),
        ("Asia/Jayapura", "2026-01-15", "2026-01-14T15:00:00.000Z"),
        ("Asia/Jakarta", "2026-01-15T22:30:00", "2026-01-15T15:30:00.000Z"),
        ("Asia/Jakarta", "2026-01-15T22:30:00.2509+09:00", "2026-01-15T13:30:00.250Z"),
        ("Asia/Jakarta", "2026-01-15 22:30:00Z", "2026-01-15T22:30:00.000Z"),
        // Skipped by the clocks, and shown by them twice.
        ("Europe/Amsterdam", "2026-03-29T02:30:00", "2026-03-29T01:30:00.000Z"),
        ("Europe/Amsterdam", "2026-10-25T02:30:00", "2026-10-25T00:30:00.000Z"),
    ] {
        let text = format!(
            "[network]\nname = \"Uji\"\ntimezone = \"{zone}\"\n\
             [[site]]\nid = \"a\"\nname = \"A\"\nkind = \"desa\"\nsince = {written}\naddress = \"10.0.0.1\"\n"
        );
        let network = Network::parse(&text).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(network.sites[0].since.unwrap().to_string(), meant, "{written} in {zone}");
    }
}

#[test]
fn the_scenarios_are_watched_by_inventories_without_fault() {
    let mut read = 0;
    for folder in fs::read_dir(repository().join("tests/scenarios")).unwrap() {
        let path = folder.unwrap().path().join("inventory.toml");
        if path.exists() {
            assert!(!must_read(&path).sites.is_empty());
            read += 1;
        }
    }
    assert!(read >= 12, "only {read} scenarios");
}

#[test]
fn the_sample_of_the_documentation_is_an_inventory() {
    let text = fs::read_to_string(repository().join("docs/inventory.md")).unwrap();
    let mut read = 0;
    for block in text.split("```toml\n").skip(1) {
        let sample = block.split("```").next().unwrap();
        Network::parse(sample).unwrap_or_else(|faults| panic!("{faults}"));
        read += 1;
    }
    assert!(read > 0);
}

#[test]
fn the_sample_watches_purworejo_and_its_six_public_wifi_points_on_this_machine() {
    let network = must_read(&repository().join("hotspots.toml"));
    let hotspots: Vec<&str> = network
        .sites
        .iter()
        .filter(|site| site.kind == Kind::Hotspot)
        .map(|site| site.name.as_str())
        .collect();
    assert_eq!(
        hotspots,
        [
            "Romansa Kuliner Purworejo",
            "Alun-alun Besar Purworejo",
            "Museum Tosan Aji",
            "Pendopo Rumah Dinas Bupati",
            "Pendopo Wakil Bupati (Kutoarjo)",
            "Alun-alun Kutoarjo",
        ]
    );
    for site in &network.sites {
        assert!(site.targets.iter().all(|target| target.address.is_loopback()), "{}", site.id);
        assert!(
            site.region.as_ref().is_some_and(|region| region.as_str().starts_with("33.06")),
            "{}",
            site.id
        );
        assert!(!site.agent, "nobody starts the agent of {} beside `kentongan up`", site.id);
    }
}

/// The sample with its commented tables put in.
fn with_commented_tables(sample: &str) -> String {
    let mut inside = false;
    let mut text = String::new();
    for line in sample.lines() {
        inside = line.starts_with("# [") || inside && line.starts_with("# ");
        text += if inside { &line[2..] } else { line };
        text += "\n";
    }
    let keys = ["agent = true", "provider = ", "service_hours = "];
    let text = keys.iter().fold(text, |text, key| text.replace(&format!("\n# {key}"), &format!("\n{key}")));
    text.replace("address = \"127.6.9.1\"\n", "")
}

#[test]
fn what_the_sample_has_commented_out_is_right_too() {
    let sample = fs::read_to_string(repository().join("hotspots.toml")).unwrap();
    let network = Network::parse(&with_commented_tables(&sample)).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!((network.references.len(), network.maintenance.len(), network.credentials.len()), (1, 1, 1));
    assert_eq!(network.contracts.len(), 1);
    assert_eq!(network.sites.iter().filter(|site| site.agent).count(), 1);
    assert_eq!(network.sites.iter().filter(|site| site.service_hours.is_some()).count(), 1);
    assert_eq!(network.site(&"kec-kutoarjo".parse().unwrap()).unwrap().gateway().links.len(), 1);
}

#[test]
fn secrets_are_read_from_where_the_file_says_and_all_that_are_missing_are_told_at_once() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::write(folder.join("community"), "rahasia\n").unwrap();
    fs::write(folder.join("empty"), "\n").unwrap();
    let credential =
        |name: &str, version: &str, rest: &str| format!("[snmp.{name}]\nversion = \"{version}\"\n{rest}\n");
    let file = |name: &str| format!("{{ file = \"{}\" }}", folder.join(name).display());
    let good = format!(
        "[network]\nname = \"Uji\"\n{}{}{}",
        credential("old", "1", &format!("community = {}", file("community"))),
        credential("routers", "2c", &format!("community = {}", file("community"))),
        credential(
            "aps",
            "3",
            &format!(
                "user = \"kentongan\"\nauth = {{ protocol = \"sha256\", password = {} }}",
                file("community")
            )
        ),
    );
    let accesses = Network::parse(&good).unwrap().accesses().unwrap();
    let community = "rahasia".to_owned();
    let expected = [
        (
            "aps",
            Access::V3 {
                user: "kentongan".to_owned(),
                auth: Some((AuthProtocol::Sha256, community.clone())),
                privacy: None,
            },
        ),
        ("old", Access::V1 { community: community.clone() }),
        ("routers", Access::V2c { community }),
    ];
    assert_eq!(
        accesses.into_iter().collect::<Vec<_>>(),
        expected.map(|(id, access)| (id.parse().unwrap(), access))
    );

    let bad = good.clone()
        + &credential("empty", "2c", &format!("community = {}", file("empty")))
        + &credential("unset", "2c", "community = { env = \"KENTONGAN_TEST_NOT_SET\" }")
        + &credential("lost", "2c", "community = { file = \"/nonexistent/secret\" }");
    let missing = Network::parse(&bad).unwrap().accesses().unwrap_err();
    let names: Vec<&str> = missing.list.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(names, ["empty", "lost", "unset"]);
    let told = missing.to_string();
    for part in ["[snmp.empty]: the file", "/nonexistent/secret", "KENTONGAN_TEST_NOT_SET is not set"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("rahasia"));
}

#[test]
fn service_hours_are_taken_in_the_ways_that_people_write_them() {
    for (written, meant) in [
        (r#""Mon-Fri 07:00-17:00""#, "Mon-Fri 07:00-17:00"),
        (r#""mon – fri 7.00–17.00""#, "Mon-Fri 07:00-17:00"),
        (r#""Senin-Jumat 07.00-17.00""#, "Mon-Fri 07:00-17:00"),
        (r#""Sen-Jum 07:00-12:00, 13:00-16:00""#, "Mon-Fri 07:00-12:00, Mon-Fri 13:00-16:00"),
        (r#"["Mon-Fri 07:00-17:00", "Sat 07:00-12:00"]"#, "Mon-Fri 07:00-17:00, Sat 07:00-12:00"),
        (r#""Sat,Sun 08:00-20:00""#, "Sat-Sun 08:00-20:00"),
        (r#""Sab-Min 08:00-20:00""#, "Sat-Sun 08:00-20:00"),
        (r#""Fri-Mon 08:00-09:00""#, "Mon 08:00-09:00, Fri-Sun 08:00-09:00"),
        (r#""Mon-Sun 00:00-24:00""#, "Mon-Sun 00:00-24:00"),
        (r#""Fri 22:00-04:00""#, "Fri 22:00-24:00, Sat 00:00-04:00"),
        (r#""Sun 22:00-04:00""#, "Mon 00:00-04:00, Sun 22:00-24:00"),
        (r#""Mon 22:00-00:00""#, "Mon 22:00-24:00"),
        (r#"["Mon 07:00-12:00", "Mon 11:00-13:00"]"#, "Mon 07:00-13:00"),
    ] {
        let text = format!(
            "[network]\nname = \"Uji\"\n\
             [[site]]\nid = \"a\"\nname = \"A\"\nkind = \"hotspot\"\nservice_hours = {written}\naddress = \"10.0.0.1\"\n"
        );
        let network = Network::parse(&text).unwrap_or_else(|faults| panic!("{written}: {faults}"));
        let hours = network.sites[0].service_hours.as_ref().unwrap();
        assert_eq!(hours.to_string(), meant, "{written}");
    }
}
